/**
 * The dispatcher: delivers partitions to a trigger's function until nothing is left or its time is over.
 *
 * Whoever wakes it may do so twice, late, or in any order, and any number of dispatchers may be woken for the same
 * partition: the lease decides which of them delivers. One that dies leaves a lease that runs out; the sweeper finds
 * what it left.
 */
import type { Broker } from '../broker/broker.ts';
import { ExpiringCache } from '../broker/expiring-cache.ts';
import { listGroup } from '../broker/groups/group-directory.ts';
import { MillraceError } from '../kernel/errors.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';
import { mapBounded } from '../kernel/map-bounded.ts';
import { ledgerOf } from '../log/topic/topic.ts';
import { HandOver } from './hand-over.ts';
import { takeLease } from './lease-keeper.ts';
import { type DeliveryEnd, PartitionDelivery } from './partition-delivery.ts';
import { placeOf } from './places.ts';
import {
  type DispatchRequest,
  type DispatchSummary,
  type EventFormat,
  type FailureDestinations,
  type FunctionInvoker,
  type PartitionEnd,
  type PartitionWork,
  type StoredTrigger,
  silentTriggerMeter,
  type TriggerLog,
  type TriggerMeter,
} from './ports.ts';
import { Tally } from './tally.ts';

export interface DispatcherDependencies {
  broker: Broker;
  invoker: FunctionInvoker;
  events: EventFormat;
  destinations: FailureDestinations;
  /** Strongly read; the dispatcher remembers it for `triggerChangeMs`. */
  readTrigger: (name: string) => Promise<StoredTrigger | undefined>;
  /** Wakes another dispatcher with what this one has no time for. */
  handOn: (request: DispatchRequest) => Promise<void>;
  /** The broker's by default. */
  log?: TriggerLog;
  meter?: TriggerMeter;
}

export interface DispatchOptions {
  /** When it must be done, by the broker's monotonic clock. Absent: it has all the time there is. */
  deadlineMs?: number;
  /** Ends it early: what runs is awaited and settled, nothing more begins. */
  signal?: AbortSignal;
}

interface Dispatch {
  name: string;
  deadlineMs: number;
  signal: AbortSignal;
  tally: Tally;
  handOver: HandOver;
}

export class Dispatcher {
  private readonly dependencies: DispatcherDependencies;
  private readonly log: TriggerLog;
  private readonly meter: TriggerMeter;
  private readonly triggers: ExpiringCache<StoredTrigger>;
  /** Partitions that this process delivers or is about to; whoever is woken for one again only rings. */
  private readonly active = new Map<string, { delivery?: PartitionDelivery; isWanted: boolean }>();

  constructor(dependencies: DispatcherDependencies) {
    const { broker, log = broker.log, meter = silentTriggerMeter } = dependencies;
    this.dependencies = dependencies;
    this.log = log;
    this.meter = meter;
    this.triggers = new ExpiringCache({
      read: dependencies.readTrigger,
      clock: broker.clock,
      entriesMax: triggerLimits.triggersMax,
      ageMsMax: triggerLimits.triggerChangeMs,
    });
  }

  /** How many partitions are being delivered. */
  get activePartitions(): number {
    return this.active.size;
  }

  /**
   * Resolves when all that was asked for is done, is someone else's, or was handed on. Rejects for nothing but bugs.
   */
  async dispatch(request: DispatchRequest, options: DispatchOptions = {}): Promise<DispatchSummary> {
    const { deadlineMs = Number.POSITIVE_INFINITY, signal = new AbortController().signal } = options;
    const { broker, handOn } = this.dependencies;
    const { clock } = broker;
    const begunMs = clock.monotonic();
    const name = request.trigger;
    const tally = new Tally(name, this.meter);
    const handOver = new HandOver({ trigger: name, handOn, clock, log: this.log });
    const dispatch = { name, deadlineMs, signal, tally, handOver };
    const works = request.work.slice(0, triggerLimits.partitionsPerDispatchMax);
    const beyond = request.work.slice(triggerLimits.partitionsPerDispatchMax);
    const handedOn = Promise.all(beyond.map((work) => handOver.add(work)));
    const ends = await mapBounded(works, triggerLimits.partitionsPerDispatchMax, (work) =>
      this.partition(dispatch, work),
    );
    await handedOn;
    const durationMs = clock.monotonic() - begunMs;
    this.meter.dispatched(name, durationMs);
    const ended = [...ends, ...beyond.map((): PartitionEnd => 'handed-on')];
    const partitions = request.work.map(({ topic, partition }, index) => {
      return { topic, partition, end: ended[index] as PartitionEnd };
    });
    return { trigger: name, partitions, counts: tally.counts, durationMs };
  }

