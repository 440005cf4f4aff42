/** Many histories in a row, from consecutive seeds: all, or those of one kind, as for a bug that shows in no other. */
import { AssertionError } from '../../lib/kernel/assert.ts';
import { type HistoryKind, seedsFrom } from './kinds.ts';
import { type PlantName, plantOf } from './plants.ts';
import { type HistoryResult, simulate } from './world.ts';

export interface RunOptions {
  histories: number;
  firstSeed: number;
  plant?: PlantName;
  /** Of this kind only. */
  kind?: HistoryKind;
  /** Stop at the first history with a violation. */
  stopAtFirst?: boolean;
  onProgress?: (summary: RunSummary) => void;
}

export interface RunSummary {
  histories: number;
  failed: HistoryResult[];
  acked: number;
  deleted: number;
  events: number;
  faults: Record<string, number>;
  producers: Record<string, number>;
  replicas: Record<string, number>;
  groups: Record<string, number>;
  triggers: Record<string, number>;
  lifecycle: Record<string, number>;
}

export function emptySummary(): RunSummary {
  return {
    histories: 0,
    failed: [],
    acked: 0,
    deleted: 0,
    events: 0,
    faults: {},
    producers: {},
    replicas: {},
    groups: {},
    triggers: {},
    lifecycle: {},
  };
}

/** Adds one summary to another; failures in the order of their seeds. */
export function addSummary(sum: RunSummary, part: RunSummary): void {
  sum.histories += part.histories;
  sum.acked += part.acked;
  sum.deleted += part.deleted;
  sum.events += part.events;
  addCounts(sum.faults, part.faults);
  addCounts(sum.producers, part.producers);
  addCounts(sum.replicas, part.replicas);
  addCounts(sum.groups, part.groups);
  addCounts(sum.triggers, part.triggers);
  addCounts(sum.lifecycle, part.lifecycle);
  sum.failed.push(...part.failed);
  sum.failed.sort((a, b) => a.seed - b.seed);
}

export async function runHistories(options: RunOptions): Promise<RunSummary> {
  const summary = emptySummary();
  const kind = plantOf(options.plant)?.kind ?? options.kind;
  for (const seed of seedsFrom(options.firstSeed, options.histories, kind)) {
    const result = await simulate({ seed, plant: options.plant }).catch((cause: unknown) => {
      // A program that has a bug may be caught by what it asserts itself.
      if (options.plant !== undefined && cause instanceof AssertionError) return assertedIn(seed, cause);
      throw new Error(`History ${seed} failed: ${String(cause)}`, { cause });
    });
    const { seed: _, fingerprint: __, violations, ...counted } = result;
    const failed = violations.length > 0 ? [result] : [];
    addSummary(summary, { histories: 1, failed, ...counted });
    options.onProgress?.(summary);
    if (options.stopAtFirst && summary.failed.length > 0) break;
  }
  return summary;
}

function assertedIn(seed: number, { message }: AssertionError): HistoryResult {
  const { histories: _, failed: __, ...counted } = emptySummary();
  return { ...counted, seed, fingerprint: 0, violations: [{ checker: "the program's own assertions", what: message }] };
}

function addCounts(sum: Record<string, number>, part: Readonly<Record<string, number>>): void {
  for (const [kind, count] of Object.entries(part)) sum[kind] = (sum[kind] ?? 0) + count;
}
