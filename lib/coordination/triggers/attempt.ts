/**
 * What becomes of a lane's first batch: begun, done, tried again, halved, given up.
 *
 * By the rules of Lambda's mappings for streams (developer guide, "Configuring partial batch response with Kinesis"):
 * retries are of a batch; halving is not counted among them; with partial failures all before the first that failed is
 * done, and with both the batch is split there. Where the first record of a batch failed there is nothing before it to
 * split off: it is then tried by itself, since it is the one that was named.
 *
 * An attempt is counted when it begins, as `unheard`, and moves to `attempts` when its failure is heard. A batch is
 * given up after `retryAttempts` heard failures more than the first. One whose dispatchers die or whose answers get
 * lost has a few attempts more, since no function may have seen it; and no more than that, since it may be what they
 * die of.
 */
import { assert } from '../../kernel/assert.ts';
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import { pauseMs } from './backoff.ts';
import { advanced, forRecords, type Lane } from './lanes.ts';
import type { Trigger } from './trigger.ts';

export type RetryPolicy = Pick<Trigger, 'retryAttempts' | 'bisectBatchOnError'>;

export type AttemptResult =
  | { result: 'done' }
  /** All before this record of the batch is done. */
  | { result: 'partial'; firstFailedOffset: number }
  | { result: 'failed' }
  /** Nothing has run. */
  | { result: 'throttled' }
  /** Nothing has run, nor will it until someone changes something. */
  | { result: 'refused' }
  /** It may have run, and may still run until then. */
  | { result: 'unknown'; untilMs: number };

export type Settled =
  | { outcome: 'done'; lane: Lane }
  /** The rest, a half, or all of it is tried again. */
  | { outcome: 'retry' | 'split'; lane: Lane }
  | { outcome: 'exhausted'; lane: Lane }
  /** Not counted. */
  | { outcome: 'paused'; lane: Lane };

export interface SettleInput {
  lane: Lane;
  /** Of the batch's records, in order; none of the end of a window. */
  offsets: readonly number[];
  result: AttemptResult;
  policy: RetryPolicy;
  nowMs: number;
  /** By chance, in [0, 1). */
  fraction: number;
}

/** Counts an attempt of the batch of these records; without any, of the end of a window. */
export function begun(lane: Lane, offsets: readonly number[], nowMs: number): Lane {
  const [first] = offsets;
  const { dueMs: _, ...rest } = first === undefined ? { ...lane, isEnding: true } : advanced(forRecords(lane), first);
  const ends = first === undefined ? rest.ends : withEnd(rest.ends, endOf(offsets));
  return { ...rest, ends, unheard: rest.unheard + 1, sinceMs: rest.sinceMs ?? nowMs };
}

export function settle(input: SettleInput): Settled {
  const { lane, offsets, result, nowMs } = input;
  assert(lane.unheard > 0, 'an attempt that ends has begun');
  switch (result.result) {
    case 'done':
      return { outcome: 'done', lane: done(lane, offsets) };
    case 'failed':
      return failed(input);
    case 'partial':
      return partial(input, result.firstFailedOffset);
    case 'throttled':
    case 'refused':
      return { outcome: 'paused', lane: paused({ ...lane, unheard: lane.unheard - 1 }, result.result, input) };
    case 'unknown': {
      const { outcome, lane: next } = judged(lane, input);
      return { outcome, lane: { ...next, dueMs: Math.max(result.untilMs, next.dueMs ?? nowMs) } };
    }
  }
}

/** Nothing more is to be tried of the lane's first batch. */
export function isExhausted({ attempts, unheard }: Lane, { retryAttempts }: RetryPolicy): boolean {
  if (retryAttempts < 0) return false;
  return attempts > retryAttempts || attempts + unheard > retryAttempts + triggerLimits.triggerUnheardAttemptsMax;
}

/** The batch is done with: delivered, or given up. Without records, where only a window ended, the place stays. */
export function done(lane: Lane, offsets: readonly number[]): Lane {
  if (offsets.length > 0) return advanced(lane, endOf(offsets));
  return { next: lane.next, ends: lane.ends, attempts: 0, unheard: 0, pauses: 0 };
}

/** Keeps the lane's place for a while without counting an attempt. */
export function paused(
  lane: Lane,
  why: 'throttled' | 'refused' | 'destination',
  { nowMs, fraction }: { nowMs: number; fraction: number },
): Lane {
  const pauses = lane.pauses + 1;
  const { triggerRefusalPauseMsMin, triggerRefusalPauseMsMax, triggerRetryPauseMsMin, triggerRetryPauseMsMax } =
    triggerLimits;
  const bounds =
    why === 'refused'
      ? { minMs: triggerRefusalPauseMsMin, maxMs: triggerRefusalPauseMsMax }
      : { minMs: triggerRetryPauseMsMin, maxMs: triggerRetryPauseMsMax };
  return { ...lane, pauses, dueMs: nowMs + pauseMs(pauses, { ...bounds, fraction }) };
}

function failed(input: SettleInput): Settled {
  const { lane, offsets, policy } = input;
  if (!policy.bisectBatchOnError || offsets.length < 2) return judged(heard(lane), input);
  return { outcome: 'split', lane: fresh(lane, withEnd(lane.ends, offsets[offsets.length >> 1] as number)) };
}

function partial(input: SettleInput, offset: number): Settled {
  const { lane, offsets, policy } = input;
  const index = offsets.indexOf(offset);
  assert(index >= 0, 'what failed is one of the batch');
  if (index === 0) {
    if (!policy.bisectBatchOnError || offsets.length < 2) return judged(heard(lane), input);
    return { outcome: 'split', lane: fresh(lane, withEnd(lane.ends, offsets[1] as number)) };
  }
  const rest = advanced(lane, offset);
  if (policy.bisectBatchOnError) return { outcome: 'split', lane: rest };
  return judged({ ...rest, attempts: 1, sinceMs: lane.sinceMs ?? input.nowMs }, input);
}

/** One attempt more is known to have failed. */
function heard(lane: Lane): Lane {
  return { ...lane, attempts: lane.attempts + 1, unheard: lane.unheard - 1, pauses: 0 };
}

/** Split batches are tried at once, and counted anew. */
function fresh({ next }: Lane, ends: readonly number[]): Lane {
  return { next, ends, attempts: 0, unheard: 0, pauses: 0 };
}

function judged(lane: Lane, { policy, nowMs, fraction }: SettleInput): Settled {
  if (isExhausted(lane, policy)) return { outcome: 'exhausted', lane };
  const { triggerRetryPauseMsMin: minMs, triggerRetryPauseMsMax: maxMs } = triggerLimits;
  const pause = pauseMs(lane.attempts + lane.unheard, { minMs, maxMs, fraction });
  return { outcome: 'retry', lane: { ...lane, dueMs: nowMs + pause } };
}

function endOf(offsets: readonly number[]): number {
  return (offsets.at(-1) as number) + 1;
}

/** Only an inner end says something new. Of too many the outermost goes: it only keeps batches as they were. */
function withEnd(ends: readonly number[], end: number): readonly number[] {
  const innermost = ends.at(-1);
  if (innermost !== undefined && innermost <= end) return ends;
  return [...ends, end].slice(-triggerLimits.triggerHalvesMax);
}