  private async partition(dispatch: Dispatch, work: PartitionWork): Promise<PartitionEnd> {
    const key = `${dispatch.name}/${work.topicId}/${work.partition}`;
    const under = this.active.get(key);
    if (under !== undefined) {
      under.isWanted = true;
      under.delivery?.poke();
      return 'held';
    }
    const own: { delivery?: PartitionDelivery; isWanted: boolean } = { isWanted: false };
    this.active.set(key, own);
    try {
      let wanted = work.wanted;
      for (let takes = 0; takes < triggerLimits.triggerTakesMax; takes++) {
        own.isWanted = false;
        const end = await this.once(dispatch, { ...work, wanted }, own);
        if (end.end === 'handed-on') {
          await dispatch.handOver.add({ ...work, wanted: end.wanted });
          return 'handed-on';
        }
        // Who rang after the last look may have rung for what it did not see.
        const isOver = end.end !== 'again' && !(own.isWanted && end.end === 'reached');
        if (isOver) return end.end;
        wanted = 0;
      }
      await dispatch.handOver.add({ ...work, wanted: 0 });
      return 'handed-on';
    } catch (error) {
      const { topic, partition } = work;
      this.log.error('A partition could not be delivered', { trigger: dispatch.name, topic, partition, error });
      return 'failed';
    } finally {
      this.active.delete(key);
    }
  }

  /** Takes the lease once, and delivers for as long as it is held. */
  private async once(
    dispatch: Dispatch,
    work: PartitionWork,
    own: { delivery?: PartitionDelivery },
  ): Promise<DeliveryEnd | { end: 'held' }> {
    const { broker, invoker, events, destinations } = this.dependencies;
    const { name, tally, deadlineMs, signal } = dispatch;
    if (signal.aborted) return { end: 'stopped' };
    const stored = await this.triggers.get(name);
    if (stored?.trigger.enabled !== true) return { end: 'disabled' };
    const { trigger, guard } = stored;
    const { topic, topicId, partition, wanted } = work;
    const id = { group: trigger.group, topicId, partition };
    const { batchSize } = trigger;
    const request = { id, topic, trigger: name, batchSize, wanted, ...(guard !== undefined && { guard }) };
    const taken = await takeLease(broker, request);
    if (taken.outcome !== 'taken') return { end: taken.outcome };
    const { keeper, why } = taken;
    if (why === 'expired') this.log.warn('A lease was taken over', { trigger: name, topic, partition });
    try {
      const place = await placeOf(broker, { trigger, work, lease: keeper.lease });
      keeper.standAt(place.committed);
      if (place.committed === undefined) await listGroup(broker, trigger.group);
      const delivery = new PartitionDelivery({
        broker,
        invoker,
        events,
        destinations,
        clock: broker.clock,
        log: this.log,
        tally,
        stored,
        work,
        ...ledgerOf(await broker.topics.getWith(topic, partition), partition),
        keeper,
        place,
        readTrigger: () => this.triggers.get(name),
        bytesMax: () =>
          Math.max(triggerLimits.triggerBufferBytesMin, triggerLimits.triggerBufferBytesMax / this.active.size),
        deadlineMs,
        signal,
      });
      own.delivery = delivery;
      return await delivery.run();
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error;
      await keeper.drop();
      return { end: 'gone' };
    } finally {
      delete own.delivery;
    }
  }
}
