/** Dispatchers over real embedded stores, a function that does what a test says, and a clock that the test moves. */
import { fetchRecords } from '../../lib/broker/fetch/fetch.ts';
import { readCommitted } from '../../lib/broker/groups/group-items.ts';
import { type ProduceRecord, produceRecords } from '../../lib/broker/produce/produce.ts';
import { decodeLease, type Lease, leaseKey } from '../../lib/coordination/triggers/lease-item.ts';
import type { Trigger } from '../../lib/coordination/triggers/trigger.ts';
import { utf8, utf8Text } from '../../lib/kernel/bytes.ts';
import { Dispatcher, type DispatchOptions } from '../../lib/triggers/dispatcher.ts';
import { createKafkaEventFormat } from '../../lib/triggers/event/kafka-event-format.ts';
import type {
  DispatchRequest,
  DispatchSummary,
  FailedBatch,
  Invocation,
  InvocationResult,
  PartitionWork,
  StoredTrigger,
} from '../../lib/triggers/ports.ts';
import { makeBroker, makeStores, makeTopic, type Process, type Stores } from './broker.ts';

/** An invocation as the function saw it. */
export interface Seen {
  partition: number | undefined;
  values: string[];
  offsets: number[];
  event: Record<string, unknown>;
  /** By the clock of the world. */
  startedMs: number;
  endedMs: number;
}

type Answer = Partial<InvocationResult> | undefined;

/** What the function does with an event: nothing is success. */
export type Handler = (seen: Seen, invocation: Invocation) => Answer | Promise<Answer>;

export const failed: Partial<InvocationResult> = {
  outcome: 'failed',
  requestId: 'r',
  error: { kind: 'Unhandled', message: 'boom' },
};

export function failures(partition: number, ...offsets: number[]): Partial<InvocationResult> {
  const batchItemFailures = offsets.map((offset) => ({ itemIdentifier: { partition: `t-${partition}`, offset } }));
  return { response: { batchItemFailures } };
}

export interface DispatchWorldOptions {
  partitions?: number;
  trigger?: Partial<Trigger>;
}

export const aTrigger: Trigger = {
  name: 'f',
  topics: { names: ['t'] },
  group: 'g',
  target: 'arn:aws:lambda:eu-central-1:123456789012:function:f',
  startingPosition: { position: 'TRIM_HORIZON' },
  batchSize: 100,
  batchingWindowMs: 0,
  filters: [],
  bisectBatchOnError: false,
  retryAttempts: -1,
  maxRecordAgeMs: -1,
  reportBatchItemFailures: true,
  parallelizationFactor: 1,
  tumblingWindowMs: 0,
  eventShape: 'msk',
  timeoutMs: 60_000,
  enabled: true,
};

export class DispatchWorld {
  readonly stores: Stores;
  readonly process: Process;
  readonly topicId: string;
  readonly partitions: number;
  stored: StoredTrigger | undefined;
  handler: Handler = () => undefined;
  destination: (batch: FailedBatch) => Promise<void> = async () => {};
  readonly seen: Seen[] = [];
  readonly given: FailedBatch[] = [];
  readonly handedOn: DispatchRequest[] = [];
  /** Invocations of a partition at a time, at most. */
  readonly together = new Map<number, { now: number; most: number }>();

  private constructor(parts: {
    stores: Stores;
    process: Process;
    topicId: string;
    partitions: number;
    trigger: Trigger;
  }) {
    this.stores = parts.stores;
    this.process = parts.process;
    this.topicId = parts.topicId;
    this.partitions = parts.partitions;
    this.stored = { trigger: parts.trigger, version: 1 };
  }

  static async make({ partitions = 1, trigger = {} }: DispatchWorldOptions = {}): Promise<DispatchWorld> {
    const stores = makeStores({ inlineBytesMax: 4_096 });
    const process = await makeTopic({ stores, partitions });
    const { topicId } = await process.broker.topics.get('t');
    return new DispatchWorld({ stores, process, topicId, partitions, trigger: { ...aTrigger, ...trigger } });
  }

