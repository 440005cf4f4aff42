/**
 * Sweeps from where the last sweep of this table ended, so that no stretch of time is looked at twice or left out,
 * however long nobody swept.
 *
 * The item `sweep` / `progress`: `untilMs` (number), the birth time up to which objects were looked at. Two that sweep
 * at once do the same work twice and leave the lower or the higher mark; either is true.
 */
import { assert } from '../kernel/assert.ts';
import type { ItemKey } from '../kernel/items.ts';
import { limits } from '../kernel/limits.ts';
import type { Broker } from './broker.ts';
import { type SweepReport, sweep } from './sweep.ts';

const PROGRESS: ItemKey = { pk: 'sweep', sk: 'progress' };

export async function sweepOnward(broker: Broker): Promise<SweepReport> {
  const untilMs = broker.clock.now() - limits.orphanAgeMs;
  const progress = await broker.metadata.get(PROGRESS, 'strong');
  const fromMs = progress?.untilMs ?? untilMs - limits.sweepLookbackMs;
  assert(typeof fromMs === 'number', 'the progress of sweeping is a number');
  if (fromMs >= untilMs) return { examined: 0, deleted: 0, unreadable: 0 };
  const report = await sweep(broker, { fromMs, toMs: untilMs });
  await broker.metadata.write([{ kind: 'put', key: PROGRESS, attributes: { untilMs: progressOf(report, untilMs) } }]);
  return report;
}

/**
 * Up to the first object that could not be judged, so that the next sweep begins with it; but one that never can be must
 * not hold the sweeping back for ever.
 */
function progressOf({ postponedFromMs = Number.POSITIVE_INFINITY }: SweepReport, untilMs: number): number {
  return Math.min(untilMs, Math.max(postponedFromMs, untilMs - limits.sweepLookbackMs));
}
