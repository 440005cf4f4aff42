/** What a dispatcher does next with a lane that it has nothing under way of. */
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import { isExhausted } from './attempt.ts';
import { type CutBatch, cutBatch, type QueuedRecord } from './batch.ts';
import { boundOf, forRecords, type Lane } from './lanes.ts';
import type { Trigger } from './trigger.ts';
import { isWindowOver, type OpenWindow, windowEndMs } from './window.ts';

export type LanePlan =
  /** Nothing is there. */
  | { plan: 'idle' }
  /** What is read says too little. */
  | { plan: 'read' }
  /** More records may end the wait for a batch to fill, and any record that for the end of a window. */
  | { plan: 'wait'; untilMs: number; why: 'retry' | 'filling' | 'window' }
  /** The first so many records go to the function. */
  | { plan: 'deliver'; count: number }
  /** The function hears that its window is over. */
  | { plan: 'end-window' }
  | { plan: 'give-up'; count: number; why: 'exhausted' | 'expired' | 'too-large' };

export interface PlanInput {
  trigger: Trigger;
  lane: Lane;
  queue: readonly QueuedRecord[];
  /** `isAtEnd`: there is no more than was read; `isFull`: no more is read before something is delivered. */
  feed: { position: number; isAtEnd: boolean; isFull: boolean };
  window: OpenWindow | undefined;
  /** Since when the lane's records have been waiting for a batch to fill, where an earlier dispatcher has said so. */
  fillingSinceMs: number | undefined;
  /** When the first record was read. */
  readMs: number;
  bytesMax: number;
  nowMs: number;
}

export function planLane(input: PlanInput): LanePlan {
  const { lane, trigger, nowMs } = input;
  if (lane.dueMs !== undefined && lane.dueMs > nowMs) return { plan: 'wait', untilMs: lane.dueMs, why: 'retry' };
  if (isOver(input)) return isExhausted(lane, trigger) ? giveUp(0, 'exhausted') : { plan: 'end-window' };
  return planRecords({ ...input, lane: forRecords(lane) });
}

function planRecords(input: PlanInput): LanePlan {
  const { trigger, lane, queue, feed, window, nowMs, bytesMax } = input;
  const bound = boundOf(lane);
  const cut = cutBatch(queue, { trigger, bound, bytesMax, window, nowMs });
  if (cut === undefined) {
    // What other lanes have not delivered may be all that is read ahead.
    if (!feed.isAtEnd) return { plan: feed.isFull ? 'idle' : 'read' };
    if (window?.hasBegun !== true) return { plan: 'idle' };
    return { plan: 'wait', untilMs: windowEndMs(window, spanOf(trigger)), why: 'window' };
  }
  if (cut.isExpired) return giveUp(cut.count, 'expired');
  const isWhole = cut.isFull || feed.isAtEnd || (bound !== undefined && feed.position >= bound);
  if (!isWhole && !feed.isFull) return { plan: 'read' };
  if (isExhausted(lane, trigger)) return giveUp(cut.count, 'exhausted');
  if ((queue[0] as QueuedRecord).eventBytes > bytesMax) return giveUp(1, 'too-large');
  return filling(input, cut) ?? { plan: 'deliver', count: cut.count };
}

function giveUp(count: number, why: 'exhausted' | 'expired' | 'too-large'): LanePlan {
  return { plan: 'give-up', count, why };
}

export function spanOf({ tumblingWindowMs }: Pick<Trigger, 'tumblingWindowMs'>): { spanMs: number; graceMs: number } {
  return { spanMs: tumblingWindowMs, graceMs: triggerLimits.triggerWindowGraceMs };
}

/** By its records, or by the clock once there are none: then old windows that are delivered late end as new ones do. */
function isOver({ trigger, queue, feed, window, nowMs }: PlanInput): boolean {
  if (trigger.tumblingWindowMs === 0) return false;
  const [first] = queue;
  const next = first !== undefined ? { timestampMs: first.timestamp } : feed.isAtEnd ? { endedMs: nowMs } : undefined;
  return isWindowOver(window, next, spanOf(trigger));
}

/** What has been tried before, or is a part of it, waits for nothing. */
function filling(
  { trigger, lane, feed, readMs, nowMs, fillingSinceMs }: PlanInput,
  cut: CutBatch,
): LanePlan | undefined {
  const isFirst = lane.attempts + lane.unheard === 0 && lane.ends.length === 0;
  if (cut.isFull || feed.isFull || !isFirst || trigger.batchingWindowMs === 0) return undefined;
  const sinceMs = Math.min(nowMs, readMs, fillingSinceMs ?? readMs);
  const untilMs = sinceMs + trigger.batchingWindowMs;
  return untilMs > nowMs ? { plan: 'wait', untilMs, why: 'filling' } : undefined;
}