  get clock() {
    return this.stores.clock;
  }

  get trigger(): Trigger {
    return (this.stored as StoredTrigger).trigger;
  }

  /** Another process with a dispatcher of its own. */
  dispatcher(process: Process = makeBroker({ stores: this.stores })): Dispatcher {
    return new Dispatcher({
      broker: process.broker,
      invoker: { invoke: (invocation) => this.invoke(invocation) },
      events: createKafkaEventFormat({ eventSourceArn: 'arn:aws:kafka:x', bootstrapServers: 'b:9092' }),
      destinations: {
        send: async (batch) => {
          await this.destination(batch);
          this.given.push(batch);
        },
      },
      readTrigger: async () => this.stored,
      handOn: async (request) => void this.handedOn.push(request),
    });
  }

  private async invoke(invocation: Invocation): Promise<InvocationResult> {
    const event = JSON.parse(utf8Text(invocation.payload) ?? '') as Record<string, unknown>;
    const records = Object.values(event['records'] as Record<string, EventRecord[]>).flat();
    const partition = records[0]?.partition;
    const seen: Seen = {
      partition,
      values: records.map(({ value }) => Buffer.from(value ?? '', 'base64').toString()),
      offsets: records.map(({ offset }) => offset),
      event,
      startedMs: this.clock.now(),
      endedMs: Number.POSITIVE_INFINITY,
    };
    this.seen.push(seen);
    const together = this.together.get(partition ?? 0) ?? { now: 0, most: 0 };
    this.together.set(partition ?? 0, together);
    together.most = Math.max(together.most, ++together.now);
    const answer = await this.handler(seen, invocation);
    together.now--;
    seen.endedMs = this.clock.now();
    return {
      outcome: 'returned',
      requestId: `r${this.seen.length}`,
      response: undefined,
      ...answer,
    } as InvocationResult;
  }

  async produce(values: readonly string[], fields: Partial<ProduceRecord> = {}): Promise<void> {
    const records = values.map((value) => ({ partition: 0, key: null, value: utf8(value), headers: [], ...fields }));
    await produceRecords(this.process.broker, { topic: 't', records, acks: 'all' });
  }

  work(wanted = 0, partition = 0): PartitionWork {
    return { topic: 't', topicId: this.topicId, partition, wanted };
  }

  request(...works: PartitionWork[]): DispatchRequest {
    return { trigger: 'f', work: works.length === 0 ? [this.work()] : works };
  }

  /** Dispatches and lets time pass until it ends. */
  async dispatch(
    dispatcher: Dispatcher = this.dispatcher(),
    request: DispatchRequest = this.request(),
    options: DispatchOptions = {},
  ): Promise<DispatchSummary> {
    const dispatching = dispatcher.dispatch(request, options);
    await this.clock.until(dispatching, 3_600_000);
    return dispatching;
  }

  async committed(partition = 0): Promise<number | undefined> {
    const { topicId } = this;
    const found = await readCommitted(this.stores.metadata, 'g', [{ topicId, partition }]);
    return [...found.values()][0];
  }

  async lease(partition = 0): Promise<Lease | undefined> {
    const { topicId } = this;
    const item = await this.stores.metadata.get(leaseKey({ group: 'g', topicId, partition }), 'strong');
    return item && decodeLease(item);
  }

  /** Everything that the partition holds. */
  async values(partition = 0): Promise<string[]> {
    const { records } = await fetchRecords(this.process.broker, {
      topic: 't',
      partition,
      position: { at: 'earliest' },
      maxBytes: 4_000_000,
      maxRecords: 10_000,
      minBytes: 1,
      waitMs: 0,
    });
    return records.map(({ value }) => utf8Text(value ?? new Uint8Array()) ?? '');
  }
}

interface EventRecord {
  partition: number;
  offset: number;
  value?: string | null;
}

export function numbered(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${from + index}`);
}
