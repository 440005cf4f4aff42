/**
 * The first batch of a lane: how many of its records go to the function together.
 *
 * A batch is never mixed of records that are too old and such as are not, nor of records of two windows. What is tried
 * again is what was tried before, whatever came in meanwhile: its end is kept by the lane.
 */
import type { Trigger } from './trigger.ts';
import { type OpenWindow, windowOf } from './window.ts';

export interface QueuedRecord {
  offset: number;
  timestamp: number;
  /** Of the event's JSON. */
  eventBytes: number;
}

export interface CutBatch {
  count: number;
  /** Too old: to be given up. */
  isExpired: boolean;
  /** More records would not make it longer. */
  isFull: boolean;
}

export interface CutInput {
  trigger: Pick<Trigger, 'batchSize' | 'maxRecordAgeMs' | 'tumblingWindowMs'>;
  /** The lane's innermost end. */
  bound: number | undefined;
  /** What all records of an event may have. One record is taken whatever it has. */
  bytesMax: number;
  window: OpenWindow | undefined;
  nowMs: number;
}

/** `undefined`: there is no record. */
export function cutBatch(queue: readonly QueuedRecord[], input: CutInput): CutBatch | undefined {
  const [first] = queue;
  if (first === undefined) return undefined;
  const { trigger, bound, bytesMax, window, nowMs } = input;
  const isExpired = isTooOld(first, trigger, nowMs);
  const windowOfRecord = (record: QueuedRecord) =>
    trigger.tumblingWindowMs === 0 ? 0 : windowOf(window, record.timestamp, trigger.tumblingWindowMs);
  const own = windowOfRecord(first);
  let bytes = 0;
  for (const [index, record] of queue.entries()) {
    bytes += record.eventBytes;
    const isBeyond =
      index > 0 &&
      (index >= trigger.batchSize ||
        (bound !== undefined && record.offset >= bound) ||
        (!isExpired && bytes > bytesMax) ||
        isTooOld(record, trigger, nowMs) !== isExpired ||
        windowOfRecord(record) !== own);
    if (isBeyond) return { count: index, isExpired, isFull: true };
  }
  const isFull = queue.length >= trigger.batchSize || (bound !== undefined && (queue.at(-1)?.offset ?? 0) + 1 >= bound);
  return { count: queue.length, isExpired, isFull };
}

/** A record without a timestamp is of no age. */
function isTooOld(
  { timestamp }: { timestamp: number },
  { maxRecordAgeMs }: Pick<Trigger, 'maxRecordAgeMs'>,
  nowMs: number,
): boolean {
  return maxRecordAgeMs >= 0 && timestamp >= 0 && nowMs - timestamp > maxRecordAgeMs;
}
