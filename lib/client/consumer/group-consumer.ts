/**
 * What the application has of its membership (membership.ts): one iteration at a time, in whose turn everything is
 * handed out, told, and counted as done.
 */
import { clientLimits } from '../../kernel/limits/client.ts';
import type { DirectSource } from '../direct/direct-source.ts';
import { MillraceClientError } from '../errors.ts';
import { orAborted } from '../producer/deadlines.ts';
import { createTransport, type Transport, type TransportOptions } from '../transport.ts';
import { isCurrent, type Run } from './arrivals.ts';
import { Committer, type PartitionOffset } from './committer.ts';
import type { CommittableOffset, Consumer, GroupMetadata } from './consumer.ts';
import { isFenced } from './fenced.ts';
import { type GroupsApi, groupsApi } from './groups-api.ts';
import { Membership, type RebalanceEvent } from './membership.ts';
import { type ConsumerOptions, type ConsumerSettings, consumerSettings, type TopicPartition } from './options.ts';
import { notAssigned, type OwnedPartition } from './owned-partition.ts';
import { persistentTransport } from './persistent.ts';
import { type ConsumerBatch, type ConsumerRecord, consumerRecord, DeserializationError } from './record.ts';
import { leaveAfter, stepper } from './step.ts';

export interface ConsumerWorld {
  transport: TransportOptions;
  /** Makes of a transport one that says where the reader is. */
  reading: (send: Transport) => Transport;
  source: DirectSource;
}

export function createConsumer<Key, Value>(
  world: ConsumerWorld,
  options: ConsumerOptions<Key, Value>,
): Consumer<Key, Value> {
  const consumer: Consumer<unknown, unknown> = new GroupConsumer(world, consumerSettings(options));
  return consumer as Consumer<Key, Value>;
}

class GroupConsumer implements Consumer<unknown, unknown> {
  readonly poll: Consumer<unknown, unknown>['poll'];
  readonly leave: Consumer<unknown, unknown>['leave'];
  private readonly settings: ConsumerSettings;
  private readonly transport: TransportOptions;
  private readonly membership: Membership;
  private readonly committer: Committer;
  private readonly api: GroupsApi;
  /** Nothing is begun any more. */
  private readonly stopping = new AbortController();
  /** Nothing is waited for any more. */
  private readonly ended = new AbortController();
  private iterating = false;
  /** What the application works on, from which place of its run on, and the offset after it. */
  private inHand: { run: Run; index: number; next: number } | undefined;
  private settling: Promise<void> = Promise.resolve();
  private closing: Promise<void> | undefined;

