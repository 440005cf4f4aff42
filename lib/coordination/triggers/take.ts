/**
 * Whether a dispatcher takes a lease.
 *
 * Single flight rests on clocks that differ by at most `triggerClockSkewMsMax`: a lease is taken from a holder who did
 * not give it back only when its time is over by more than that. Fencing rests on no clock: see `planKeep`. A time that
 * is farther ahead than any holder writes was written by a clock that is wrong, and does not keep a partition from
 * being delivered.
 */
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import type { Lease } from './lease-item.ts';

export type TakeDecision =
  | { outcome: 'take'; why: 'new' | 'free' | 'expired' }
  /** Someone has it. `leave`: they are to be told that more is wanted than they know of. */
  | { outcome: 'held'; untilMs: number; leave: boolean }
  /** It is free, and nothing is to be done before then. */
  | { outcome: 'not-due'; dueMs: number }
  /** What is wanted is done. */
  | { outcome: 'reached' };

export interface TakeInput {
  nowMs: number;
  /** One past the newest offset that the wake-up is about; 0: look. */
  wanted: number;
  /** So many records make a batch, which need not wait for more. */
  batchSize: number;
}

export function decideTake(lease: Lease | undefined, { nowMs, wanted, batchSize }: TakeInput): TakeDecision {
  if (lease === undefined) return { outcome: 'take', why: 'new' };
  const { holder, untilMs } = lease;
  if (holder !== undefined) {
    if (!isOver(untilMs + triggerLimits.triggerClockSkewMsMax, nowMs)) {
      return { outcome: 'held', untilMs, leave: wanted > lease.wanted };
    }
    return { outcome: 'take', why: 'expired' };
  }
  const { nextMs, committed } = lease;
  if (nextMs !== undefined && !isOver(nextMs, nowMs)) {
    const enough = lease.fillingSinceMs !== undefined ? batchSize : isOpen(lease) ? 1 : Number.POSITIVE_INFINITY;
    const more = wanted === 0 ? 0 : wanted - (committed ?? 0);
    return more >= enough ? { outcome: 'take', why: 'free' } : { outcome: 'not-due', dueMs: nextMs };
  }
  // A window whose end nobody has put a time to was left open by someone who had to go.
  const isDone = nextMs === undefined && lease.window?.hasBegun !== true;
  if (isDone && wanted > 0 && committed !== undefined && wanted <= committed) return { outcome: 'reached' };
  return { outcome: 'take', why: 'free' };
}

/** It waits for the end of its window, and takes records of it before. */
function isOpen({ window, lanes }: Lease): boolean {
  return window?.hasBegun === true && lanes.every(({ dueMs }) => dueMs === undefined);
}

/** Whether a time that a lease names is past, or no time that a holder could mean. */
export function isOver(timeMs: number, nowMs: number): boolean {
  return timeMs <= nowMs || timeMs > nowMs + triggerLimits.triggerAheadMsMax;
}
