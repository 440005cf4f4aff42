/**
 * Delivers one partition for as long as this process holds its lease.
 *
 * One loop decides and writes; invocations, reads and waits are under way beside it and wake it. In each round what has
 * ended is taken in, what can begin is chosen, and both are written at once: lease and offset in one transaction. Only
 * then invocations begin. So nothing runs that is not counted, nothing is committed by whoever has lost the lease, and
 * a batch costs one write.
 */
import type { Broker } from '../broker/broker.ts';
import { nameOf, readCommitted } from '../broker/groups/group-items.ts';
import { highWatermark } from '../broker/ledger/replicated.ts';
import { newLanes } from '../coordination/triggers/lanes.ts';
import type { LedgerId } from '../kernel/ids.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';
import { DeliveryProgress, type Written } from './delivery-progress.ts';
import { DeliveryState, type GiveUpStep, type InvokeStep, type Planned, type Step } from './delivery-state.ts';
import { type GiveUpParts, giveUp } from './give-up.ts';
import { GrowthWatch } from './growth-watch.ts';
import { type Invoked, type InvokeParts, invokeBatch } from './invoke-batch.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import { PartitionFeed } from './partition-feed.ts';
import { PartitionReading } from './partition-reading.ts';
import { type Place, placeAfter } from './places.ts';
import type { PartitionEnd, PartitionWork, StoredTrigger } from './ports.ts';

export interface DeliveryParts extends InvokeParts, GiveUpParts {
  broker: Broker;
  stored: StoredTrigger;
  work: PartitionWork;
  ledger: LedgerId;
  slot: number;
  keeper: LeaseKeeper;
  place: Place;
  /** The trigger as it is now, not older than a few seconds; absent: there is none. */
  readTrigger: () => Promise<StoredTrigger | undefined>;
  /** What this partition may read ahead. */
  bytesMax: () => number;
  /** When this process must be done, by the monotonic clock. */
  deadlineMs: number;
  signal: AbortSignal;
}

export type DeliveryEnd =
  | { end: Exclude<PartitionEnd, 'handed-on' | 'held'> }
  /** What is left is for another dispatcher. */
  | { end: 'handed-on'; wanted: number }
  /** The lease is free, and to be taken anew: something has changed, or has come. */
  | { end: 'again' };

/** Why nothing more is begun. */
type Leaving = 'gone' | 'again' | 'failed' | 'stopped' | 'disabled' | 'deadline';

type Finished = { step: InvokeStep; invoked: Invoked } | { step: GiveUpStep; taken: boolean };

export class PartitionDelivery {
  private readonly parts: DeliveryParts;
  private readonly progress: DeliveryProgress;
  private readonly reading: PartitionReading;
  private readonly watch: GrowthWatch;
  private state: DeliveryState;
  private readonly finished: Finished[] = [];
  /** Steps that were chosen before their turn: the end of a window that is too large. */
  private readonly chosen: InvokeStep[] = [];
  private leaving: Leaving | undefined;
  private hasDelivered = false;
  /** By the monotonic clock. */
  private idleSinceMs: number | undefined;
  private bell = Promise.withResolvers<void>();

  constructor(parts: DeliveryParts) {
    this.parts = parts;
    this.state = this.stateAt(parts.place);
    this.progress = new DeliveryProgress(parts, parts.place.committed);
    this.reading = new PartitionReading(parts, {
      gone: () => {
        this.leaving = 'gone';
      },
      failed: (error, isLast) => {
        this.state.error = error;
        if (isLast) this.leaving ??= 'failed';
      },
      over: () => this.ring(),
    });
    this.watch = new GrowthWatch(parts, {
      grown: () => this.poke(),
      gone: () => {
        this.leaving ??= 'gone';
      },
    });
  }

  /** Someone has heard of records. */
  poke(): void {
    this.state.feed.grown();
    this.ring();
  }

  async run(): Promise<DeliveryEnd> {
    try {
      for (;;) {
        const end = await this.round();
        if (end !== undefined) return end;
      }
    } finally {
      this.watch.end();
    }
  }

  private async round(): Promise<DeliveryEnd | undefined> {
    const { clock } = this.parts;
    this.takeIn();
    this.leaving ??= await this.reasonToLeave();
    if (!this.state.isBusy) this.begunAnew();
    const planned = this.leaving === undefined ? this.state.plan(clock.now()) : undefined;
    const chosen = this.chosen.splice(0);
    const steps: Step[] = planned === undefined ? [] : [...chosen, ...planned.steps];
    // Without time for it the batch stays begun, and is delivered again.
    if (planned === undefined) for (const { lane } of chosen) this.state.cancel(lane);
    // The last write gives the lease back as well.
    const isEnding = this.leaving !== undefined && !this.state.isBusy;
    if (!isEnding) {
      this.count(steps);
      const invokes = steps.some(({ step }) => step === 'invoke');
      const written = await this.progress.write(this.state, invokes);
      if (written === 'lost') return this.lost();
      if (written !== 'written') this.mayNotBegin(steps, written);
    }
    if (this.leaving === undefined) for (const step of steps) this.start(step);
    if (planned?.wantsRead === true) this.reading.read(this.state.feed);
    if (!this.state.isBusy && !this.reading.isUnderWay) {
      const end = await this.endOf(planned);
      if (end !== 'stay') return end;
    }
    await this.pause(planned);
    return undefined;
  }

