/**
 * How far delivery of a partition has come, what is under way, and what is next. Does no I/O; its owner writes it down.
 */
import { type AttemptResult, begun, done, paused, settle } from '../coordination/triggers/attempt.ts';
import { advanced, committable, forRecords, type Lane } from '../coordination/triggers/lanes.ts';
import type { LeaseError } from '../coordination/triggers/lease-item.ts';
import { planLane, spanOf } from '../coordination/triggers/plan-lane.ts';
import { type OpenWindow, windowAfter, windowEnded, windowOf } from '../coordination/triggers/window.ts';
import { utf8 } from '../kernel/bytes.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';
import type { Random } from '../kernel/random.ts';
import type { Invoked } from './invoke-batch.ts';
import type { FeedRecord, PartitionFeed } from './partition-feed.ts';
import type { Place } from './places.ts';
import type {
  EventBatch,
  EventFormat,
  EventWindow,
  FailedBatch,
  InvocationError,
  PartitionWork,
  StoredTrigger,
  TriggerRecord,
} from './ports.ts';

export interface InvokeStep {
  step: 'invoke';
  lane: number;
  /** Of the batch's records; none of the end of a window. */
  offsets: readonly number[];
  batch: EventBatch;
  /** The batch's own result, where this invocation only ends its window early. */
  ofBatch?: AttemptResult;
}

export interface GiveUpStep {
  step: 'give-up';
  lane: number;
  offsets: readonly number[];
  failed: FailedBatch;
}

export type Step = InvokeStep | GiveUpStep;

export interface Planned {
  steps: Step[];
  wantsRead: boolean;
  /** When the next of what waits is due; absent: nothing waits. */
  dueMs?: number;
  /** More records would change nothing before then. */
  isBlocked: boolean;
}

export interface StateParts {
  stored: StoredTrigger;
  work: PartitionWork;
  place: Place;
  feed: PartitionFeed;
  events: EventFormat;
  random: Random;
  /** Of the lease, from whoever had it before. */
  error?: LeaseError;
}

export class DeliveryState {
  lanes: Lane[];
  window: OpenWindow | undefined;
  error: LeaseError | undefined;
  fillingSinceMs: number | undefined;
  /** Until then an invocation of which nobody has heard the end may be running. */
  runsUntilMs: number | undefined;
  readonly feed: PartitionFeed;
  private readonly busy = new Set<number>();
  private readonly failures = new Map<number, { error?: InvocationError; requestId?: string }>();
  private readonly parts: StateParts;

  constructor(parts: StateParts) {
    this.parts = parts;
    this.lanes = parts.place.lanes;
    this.window = parts.place.window;
    this.fillingSinceMs = parts.place.fillingSinceMs;
    this.runsUntilMs = parts.place.runsUntilMs;
    this.error = parts.error;
    this.feed = parts.feed;
  }

  get isBusy(): boolean {
    return this.busy.size > 0;
  }

  get hasFreeLane(): boolean {
    return this.busy.size < this.lanes.length;
  }

  /** All records below are done. */
  get committable(): number {
    return committable(this.lanes);
  }

  /** What can begin now. */
  plan(nowMs: number): Planned {
    const planned: Planned = { steps: [], wantsRead: false, isBlocked: true };
    for (const [index, before] of this.lanes.entries()) {
      if (this.busy.has(index)) continue;
      const queue = this.feed.queues[index] as FeedRecord[];
      this.lanes[index] = advanced(before, queue[0]?.offset ?? this.feed.position);
      this.planOne(index, queue, nowMs, planned);
    }
    return planned;
  }

  private planOne(index: number, queue: readonly FeedRecord[], nowMs: number, planned: Planned): void {
    const { trigger } = this.parts.stored;
    const lane = this.lanes[index] as Lane;
    const { window, fillingSinceMs, feed } = this;
    const readMs = queue[0]?.readMs ?? nowMs;
    const bytesMax = this.bytesMax();
    const plan = planLane({ trigger, lane, queue, feed, window, fillingSinceMs, readMs, bytesMax, nowMs });
    switch (plan.plan) {
      case 'idle':
        planned.isBlocked = false;
        return;
      case 'read':
        planned.isBlocked = false;
        planned.wantsRead = true;
        return;
      case 'wait':
        planned.dueMs = Math.min(planned.dueMs ?? plan.untilMs, plan.untilMs);
        if (plan.why === 'window') planned.isBlocked = false;
        if (plan.why === 'filling') this.fillingSinceMs = Math.min(this.fillingSinceMs ?? readMs, readMs);
        return;
      case 'deliver':
        planned.steps.push(this.invoke(index, queue.slice(0, plan.count)));
        return;
      case 'end-window':
        planned.steps.push(this.invoke(index, []));
        return;
      case 'give-up':
        planned.steps.push(this.giveUp(index, queue.slice(0, plan.count), plan.why, nowMs));
        return;
    }
  }

