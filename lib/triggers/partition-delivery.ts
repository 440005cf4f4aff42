/**
 * Delivers one partition for as long as this process holds its lease.
 *
 * One loop decides and writes; invocations, reads and waits are under way beside it and wake it. In each round what has ended is
 * taken in, what can begin is chosen, and both are written at once: lease and offset in one transaction. Only then invocations
 * begin. So nothing runs that is not counted, nothing is committed by whoever has lost the lease, and a batch costs one write.
 */
import type { Broker } from '../broker/broker.ts';
import { nameOf, readCommitted } from '../broker/groups/group-items.ts';
import { highWatermark } from '../broker/ledger/replicated.ts';
import { pauseMs } from '../coordination/triggers/backoff.ts';
import { newLanes } from '../coordination/triggers/lanes.ts';
import { MillraceError } from '../kernel/errors.ts';
import type { LedgerId } from '../kernel/ids.ts';
import { limits } from '../kernel/limits.ts';
import { DeliveryState, type GiveUpStep, type InvokeStep, type Planned, type Step } from './delivery-state.ts';
import { type GiveUpParts, giveUp } from './give-up.ts';
import { type Invoked, type InvokeParts, invokeBatch } from './invoke-batch.ts';
import type { LeaseKeeper, OffsetChange } from './lease-keeper.ts';
import { PartitionFeed } from './partition-feed.ts';
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
  private state: DeliveryState;
  private offset: number | undefined;
  private readonly finished: Finished[] = [];
  /** Steps that were chosen before their turn: the end of a window that is too large. */
  private readonly chosen: InvokeStep[] = [];
  private leaving: Leaving | undefined;
  private isReading = false;
  private readFailures = 0;
  private readDueMs = 0;
  private outOfRange: MillraceError | undefined;
  private stopWatching: AbortController | undefined;
  private isReset = false;
  /** Something is in memory that the lease does not say. */
  private isDirty = false;
  private hasDelivered = false;
  /** By the monotonic clock. */
  private idleSinceMs: number | undefined;
  /** When what is under way has ended for certain. */
  private busyUntilMs = 0;
  /** By the monotonic clock: when what is written down must have begun. */
  private beginByMs = 0;
  private bell = Promise.withResolvers<void>();

  constructor(parts: DeliveryParts) {
    this.parts = parts;
    this.offset = parts.place.committed;
    this.state = this.stateAt(parts.place);
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
      this.stopWatching?.abort();
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
    if (!isEnding && !(await this.writtenDown(steps))) return { end: 'lost' };
    if (this.leaving === undefined) for (const step of steps) this.start(step);
    if (planned?.wantsRead === true) this.read();
    if (!this.state.isBusy && !this.isReading) {
      const end = await this.endOf(planned);
      if (end !== 'stay') return end;
    }
    await this.pause(planned);
    return undefined;
  }

  private takeIn(): void {
    const { clock, tally } = this.parts;
    for (const ended of this.finished.splice(0)) {
      this.isDirty = true;
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
    if (clock.monotonic() + timeoutMs + limits.triggerEndMarginMs > deadlineMs) return 'deadline';
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
    const { outOfRange, parts } = this;
    if (outOfRange === undefined) return;
    this.outOfRange = undefined;
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
    this.state = this.stateAt({ committed: this.offset, lanes, ...(runsUntilMs !== undefined && { runsUntilMs }) });
    this.isDirty = true;
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

  /** Counts what is about to begin and writes it with what has ended; false where the lease is lost. */
  private async writtenDown(steps: readonly Step[]): Promise<boolean> {
    const { clock, keeper, tally, stored } = this.parts;
    const nowMs = clock.now();
    for (const step of steps) {
      if (this.state.begin(step, nowMs).isRetry) tally.add({ retries: 1 });
      this.isDirty = true;
    }
    const renewal = keeper.lease.untilMs - nowMs < limits.triggerIdleLeaseMs / 2;
    if (!this.isDirty && !renewal) return true;
    for (let attempt = 0; attempt < limits.triggerLeaseWritesMax; attempt++) {
      this.beginByMs = clock.monotonic() + limits.triggerInvokeMarginMs;
      const { timeoutMs } = stored.trigger;
      const untilMs = clock.now() + limits.triggerInvokeMarginMs + timeoutMs;
      if (steps.some(({ step }) => step === 'invoke')) this.busyUntilMs = Math.max(this.busyUntilMs, untilMs);
      if (!this.state.isBusy) this.busyUntilMs = 0;
      const heldMs = Math.max(this.busyUntilMs, clock.now() + limits.triggerIdleLeaseMs);
      const kept = await keeper.keep({ ...this.changes(), untilMs: heldMs }, this.offsetChange());
      if (kept.outcome === 'lost') return this.lost();
      if (kept.outcome === 'reset') {
        for (const { lane } of steps) this.state.cancel(lane);
        this.wasReset();
        return true;
      }
      if (this.offset !== this.state.committable) this.sayLag();
      this.offset = this.state.committable;
      this.isDirty = false;
      // Frozen meanwhile: the lease must be held for as long as what begins now may run.
      if (clock.monotonic() <= this.beginByMs) return true;
    }
    for (const { lane } of steps) this.state.cancel(lane);
    this.leaving ??= 'failed';
    return true;
  }

  /** What is under way is of a place that does not count any more. */
  private wasReset(): void {
    this.isReset = true;
    this.isDirty = false;
    this.leaving ??= 'again';
    this.ring();
  }

  private lost(): false {
    const { log, stored, work } = this.parts;
    log.warn('A lease was lost', { trigger: stored.trigger.name, topic: work.topic, partition: work.partition });
    return false;
  }

  private changes() {
    const { lanes, window, error, runsUntilMs } = this.state;
    const isRunning = runsUntilMs !== undefined && runsUntilMs > this.parts.clock.now();
    return {
      lanes: [...lanes],
      ...(window !== undefined && { window }),
      ...(error !== undefined && { error }),
      ...(isRunning && { runsUntilMs }),
    };
  }

  private offsetChange(): OffsetChange | undefined {
    const to = this.state.committable;
    return to === this.offset || this.isReset ? undefined : { from: this.offset, to };
  }

  private start(step: Step): void {
    const under =
      step.step === 'invoke'
        ? invokeBatch(this.parts, step.batch, this.beginByMs).then((invoked) => this.finish({ step, invoked }))
        : giveUp(this.parts, step.failed).then((taken) => this.finish({ step, taken }));
    // Neither rejects: what they call is caught there.
    void under;
  }

  private finish(finished: Finished): void {
    this.finished.push(finished);
    this.poke();
  }

  private read(): void {
    if (this.isReading || this.parts.clock.monotonic() < this.readDueMs) return;
    this.isReading = true;
    const { state } = this;
    void state.feed
      .read()
      .then(
        ({ filtered }) => {
          this.readFailures = 0;
          if (filtered > 0) this.parts.tally.add({ filtered });
        },
        (error: unknown) => this.readFailed(error),
      )
      .then(() => {
        this.isReading = false;
        this.ring();
      });
  }

  private readFailed(error: unknown): void {
    const { log, clock, broker, stored, work } = this.parts;
    const code = error instanceof MillraceError ? error.code : undefined;
    if (code === 'OFFSET_OUT_OF_RANGE') {
      this.outOfRange = error as MillraceError;
      return;
    }
    if (code === 'UNKNOWN_TOPIC_OR_PARTITION') {
      this.leaving = 'gone';
      return;
    }
    this.readFailures++;
    const { triggerRetryPauseMsMin: minMs, triggerRetryPauseMsMax: maxMs } = limits;
    const pause = pauseMs(this.readFailures, { minMs, maxMs, fraction: broker.random.fraction() });
    this.readDueMs = clock.monotonic() + pause;
    const { topic, partition } = work;
    log.warn('A partition could not be read', { trigger: stored.trigger.name, topic, partition, error });
    this.state.error = { kind: code ?? 'Unknown', message: String(error), atMs: clock.now() };
    if (this.readFailures >= limits.triggerLeaseWritesMax) this.leaving ??= 'failed';
  }

  /** Nothing is under way: whether to go, and how. */
  private async endOf(planned: Planned | undefined): Promise<DeliveryEnd | 'stay' | undefined> {
    const { clock } = this.parts;
    if (this.leaving !== undefined) return this.leave(this.leaving);
    if (planned === undefined || planned.wantsRead || planned.steps.length > 0 || this.chosen.length > 0) return 'stay';
    if (this.outOfRange !== undefined || this.finished.length > 0) return undefined;
    if (planned.dueMs !== undefined && planned.dueMs - clock.now() <= limits.triggerWaitMsMax) {
      this.watch();
      return 'stay';
    }
    if (!planned.isBlocked && this.hasDelivered) {
      this.idleSinceMs ??= clock.monotonic();
      if (clock.monotonic() - this.idleSinceMs < this.lingerMs) {
        this.watch();
        return 'stay';
      }
    }
    return this.release(planned);
  }

  /** With a batching window longer: one dispatcher that stays with many partitions costs less than one for each of their windows. */
  private get lingerMs(): number {
    const { batchingWindowMs } = this.parts.stored.trigger;
    return Math.min(Math.max(batchingWindowMs, limits.triggerLingerMsMin), limits.triggerLingerMsMax);
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
    const kept = await keeper.release({ ...this.changes(), ...wait }, reached, this.offsetChange());
    switch (kept.outcome) {
      case 'lost':
        this.lost();
        return { end: 'lost' };
      case 'reset':
        this.wasReset();
        return undefined;
      case 'wanted':
        this.poke();
        return undefined;
      case 'kept':
        break;
    }
    this.offset = this.state.committable;
    this.sayLag();
    if (isRetry) return { end: 'not-due' };
    const head = await broker.heads.strong(ledger);
    const isMore = head !== undefined && highWatermark(head, slot) > feed.position;
    const committed = await readCommitted(broker.metadata, this.parts.stored.trigger.group, [work]);
    if (isMore || committed.get(nameOf(work)) !== this.offset) return { end: 'again' };
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
    const dueMs = leaving === 'failed' ? clock.now() + limits.triggerWaitMsMax : Math.min(...dues);
    const isLater = dueMs > clock.now();
    const wait = { ...(isLater && { nextMs: dueMs }), ...(fillingSinceMs !== undefined && { fillingSinceMs }) };
    const changes = { ...this.changes(), ...wait };
    const kept = await keeper.release(changes, Number.MAX_SAFE_INTEGER, this.offsetChange());
    if (kept.outcome === 'lost') {
      this.lost();
      return { end: 'lost' };
    }
    if (kept.outcome === 'reset') {
      this.wasReset();
      return undefined;
    }
    this.sayLag();
    if (leaving !== 'deadline') return { end: leaving };
    const isLeft = !feed.isAtEnd || feed.queues.some((queue) => queue.length > 0);
    if (!isLeft) return { end: 'reached' };
    if (dueMs - clock.now() > limits.triggerWaitMsMax) return { end: 'not-due' };
    return { end: 'handed-on', wanted: Math.max(feed.end, keeper.lease.wanted) };
  }

  private sayLag(): void {
    const { tally, work } = this.parts;
    const { feed } = this.state;
    tally.lag({ topic: work.topic, partition: work.partition }, feed.end - this.state.committable);
  }

  /** Rings when the partition has grown. Reads its head at an adaptive rate, shared with all that wait for the ledger. */
  private watch(): void {
    if (this.stopWatching !== undefined || !this.state.feed.isAtEnd) return;
    const { broker, ledger, slot } = this.parts;
    const stop = new AbortController();
    this.stopWatching = stop;
    const { position } = this.state.feed;
    const until = { timeoutMs: limits.triggerWaitMsMax, signal: stop.signal };
    void broker.watcher
      .wait(ledger, (head) => highWatermark(head, slot) > position, until)
      .then(
        (head) => {
          if (head === undefined) this.leaving ??= 'gone';
          else if (highWatermark(head, slot) > position) this.poke();
        },
        // A failed look is the same as nothing new: the next read tells.
        () => {},
      )
      .then(() => {
        if (this.stopWatching === stop) this.stopWatching = undefined;
      });
  }

  /** Until something has ended or come, or something is due. */
  private async pause(planned: Planned | undefined): Promise<void> {
    const { clock, signal, deadlineMs, stored, keeper } = this.parts;
    if (this.finished.length > 0 || this.chosen.length > 0) return;
    if (this.state.isBusy && this.state.hasFreeLane && planned?.isBlocked === false) this.watch();
    const nowMs = clock.now();
    // While the round was written down it has become due.
    if (planned?.dueMs !== undefined && planned.dueMs <= nowMs) return;
    const waits: number[] = [limits.triggerWaitMsMax, keeper.lease.untilMs - nowMs - limits.triggerIdleLeaseMs / 2];
    if (planned?.dueMs !== undefined) waits.push(planned.dueMs - nowMs);
    if (this.idleSinceMs !== undefined) waits.push(this.idleSinceMs + this.lingerMs - clock.monotonic());
    if (planned?.wantsRead === true) waits.push(this.readDueMs - clock.monotonic());
    if (this.leaving === undefined) {
      waits.push(deadlineMs - limits.triggerEndMarginMs - stored.trigger.timeoutMs - clock.monotonic() + 1);
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
