/**
 * What a share group has done with a partition's records (KIP-932): those before `startOffset` are done with, those from `endOffset` on
 * were given to nobody yet, and of those between each is in one of four states.
 *
 *     available ── acquire ──▶ acquired ── accept ──▶ acknowledged
 *         ▲                       │ ├───── reject, gap, or delivered as often as allowed ──▶ archived
 *         └── release, time out ──┘ └───── renew: locked for longer
 *
 * The states are kept for runs of records. Values are never changed, and are canonical: runs lie next to each other, none is empty,
 * neighbours differ, and the first one is neither acknowledged nor archived, since then it would lie before the start. So equal
 * states are equal values, and as small as they can be.
 *
 * An acquired record is locked for its member until a time. Nothing happens when that comes: whoever looks at a share partition next
 * takes what is overdue for released (`withoutOverdueLocks`), and what it decides by that it writes under the condition that
 * nothing has changed. So a lock needs no process that remembers it.
 */
import { assert } from '../../kernel/assert.ts';

export type RecordState = 'available' | 'acquired' | 'acknowledged' | 'archived';

/** Whose records are acquired, and until when, ms. */
export interface Lock {
  memberId: string;
  untilMs: number;
}

export interface Run {
  /** The offset of its first record, and the one after its last. */
  first: number;
  end: number;
  state: RecordState;
  /** How often its records were delivered; of those that are done with 0. */
  deliveries: number;
  /** Of acquired records. */
  lock?: Lock;
}

export interface SharePartition {
  startOffset: number;
  runs: readonly Run[];
}

/** What a run becomes, apart from its bounds. */
export type RunContent = Omit<Run, 'first' | 'end'>;

export const ACKNOWLEDGED: RunContent = { state: 'acknowledged', deliveries: 0 };
export const ARCHIVED: RunContent = { state: 'archived', deliveries: 0 };

export function endOffset({ startOffset, runs }: SharePartition): number {
  return runs.at(-1)?.end ?? startOffset;
}

export function isDone({ state }: Pick<Run, 'state'>): boolean {
  return state === 'acknowledged' || state === 'archived';
}

/** Records between start and end that are done with; what a group lags behind does not count them. */
export function countDone({ runs }: SharePartition): number {
  return countRecords(runs.filter(isDone));
}

/** Records that are neither done with nor untouched: their number is bounded. */
export function countInFlight({ runs }: SharePartition): number {
  return countRecords(runs.filter((run) => !isDone(run)));
}

function countRecords(runs: readonly Run[]): number {
  return runs.reduce((sum, { first, end }) => sum + end - first, 0);
}

/** When the first of the locks ends; `undefined`: there is none. */
export function nextUnlockMs({ runs }: SharePartition): number | undefined {
  const times = runs.flatMap(({ lock }) => lock?.untilMs ?? []);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** A released record: available again, unless it was delivered as often as it may be. */
export function released({ deliveries }: Pick<Run, 'deliveries'>, deliveriesMax: number): RunContent {
  return deliveries >= deliveriesMax ? ARCHIVED : { state: 'available', deliveries };
}

export interface UnlockRules {
  nowMs: number;
  deliveriesMax: number;
  /** No lock is made for longer: one that is was made by a clock far ahead, and nobody is to wait for that. */
  lockMsMax: number;
}

/** The same as things stand at this time. */
export function withoutOverdueLocks(
  partition: SharePartition,
  { nowMs, deliveriesMax, lockMsMax }: UnlockRules,
): SharePartition {
  const isOverdue = ({ lock }: Run) =>
    lock !== undefined && (lock.untilMs <= nowMs || lock.untilMs - nowMs > 2 * lockMsMax);
  if (!partition.runs.some(isOverdue)) return partition;
  return mapRuns(partition, (run) => (isOverdue(run) ? released(run, deliveriesMax) : run));
}

/** What a member has acquired is released: it is gone, or wants no more. */
export function withoutLocksOf(partition: SharePartition, memberId: string, deliveriesMax: number): SharePartition {
  const isOwn = ({ lock }: Run) => lock?.memberId === memberId;
  if (!partition.runs.some(isOwn)) return partition;
  return mapRuns(partition, (run) => (isOwn(run) ? released(run, deliveriesMax) : run));
}

/** Records below the log's start are gone, in whatever state. */
export function withStartAt(partition: SharePartition, logStart: number): SharePartition {
  if (logStart <= partition.startOffset) return partition;
  const runs = partition.runs.filter(({ end }) => end > logStart);
  return canonical(
    logStart,
    runs.map((run) => placed(run, { first: Math.max(run.first, logStart), end: run.end })),
  );
}

/** Records beyond the log's end were lost by an unclean election; others come in their place. */
export function withEndAt(partition: SharePartition, logEnd: number): SharePartition {
  if (logEnd >= endOffset(partition)) return partition;
  const runs = partition.runs.filter(({ first }) => first < logEnd);
  return canonical(
    Math.min(partition.startOffset, logEnd),
    runs.map((run) => placed(run, { first: run.first, end: Math.min(run.end, logEnd) })),
  );
}

/** Every run as `change` has it. */
export function mapRuns({ startOffset, runs }: SharePartition, change: (run: Run) => RunContent): SharePartition {
  return canonical(
    startOffset,
    runs.map((run) => placed(change(run), run)),
  );
}

/** The runs, cut where the stretch begins and ends, so that each of them lies in it or outside. */
export function cutAt({ runs }: Pick<SharePartition, 'runs'>, first: number, end: number): Run[] {
  return runs.flatMap((run) => cut(run, first)).flatMap((run) => cut(run, end));
}

function cut(run: Run, at: number): Run[] {
  if (at <= run.first || at >= run.end) return [run];
  return [
    { ...run, end: at },
    { ...run, first: at },
  ];
}

export function placed({ state, deliveries, lock }: RunContent, { first, end }: Pick<Run, 'first' | 'end'>): Run {
  return { first, end, state, deliveries, ...(lock !== undefined && { lock }) };
}

/** From runs that lie next to each other, the first one at the start. */
export function canonical(startOffset: number, runs: readonly Run[]): SharePartition {
  const merged: Run[] = [];
  let start = startOffset;
  for (const run of runs) {
    assert(run.first === (merged.at(-1)?.end ?? start) && run.end > run.first, 'runs lie next to each other');
    const before = merged.at(-1);
    if (before === undefined && isDone(run)) start = run.end;
    else if (before !== undefined && isSame(before, run)) merged[merged.length - 1] = { ...before, end: run.end };
    else merged.push(run);
  }
  // Where all is done with, so is the last run.
  return { startOffset: start, runs: merged };
}

function isSame(a: Run, b: Run): boolean {
  return (
    a.state === b.state &&
    a.deliveries === b.deliveries &&
    a.lock?.memberId === b.lock?.memberId &&
    a.lock?.untilMs === b.lock?.untilMs
  );
}