  /** The step is under way from now on; whether it is an attempt after the first. */
  begin(step: Step, nowMs: number): { isRetry: boolean } {
    this.busy.add(step.lane);
    const lane = this.lanes[step.lane] as Lane;
    if (step.step === 'give-up' || step.ofBatch !== undefined) return { isRetry: false };
    this.lanes[step.lane] = begun(lane, step.offsets, nowMs);
    if (!this.isAnyWaiting) this.fillingSinceMs = undefined;
    return { isRetry: lane.attempts + lane.unheard > 0 };
  }

  /** Whether records wait in a lane of which nothing is under way: they go on waiting since when they did. */
  private get isAnyWaiting(): boolean {
    return this.feed.queues.some((queue, lane) => queue.length > 0 && !this.busy.has(lane));
  }

  /** It does not begin after all. */
  cancel(lane: number): void {
    this.busy.delete(lane);
  }

  /**
   * Takes in what became of an invocation; what has to follow before the batch is settled, and how many records are
   * done.
   */
  settle(step: InvokeStep, invoked: Invoked, nowMs: number): { delivered: number; next?: InvokeStep } {
    const ending = this.endEarly(step, invoked);
    if (ending !== undefined) return { delivered: 0, next: ending };
    this.busy.delete(step.lane);
    const { result } = invoked;
    const counted = step.ofBatch !== undefined && result.result === 'done' ? step.ofBatch : whole(result, step);
    const before = this.lanes[step.lane] as Lane;
    const settled = settle({
      lane: before,
      offsets: step.offsets,
      result: counted,
      policy: this.parts.stored.trigger,
      nowMs,
      fraction: this.parts.random.fraction(),
    });
    this.lanes[step.lane] = settled.lane;
    if (counted.result === 'unknown') this.runsUntilMs = Math.max(this.runsUntilMs ?? 0, counted.untilMs);
    this.feed.dropBelow(step.lane, settled.lane.next);
    this.note(step, invoked, nowMs);
    if (result.result === 'done' || result.result === 'partial') this.passWindow(step, invoked);
    return { delivered: step.offsets.filter((offset) => offset < settled.lane.next).length };
  }

  /** The destination has the records, or did not take them. */
  settleGivenUp({ lane, offsets }: GiveUpStep, taken: boolean, nowMs: number): void {
    this.busy.delete(lane);
    const before = this.lanes[lane] as Lane;
    if (!taken) {
      this.lanes[lane] = paused(before, 'destination', { nowMs, fraction: this.parts.random.fraction() });
      return;
    }
    this.lanes[lane] = done(before, offsets);
    this.feed.dropBelow(lane, this.lanes[lane].next);
    this.failures.delete(lane);
    if (offsets.length === 0 && this.window !== undefined) this.endWindow(this.window.startMs, false);
  }

  private note({ lane }: Step, { error, requestId }: Invoked, nowMs: number): void {
    if (error === undefined) {
      this.failures.delete(lane);
      this.error = undefined;
      return;
    }
    this.failures.set(lane, { error, ...(requestId !== undefined && { requestId }) });
    const message = error.message.slice(0, triggerLimits.triggerErrorLengthMax);
    this.error = { kind: error.kind.slice(0, triggerLimits.triggerErrorLengthMax), message, atMs: nowMs };
  }

  private invoke(lane: number, queued: readonly FeedRecord[]): InvokeStep {
    const records = queued.map(({ record }) => record);
    const window = this.windowFor(records);
    const { stored, work } = this.parts;
    const { topic, partition } = work;
    const batch = { trigger: stored.trigger, topic, partition, records, ...(window !== undefined && { window }) };
    return { step: 'invoke', lane, offsets: records.map(({ offset }) => offset), batch };
  }