  constructor({ transport, reading, source }: ConsumerWorld, settings: ConsumerSettings) {
    this.settings = settings;
    this.transport = transport;
    const { clock, random } = transport;
    const { group, onRetry, signal } = settings;
    const attempt = reading(createTransport({ ...transport, attemptsMax: 1 }));
    const until = (stopping: AbortSignal) =>
      groupsApi(persistentTransport({ attempt, clock, random, onRetry, stopping }), group);
    this.api = until(this.ended.signal);
    this.membership = new Membership({ api: until(this.stopping.signal), settings, clock, random, source });
    this.committer = new Committer({ api: this.api, membership: this.membership, signal: this.ended.signal });
    const steps = groupsApi(reading(createTransport(transport)), group);
    this.poll = stepper(steps, settings, random);
    this.leave = (state) => leaveAfter(steps, settings, state);
    signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  async *records(): AsyncGenerator<ConsumerRecord<unknown, unknown>, void, undefined> {
    this.begin();
    try {
      for (;;) {
        const run = await this.nextRun();
        if (run === undefined) return;
        while (this.mayHandOut(run)) {
          const record = this.recordOf(run, run.next);
          this.handOut(run, [record]);
          yield record;
          this.finished();
        }
      }
    } finally {
      await this.end();
    }
  }

  async *batches(): AsyncGenerator<ConsumerBatch<unknown, unknown>, void, undefined> {
    this.begin();
    try {
      for (;;) {
        const run = await this.nextRun();
        if (run === undefined) return;
        const batch = this.batchOf(run);
        this.handOut(run, batch.records);
        yield batch;
        this.finished();
      }
    } finally {
      await this.end();
    }
  }

  async commit(offsets?: readonly CommittableOffset[]): Promise<void> {
    const all =
      offsets === undefined
        ? [...this.membership.assignment].flatMap((partition) => handedOut(partition))
        : offsets.map(({ offset, metadata, ...name }): PartitionOffset => {
            return { partition: this.owned(name), offset, ...(metadata !== undefined && { metadata }) };
          });
    if (all.length > 0) await this.committer.commit(all);
  }

  get assignment(): TopicPartition[] {
    return [...this.membership.assignment].filter(({ told }) => told).map(({ name }) => name);
  }

  groupMetadata(): GroupMetadata | undefined {
    const { memberId: member, generation } = this.membership;
    return member === undefined ? undefined : { group: this.settings.group, member, generation };
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions.map((name) => this.owned(name))) partition.paused = true;
    this.membership.wake({ tell: true });
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions.map((name) => this.owned(name))) {
      partition.paused = false;
      this.membership.arrivals.resume(partition);
    }
    this.membership.announce();
    this.membership.wake({ tell: true });
  }

  seek({ offset, ...name }: TopicPartition & { offset: number }): void {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`${String(offset)} is not an offset`);
    this.owned(name).seek(offset);
    this.membership.wake({ tell: true });
  }

  close({ timeoutMs = clientLimits.clientCloseMsDefault }: { timeoutMs?: number } = {}): Promise<void> {
    this.closing ??= this.closeWithin(timeoutMs);
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private begin(): void {
    if (this.iterating) throw new TypeError('the consumer is being iterated over already');
    this.iterating = true;
  }

  private async end(): Promise<void> {
    this.iterating = false;
    this.takeBack();
    if (this.settings.signal?.aborted === true) await this.close();
  }

  private readonly onAbort = (): void => {
    this.membership.announce();
    // Who iterates closes when done with what is in hand, and hears how that went. Else `close` says it to whoever
    // asks.
    if (!this.iterating) this.close().catch(() => {});
  };

  private get isEnding(): boolean {
    return this.closing !== undefined || this.settings.signal?.aborted === true;
  }

  /** What records are to be handed out of next, when all that happened was told; `undefined` at the end. */
  private async nextRun(): Promise<Run | undefined> {
    const { membership } = this;
    for (;;) {
      if (this.isEnding) return undefined;
      membership.asked();
      const { failure } = membership;
      membership.failure = undefined;
      if (failure !== undefined) throw failure;
      const event = membership.events.shift();
      if (event !== undefined) {
        await this.settle(event);
        continue;
      }
      // The generation changes with it, and a transaction of what is handed out needs the new one.
      const run = membership.acknowledging ? undefined : membership.nextRun();
      if (run !== undefined) {
        membership.wake();
        return run;
      }
      await membership.changed();
    }
  }

  private mayHandOut(run: Run): boolean {
    this.membership.asked();
    const { events, failure } = this.membership;
    return isCurrent(run) && !run.partition.paused && events.length === 0 && failure === undefined && !this.isEnding;
  }

  private handOut(run: Run, records: readonly ConsumerRecord<unknown, unknown>[]): void {
    const next = (records.at(-1) as ConsumerRecord<unknown, unknown>).offset + 1;
    this.inHand = { run, index: run.next, next };
    run.next += records.length;
    run.partition.handed = next;
  }

  private finished(): void {
    if (this.inHand === undefined) return;
    const { run, next } = this.inHand;
    this.inHand = undefined;
    if (run.partition.seeks === run.seeks) run.partition.done = next;
  }

  /**
   * Whoever leaves the iteration, or throws out of it, is not done with what is in hand: it comes again with the next
   * one, or automatic commits would pass over it. With manual commits the application says itself what is done.
   */
  private takeBack(): void {
    if (this.inHand === undefined) return;
    const { run, index, next } = this.inHand;
    this.inHand = undefined;
    if (this.settings.commit === 'manual' || (run.partition.done ?? 0) >= next) return;
    run.next = index;
    if (isCurrent(run)) this.membership.arrivals.putBack(run);
  }

  private recordOf({ partition, records }: Run, index: number): ConsumerRecord<unknown, unknown> {
    const json = records[index] as Run['records'][number];
    return consumerRecord(json, this.settings, async (position) => {
      partition.requireOwned();
      await this.committer.commit([{ partition, ...position }]);
    });
  }

  /** Ends before what is not to be deserialized, so that a seek past that one passes over no other. */
  private batchOf(run: Run): ConsumerBatch<unknown, unknown> {
    const records: ConsumerRecord<unknown, unknown>[] = [];
    try {
      for (let index = run.next; index < run.records.length; index++) records.push(this.recordOf(run, index));
    } catch (error) {
      if (records.length === 0 || !(error instanceof DeserializationError)) throw error;
    }
    const { name } = run.partition;
    const last = records.at(-1) as ConsumerRecord<unknown, unknown>;
    const offsets = [{ ...name, offset: last.offset + 1 }];
    const commit: ConsumerBatch<unknown, unknown>['commit'] = (options) => last.commit(options);
    const groupOffsets = () => {
      const metadata = this.groupMetadata();
      if (metadata === undefined || run.partition.state === 'ended') throw notAssigned(name);
      return { ...metadata, offsets };
    };
    return { ...name, records, offsets, commit, groupOffsets };
  }

  private settle(event: RebalanceEvent): Promise<void> {
    const settled = this.settleEvent(event);
    this.settling = settled.catch(() => {});
    return settled;
  }

  private async settleEvent({ kind, partitions }: RebalanceEvent): Promise<void> {
    const { onAssigned, onLost } = this.settings;
    if (kind === 'assigned') {
      const names = partitions.filter(({ state }) => state !== 'ended');
      for (const partition of names) partition.told = true;
      if (names.length > 0) await onAssigned?.(names.map(({ name }) => name));
      return;
    }
    if (kind === 'lost') return tell(onLost, partitions);
    // Lost while it was to be given up: the event of that comes next.
    const revoking = partitions.filter(({ state }) => state === 'revoking');
    try {
      await this.giveUp(revoking);
    } finally {
      this.membership.released(revoking);
    }
  }

  /** Lets the application finish with partitions, which then have all commits that they will get. */
  private async giveUp(partitions: readonly OwnedPartition[]): Promise<void> {
    try {
      await tell(this.settings.onRevoked, partitions);
    } finally {
      await this.committer.idle();
      await this.commitDone(partitions);
    }
  }

  private async commitDone(partitions: readonly OwnedPartition[]): Promise<void> {
    if (this.settings.commit === 'manual') return;
    const offsets = partitions.flatMap((partition): PartitionOffset[] => {
      return partition.uncommitted === undefined ? [] : [{ partition, offset: partition.uncommitted }];
    });
    if (offsets.length === 0) return;
    try {
      await this.committer.commit(offsets);
    } catch (error) {
      // They are lost: who has them now begins before these records.
      if (!isFenced(error) && !isNotAssigned(error)) throw error;
    }
  }

  private async closeWithin(timeoutMs: number): Promise<void> {
    const { clock } = this.transport;
    this.settings.signal?.removeEventListener('abort', this.onAbort);
    const done = new AbortController();
    void clock.sleep(timeoutMs, done.signal).then(() => {
      if (!done.signal.aborted) this.ended.abort(closedLate(timeoutMs));
    });
    this.stopping.abort(null);
    this.membership.announce();
    try {
      await orAborted(this.giveAllUp(), this.ended.signal);
    } finally {
      done.abort(null);
      this.ended.abort(closedLate(timeoutMs));
      this.membership.announce();
    }
  }

  private async giveAllUp(): Promise<void> {
    const { membership, settings } = this;
    await Promise.all([membership.stop(), this.settling]);
    for (const { kind, partitions } of membership.events.splice(0)) {
      if (kind === 'lost') await tell(settings.onLost, partitions);
    }
    const member = membership.memberId;
    if (member === undefined) return;
    const partitions = [...membership.assignment];
    const cursor = settings.commit === 'automatic' ? membership.deliveredCursor : undefined;
    try {
      await this.giveUp(partitions);
    } finally {
      membership.assignment.end(partitions);
      await this.leaveAs(member, cursor);
    }
  }

  private async leaveAs(member: string, cursor: string | undefined): Promise<void> {
    try {
      await this.api.leave(
        {
          member,
          ...(cursor !== undefined && { cursor }),
          // A static member that comes back finds its partitions where they were.
          ...(this.settings.instanceId !== undefined && { keep_seat: true }),
        },
        this.ended.signal,
      );
    } catch (error) {
      // Not being a member is what was asked for.
      if (!isFenced(error)) throw error;
    }
  }

  private owned(name: TopicPartition): OwnedPartition {
    const partition = this.membership.assignment.get(name);
    if (partition === undefined) throw notAssigned(name);
    return partition;
  }
}

async function tell(
  callback: ((partitions: TopicPartition[]) => void | Promise<void>) | undefined,
  partitions: readonly OwnedPartition[],
): Promise<void> {
  const told = partitions.filter((partition) => partition.told);
  if (told.length > 0) await callback?.(told.map(({ name }) => name));
}

function handedOut(partition: OwnedPartition): PartitionOffset[] {
  const { handed } = partition;
  return handed === undefined ? [] : [{ partition, offset: handed }];
}

function isNotAssigned(error: unknown): boolean {
  return error instanceof MillraceClientError && error.code === 'PARTITION_NOT_ASSIGNED';
}

function closedLate(timeoutMs: number): MillraceClientError {
  const detail = `the consumer is closed; what it had left to do was not done within ${timeoutMs} ms`;
  return new MillraceClientError('CONSUMER_CLOSED', detail, { retriable: false, effect: 'unknown' });
}