  private takeIn(): void {
    const { clock, tally } = this.parts;
    for (const ended of this.finished.splice(0)) {
      this.progress.changed();
      this.hasDelivered = true;
      this.idleSinceMs = undefined;
      if ('taken' in ended) {
        this.state.settleGivenUp(ended.step, ended.taken, clock.now());
        continue;
      }
      const { delivered, next } = this.state.settle(ended.step, ended.invoked, clock.now());
      if (delivered > 0) tally.add({ delivered });
      if (next !== undefined) this.chosen.push(next);
    }
  }

  private async reasonToLeave(): Promise<Leaving | undefined> {
    const { signal, stored, clock, deadlineMs, log } = this.parts;
    if (signal.aborted) return 'stopped';
    const { timeoutMs, name } = stored.trigger;
    if (clock.monotonic() + timeoutMs + triggerLimits.triggerEndMarginMs > deadlineMs) return 'deadline';
    try {
      const now = await this.parts.readTrigger();
      if (now?.trigger.enabled !== true) return 'disabled';
      return now.version === stored.version ? undefined : 'again';
    } catch (error) {
      log.warn('A trigger could not be read; delivery goes on with what is known of it', { trigger: name, error });
      return undefined;
    }
  }

  /** After an offset that is not in the partition: all lanes begin where the trigger says. */
  private begunAnew(): void {
    const outOfRange = this.reading.takeOutOfRange();
    if (outOfRange === undefined) return;
    const { parts } = this;
    const { trigger } = parts.stored;
    const { position } = this.state.feed;
    const next = placeAfter(position, outOfRange, trigger);
    const { topic, partition } = parts.work;
    parts.log.warn('The offset is not in the partition', {
      trigger: trigger.name,
      topic,
      partition,
      offset: position,
      next,
    });
    parts.tally.add({ offsetResets: 1 });
    const { runsUntilMs } = this.state;
    const lanes = newLanes(next, trigger.parallelizationFactor, runsUntilMs);
    const { committed } = this.progress;
    this.state = this.stateAt({ committed, lanes, ...(runsUntilMs !== undefined && { runsUntilMs }) });
    this.progress.changed();
  }

  private stateAt(place: Place): DeliveryState {
    const { broker, stored, work, events, bytesMax, keeper } = this.parts;
    const passes = events.filterOf(stored.trigger);
    const feed = new PartitionFeed({
      broker,
      work,
      lanes: place.lanes,
      passes,
      eventBytes: (record) => events.recordBytes(record),
      bytesMax,
    });
    const { error } = keeper.lease;
    return new DeliveryState({ stored, work, place, feed, events, random: broker.random, ...(error && { error }) });
  }

  /** What is about to begin, before it does. */
  private count(steps: readonly Step[]): void {
    const { clock, tally } = this.parts;
    for (const step of steps) {
      if (this.state.begin(step, clock.now()).isRetry) tally.add({ retries: 1 });
      this.progress.changed();
    }
  }

  private mayNotBegin(steps: readonly Step[], why: Extract<Written, 'reset' | 'late'>): void {
    for (const { lane } of steps) this.state.cancel(lane);
    if (why === 'reset') this.wasReset();
    else this.leaving ??= 'failed';
  }

  private wasReset(): void {
    this.leaving ??= 'again';
    this.ring();
  }

  private lost(): DeliveryEnd {
    const { log, stored, work } = this.parts;
    log.warn('A lease was lost', { trigger: stored.trigger.name, topic: work.topic, partition: work.partition });
    return { end: 'lost' };
  }

  private start(step: Step): void {
    const under =
      step.step === 'invoke'
        ? invokeBatch(this.parts, step.batch, this.progress.beginByMs).then((invoked) => this.finish({ step, invoked }))
        : giveUp(this.parts, step.failed).then((taken) => this.finish({ step, taken }));
    // Neither rejects: what they call is caught there.
    void under;
  }

  private finish(finished: Finished): void {
    this.finished.push(finished);
    this.poke();
  }

  /** Nothing is under way: whether to go, and how. */
  private async endOf(planned: Planned | undefined): Promise<DeliveryEnd | 'stay' | undefined> {
    const { clock } = this.parts;
    if (this.leaving !== undefined) return this.leave(this.leaving);
    if (planned === undefined || planned.wantsRead || planned.steps.length > 0 || this.chosen.length > 0) return 'stay';
    if (this.reading.isOutOfRange || this.finished.length > 0) return undefined;
    if (planned.dueMs !== undefined && planned.dueMs - clock.now() <= triggerLimits.triggerWaitMsMax) {
      this.watch.begin(this.state.feed);
      return 'stay';
    }
    if (!planned.isBlocked && this.hasDelivered) {
      this.idleSinceMs ??= clock.monotonic();
      if (clock.monotonic() - this.idleSinceMs < this.lingerMs) {
        this.watch.begin(this.state.feed);
        return 'stay';
      }
    }
    return this.release(planned);
  }