  private giveUp(
    index: number,
    queued: readonly FeedRecord[],
    why: keyof typeof CONDITIONS,
    failedMs: number,
  ): GiveUpStep {
    const { stored, work } = this.parts;
    const records = queued.map(({ record }) => record);
    const own = this.lanes[index] as Lane;
    const lane = records.length === 0 ? own : forRecords(own);
    const [first, last] = [records[0], records.at(-1)];
    const failed: FailedBatch = {
      trigger: stored.trigger,
      topic: work.topic,
      topicId: work.topicId,
      partition: work.partition,
      records,
      condition: CONDITIONS[why],
      attempts: lane.attempts + lane.unheard,
      ...this.failureOf(index, why),
      ...(first !== undefined && last !== undefined && spanOfRecords(first, last)),
      failedMs,
    };
    return { step: 'give-up', lane: index, offsets: records.map(({ offset }) => offset), failed };
  }

  /** What is known of the last attempt: by this dispatcher, or of any lane by one before it. */
  private failureOf(lane: number, why: string): { error?: InvocationError; requestId?: string } {
    if (why === 'too-large') {
      return { error: { kind: 'EventTooLarge', message: 'The record alone is larger than an event may be.' } };
    }
    const known = this.failures.get(lane);
    if (known !== undefined || this.error === undefined) return known ?? {};
    return { error: { kind: this.error.kind, message: this.error.message } };
  }

  private windowFor(records: readonly TriggerRecord[]): EventWindow | undefined {
    const { tumblingWindowMs } = this.parts.stored.trigger;
    if (tumblingWindowMs === 0) return undefined;
    const { window } = this;
    const [first] = records;
    const startMs = first === undefined ? (window?.startMs ?? 0) : windowOf(window, first.timestamp, tumblingWindowMs);
    const isOpen = window?.hasBegun === true && window.startMs === startMs;
    const state: unknown = isOpen && window.state !== undefined ? JSON.parse(window.state) : {};
    const endMs = startMs + tumblingWindowMs;
    return { startMs, endMs, state, isFinal: first === undefined, isTerminatedEarly: false };
  }

  /** The window goes on with what the function returned, or is over. */
  private passWindow({ batch: { window } }: InvokeStep, { state }: Invoked): void {
    if (window === undefined) return;
    if (window.isFinal) this.endWindow(window.startMs, window.isTerminatedEarly);
    else this.window = windowAfter(window.startMs, state === undefined ? undefined : JSON.stringify(state));
  }

  private endWindow(startMs: number, early: boolean): void {
    this.window = windowEnded(startMs, { spanMs: spanOf(this.parts.stored.trigger).spanMs, early });
  }

  /** A state that is too large to be kept goes back to the function at once, and its window ends with it. */
  private endEarly(step: InvokeStep, { result, state }: Invoked): InvokeStep | undefined {
    const { window } = step.batch;
    if (window === undefined || window.isFinal || state === undefined) return undefined;
    if (result.result !== 'done' && result.result !== 'partial') return undefined;
    if (utf8(JSON.stringify(state)).length <= triggerLimits.triggerWindowStateBytesMax) return undefined;
    const last = { ...window, state, isFinal: true, isTerminatedEarly: true };
    return { ...step, ofBatch: result, batch: { ...step.batch, records: [], window: last } };
  }

  /** What all records of an event may have. */
  private bytesMax(): number {
    const { stored, work, events } = this.parts;
    const { topic, partition } = work;
    const window = this.windowFor([]);
    const empty = { trigger: stored.trigger, topic, partition, records: [], ...(window !== undefined && { window }) };
    return triggerLimits.eventBytesMax - events.envelopeBytes(empty);
  }
}

const CONDITIONS = {
  exhausted: 'RetriesExhausted',
  expired: 'MaximumRecordAgeExceeded',
  'too-large': 'MaximumPayloadSizeExceeded',
} as const;

/** A termination that fails in whatever way leaves the whole batch to be tried again. */
function whole(result: AttemptResult, { ofBatch }: InvokeStep): AttemptResult {
  return ofBatch !== undefined && result.result === 'partial' ? { result: 'failed' } : result;
}

function spanOfRecords(first: TriggerRecord, last: TriggerRecord): Pick<FailedBatch, 'offsets' | 'timestamps'> {
  return {
    offsets: { first: first.offset, last: last.offset },
    timestamps: { firstMs: first.timestamp, lastMs: last.timestamp },
  };
}
