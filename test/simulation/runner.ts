/** Many histories in a row, from consecutive seeds. */
import type { PlantName } from './plants.ts';
import { type HistoryResult, simulate } from './world.ts';

export interface RunOptions {
  histories: number;
  firstSeed: number;
  plant?: PlantName;
  /** Stop at the first history with a violation. */
  stopAtFirst?: boolean;
  onProgress?: (done: number, failed: number) => void;
}

export interface RunSummary {
  histories: number;
  failed: HistoryResult[];
  acked: number;
  events: number;
  faults: Record<string, number>;
}

export async function runHistories(options: RunOptions): Promise<RunSummary> {
  const summary: RunSummary = { histories: 0, failed: [], acked: 0, events: 0, faults: {} };
  for (let index = 0; index < options.histories; index++) {
    const result = await simulate({ seed: options.firstSeed + index, plant: options.plant });
    summary.histories++;
    summary.acked += result.acked;
    summary.events += result.events;
    for (const [kind, count] of Object.entries(result.faults))
      summary.faults[kind] = (summary.faults[kind] ?? 0) + count;
    if (result.violations.length > 0) summary.failed.push(result);
    options.onProgress?.(summary.histories, summary.failed.length);
    if (options.stopAtFirst && summary.failed.length > 0) break;
  }
  return summary;
}