  /**
   * With a batching window longer: one dispatcher that stays with many partitions costs less than one for each of their
   * windows.
   */
  private get lingerMs(): number {
    const { batchingWindowMs } = this.parts.stored.trigger;
    return Math.min(Math.max(batchingWindowMs, triggerLimits.triggerLingerMsMin), triggerLimits.triggerLingerMsMax);
  }

  /** Gives the lease back where nothing can be done now, unless more is wanted than was seen. */
  private async release({ dueMs, isBlocked }: Planned): Promise<DeliveryEnd | undefined> {
    const { keeper, broker, ledger, slot, work } = this.parts;
    const { feed, fillingSinceMs } = this.state;
    const isRetry = isBlocked && fillingSinceMs === undefined;
    // What was wanted before the last read, that read would have found.
    const reached = isRetry ? Number.MAX_SAFE_INTEGER : Math.max(feed.position, keeper.lease.wanted);
    const isAllWaiting = isBlocked || this.state.lanes.length === 1;
    const wait = {
      ...(dueMs !== undefined && isAllWaiting && { nextMs: dueMs }),
      ...(dueMs !== undefined && fillingSinceMs !== undefined && { fillingSinceMs }),
    };
    const kept = await this.progress.giveBack(this.state, wait, reached);
    switch (kept.outcome) {
      case 'lost':
        return this.lost();
      case 'reset':
        this.wasReset();
        return undefined;
      case 'wanted':
        this.poke();
        return undefined;
      case 'kept':
        break;
    }
    if (isRetry) return { end: 'not-due' };
    const head = await broker.heads.strong(ledger);
    const isMore = head !== undefined && highWatermark(head, slot) > feed.position;
    const committed = await readCommitted(broker.metadata, this.parts.stored.trigger.group, [work]);
    if (isMore || committed.get(nameOf(work)) !== this.progress.committed) return { end: 'again' };
    return { end: dueMs === undefined ? 'reached' : 'not-due' };
  }

  /** Gives the lease back whatever is left. */
  private async leave(leaving: Leaving): Promise<DeliveryEnd | undefined> {
    const { keeper, clock } = this.parts;
    if (leaving === 'gone') {
      await keeper.drop();
      return { end: 'gone' };
    }
    const { feed, lanes, fillingSinceMs } = this.state;
    const dues = lanes.map(({ dueMs }) => dueMs ?? 0);
    const dueMs = leaving === 'failed' ? clock.now() + triggerLimits.triggerWaitMsMax : Math.min(...dues);
    const isLater = dueMs > clock.now();
    const wait = { ...(isLater && { nextMs: dueMs }), ...(fillingSinceMs !== undefined && { fillingSinceMs }) };
    const kept = await this.progress.giveBack(this.state, wait, Number.MAX_SAFE_INTEGER);
    if (kept.outcome === 'lost') return this.lost();
    if (kept.outcome === 'reset') {
      this.wasReset();
      return undefined;
    }
    if (leaving !== 'deadline') return { end: leaving };
    const isLeft = !feed.isAtEnd || feed.queues.some((queue) => queue.length > 0);
    if (!isLeft) return { end: 'reached' };
    if (dueMs - clock.now() > triggerLimits.triggerWaitMsMax) return { end: 'not-due' };
    return { end: 'handed-on', wanted: Math.max(feed.end, keeper.lease.wanted) };
  }

  /** Until something has ended or come, or something is due. */
  private async pause(planned: Planned | undefined): Promise<void> {
    const { clock, signal, deadlineMs, stored, keeper } = this.parts;
    if (this.finished.length > 0 || this.chosen.length > 0) return;
    if (this.state.isBusy && this.state.hasFreeLane && planned?.isBlocked === false) this.watch.begin(this.state.feed);
    const nowMs = clock.now();
    // While the round was written down it has become due.
    if (planned?.dueMs !== undefined && planned.dueMs <= nowMs) return;
    const waits: number[] = [
      triggerLimits.triggerWaitMsMax,
      keeper.lease.untilMs - nowMs - triggerLimits.triggerIdleLeaseMs / 2,
    ];
    if (planned?.dueMs !== undefined) waits.push(planned.dueMs - nowMs);
    if (this.idleSinceMs !== undefined) waits.push(this.idleSinceMs + this.lingerMs - clock.monotonic());
    if (planned?.wantsRead === true) waits.push(this.reading.dueMs - clock.monotonic());
    if (this.leaving === undefined) {
      waits.push(deadlineMs - triggerLimits.triggerEndMarginMs - stored.trigger.timeoutMs - clock.monotonic() + 1);
    }
    const soonest = waits.filter((wait) => wait > 0);
    const stop = new AbortController();
    const any = this.leaving === undefined ? AbortSignal.any([stop.signal, signal]) : stop.signal;
    await Promise.race([this.bell.promise, clock.sleep(Math.min(...soonest), any)]);
    stop.abort();
    this.bell = Promise.withResolvers();
  }

  private ring(): void {
    this.bell.resolve();
  }
}
