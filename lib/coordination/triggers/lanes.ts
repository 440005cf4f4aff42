/**
 * Lanes: what of a partition may be delivered at the same time. Records with equal keys are in one lane, and a lane's
 * records are delivered in order, one batch after the other.
 */
import { assert } from '../../kernel/assert.ts';
import { murmur2 } from '../../kernel/murmur2.ts';

export interface Lane {
  /** All its records below are done. */
  next: number;
  /** Where batches end that halving has left, the innermost last: the first batch ends there at the latest. */
  ends: readonly number[];
  /** Attempts of the first batch that failed, … */
  attempts: number;
  /** … and those of which nobody has heard the end: under way, or their dispatcher died, or the connection broke. */
  unheard: number;
  /** The attempts are of the end of a window, which has no records, and say nothing of a batch that comes after all. */
  isEnding?: boolean;
  /** Pauses in a row in which nothing was attempted: throttled, refused, the destination failed. */
  pauses: number;
  /** When the first attempt was. */
  sinceMs?: number;
  /** Not before; absent: at any time. */
  dueMs?: number;
}

export function newLane(next: number): Lane {
  return { next, ends: [], attempts: 0, unheard: 0, pauses: 0 };
}

/** `runsUntilMs`: until then an invocation of other lanes may be running, of any key. */
export function newLanes(next: number, count: number, runsUntilMs?: number): Lane[] {
  const lane = { ...newLane(next), ...(runsUntilMs !== undefined && { dueMs: runsUntilMs }) };
  return Array.from({ length: count }, () => ({ ...lane }));
}

/** Keys decide; records without one are spread by their offsets. */
export function laneOf({ key, offset }: { key: Uint8Array | null; offset: number }, count: number): number {
  if (count === 1) return 0;
  return (key === null ? offset : murmur2(key) & 0x7fffffff) % count;
}

/** What the group can commit: all records below are done in every lane. */
export function committable(lanes: readonly Lane[]): number {
  assert(lanes.length > 0, 'a partition has at least one lane');
  return Math.min(...lanes.map(({ next }) => next));
}

/**
 * The lane with all below `next` done; its counters are of the batch that it began with. Where an attempt of that may
 * still be running, what follows waits for it as well.
 */
export function advanced(lane: Lane, next: number): Lane {
  if (next <= lane.next) return lane;
  const isRunning = lane.unheard > 0 && lane.dueMs !== undefined;
  return {
    ...newLane(next),
    ends: lane.ends.filter((end) => end > next),
    ...(isRunning && { dueMs: lane.dueMs }),
  };
}

/** The lane without a time that is past: it may go on at any time. */
export function asOf(lane: Lane, nowMs: number): Lane {
  if (lane.dueMs === undefined || lane.dueMs > nowMs) return lane;
  const { dueMs: _, ...rest } = lane;
  return rest;
}

/** The lane as its first batch of records sees it. */
export function forRecords(lane: Lane): Lane {
  if (lane.isEnding !== true) return lane;
  const { next, ends, dueMs } = lane;
  return { ...newLane(next), ends, ...(dueMs !== undefined && { dueMs }) };
}

/** Where the lane's first batch must end; absent: where it likes. */
export function boundOf(lane: Lane): number | undefined {
  return lane.ends.at(-1);
}
