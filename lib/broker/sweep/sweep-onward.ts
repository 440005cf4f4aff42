/**
 * Sweeps from where the last sweep of this table ended, so that no stretch of time is looked at twice or left out,
 * however long nobody swept.
 *
 * The item `sweep` / `progress`: `untilMs` (number), the birth time up to which objects were looked at; and for each
 * replica that could not be reached, `behind<number>` (number), the birth time from which it must be gone through
 * again, by itself. Two that sweep at once do the same work twice and leave the marks of either; both are true, but for
 * a replica that is behind for one of them only: what is left there then is an object that nobody reads.
 */
import { maskOf, members, type ReplicaId } from '../../coordination/replication/replica-state.ts';
import { assert } from '../../kernel/assert.ts';
import type { Attributes, ItemKey } from '../../kernel/items.ts';
import { sweeperLimits } from '../../kernel/limits/sweeper.ts';
import type { Broker } from '../broker.ts';
import { type SweepReport, sweep } from './sweep.ts';

const PROGRESS: ItemKey = { pk: 'sweep', sk: 'progress' };

interface Progress {
  untilMs: number;
  /** By replica. */
  behind: ReadonlyMap<ReplicaId, number>;
}

/** The signal stops it before the next objects, with which the next sweep begins. */
export async function sweepOnward(broker: Broker, signal?: AbortSignal): Promise<SweepReport> {
  const untilMs = broker.clock.now() - sweeperLimits.orphanAgeMs;
  const before = progressIn(broker, await broker.metadata.get(PROGRESS, 'strong'));
  const fromMs = before?.untilMs ?? untilMs - sweeperLimits.sweepLookbackMs;
  const reports: SweepReport[] = [];
  const behind = new Map<ReplicaId, number>();
  const note = (replica: ReplicaId, ms: number) => behind.set(replica, Math.min(ms, behind.get(replica) ?? ms));
  for (const [replica, mark] of before?.behind ?? []) {
    const late = await sweep(broker, { fromMs: oldest(mark, untilMs), toMs: fromMs, replica, signal });
    reports.push(late);
    const restMs = restOf(late);
    if (restMs !== undefined) note(replica, restMs);
  }
  const onward = fromMs < untilMs ? await sweep(broker, { fromMs, toMs: untilMs, signal }) : undefined;
  if (onward !== undefined) reports.push(onward);
  for (const report of reports) for (const [replica, ms] of report.behind ?? []) note(replica, ms);
  if (reports.length > 0) {
    const reached = onward === undefined ? fromMs : oldest(restOf(onward) ?? untilMs, untilMs);
    await broker.metadata.write([
      { kind: 'put', key: PROGRESS, attributes: progressItem({ untilMs: reached, behind }) },
    ]);
  }
  return {
    ...sumOf(reports),
    ...(onward?.postponedFromMs !== undefined && { postponedFromMs: onward.postponedFromMs }),
  };
}

/** The birth time up to which objects were looked at, wherever they are; 0 where nobody has swept yet. */
export async function sweptUntil(broker: Broker): Promise<number> {
  const progress = progressIn(broker, await broker.metadata.get(PROGRESS, 'strong'));
  return progress === undefined ? 0 : Math.min(progress.untilMs, ...progress.behind.values());
}

/** The birth from which a sweep has left something. */
function restOf({ postponedFromMs, stoppedAtMs }: SweepReport): number | undefined {
  if (postponedFromMs === undefined) return stoppedAtMs;
  return Math.min(postponedFromMs, stoppedAtMs ?? postponedFromMs);
}

/**
 * Up to the first object that could not be judged, so that the next sweep begins with it; but one that never can be
 * must not hold the sweeping back for ever.
 */
function oldest(ms: number, untilMs: number): number {
  return Math.min(untilMs, Math.max(ms, untilMs - sweeperLimits.sweepLookbackMs));
}

function progressIn({ objects }: Broker, item: Attributes | undefined): Progress | undefined {
  if (item === undefined) return undefined;
  const { untilMs } = item;
  assert(typeof untilMs === 'number', 'the progress of sweeping is a number');
  const here = maskOf(objects.replicas?.replicas.map(({ id }) => id) ?? []);
  const behind = new Map<ReplicaId, number>();
  for (const replica of members(here)) {
    const mark = item[`behind${replica}`];
    if (typeof mark === 'number') behind.set(replica, mark);
  }
  return { untilMs, behind };
}

function progressItem({ untilMs, behind }: Progress): Attributes {
  return Object.fromEntries([['untilMs', untilMs], ...[...behind].map(([replica, ms]) => [`behind${replica}`, ms])]);
}

function sumOf(reports: readonly SweepReport[]): SweepReport {
  const sum: SweepReport = { examined: 0, deleted: 0, unreadable: 0 };
  for (const report of reports) {
    sum.examined += report.examined;
    sum.deleted += report.deleted;
    sum.unreadable += report.unreadable;
  }
  return sum;
}
