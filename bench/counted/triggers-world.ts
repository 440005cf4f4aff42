/**
 * A deployment with triggers in virtual time: producers, the table's stream that Lambda polls, the router, dispatchers
 * in environments that Lambda makes and keeps, the sweeper, and functions. The code of router, dispatcher and sweeper
 * is the real one; what lies between is `ASSUMED`.
 */
import { type Broker, createBroker, settled } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { produceRecords } from '../../lib/broker/produce/produce.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { createTrigger } from '../../lib/broker/triggers/create-trigger.ts';
import { findTrigger } from '../../lib/broker/triggers/find-trigger.ts';
import { arnPatternPolicy } from '../../lib/broker/triggers/target-policy.ts';
import { wakeOf } from '../../lib/broker/triggers/wake.ts';
import type { Trigger } from '../../lib/coordination/triggers/trigger.ts';
import { utf8, utf8Text } from '../../lib/kernel/bytes.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { Dispatcher } from '../../lib/triggers/dispatcher.ts';
import { createKafkaEventFormat } from '../../lib/triggers/event/kafka-event-format.ts';
import type { DispatchRequest, DispatchSummary, Invocation, InvocationResult } from '../../lib/triggers/ports.ts';
import { type ItemChange, routeChanges } from '../../lib/triggers/route.ts';
import { sweepTriggers, type TriggerSweep } from '../../lib/triggers/sweep.ts';
import { Scheduler, SimulatedProcess } from '../../test/simulation/scheduler.ts';
import { addCounts, type Counts, scaleCounts } from '../dollars.ts';
import { Meter, meteredBucket, meteredTable } from './triggers-stores.ts';

/** Milliseconds between the parts. Nothing of it could be measured here. */
export const ASSUMED = {
  /** Lambda polls a shard at a base rate of four times a second (its developer guide, "Using Lambda with DynamoDB"). */
  streamPoll: 250,
  /** From the poll to the router's first line, warm. */
  routerStart: 15,
  /** Until an asynchronous `Invoke` is answered, … */
  wakeAnswered: 15,
  /** … and from then until the dispatcher's first line, warm. */
  dispatcherStart: 50,
  /** From `Invoke` to the function's first line, warm, and from its last line to the answer. */
  handlerStart: 10,
  handlerAnswered: 5,
} as const;

const DISPATCHER_MS_MAX = 900_000;
const EVENTS_MAX = 5_000_000;
const TARGET = 'arn:aws:lambda:us-east-1:123456789012:function:f';

export type FunctionKind = 'router' | 'dispatcher' | 'sweeper';

/** One invocation of a function of the deployment. */
export interface Ran {
  ms: number;
  counts: Counts;
  /** Of dispatchers. */
  summary?: DispatchSummary;
}

/** What a handler got, and when. */
export interface Handled {
  partition: number;
  /** Of the records; numbers as they were produced. */
  records: { number: number; offset: number }[];
  startedMs: number;
}

export type Handler = (handled: Handled, earlier: number) => 'done' | 'failed';

export interface WorldOptions {
  seed: number;
  /** What one way of a call of the stores takes. */
  delay: (what: 'table' | 'bucket', random: () => number) => number;
  handlerMs?: number;
  /** What Lambda gives a dispatcher. */
  dispatcherMsMax?: number;
}

interface Environment {
  process: SimulatedProcess;
  broker: Broker;
  meter: Meter;
  dispatcher?: Dispatcher;
}

export class TriggersWorld {
  readonly scheduler: Scheduler;
  readonly ran: Record<FunctionKind, Ran[]> = { router: [], dispatcher: [], sweeper: [] };
  readonly sweeps: TriggerSweep[] = [];
  readonly handled: Handled[] = [];
  /** By the records' numbers: when the producer's call began, and was answered. */
  readonly produced: { begunMs: number; answeredMs: number }[] = [];
  readonly given: number[] = [];
  handler: Handler = () => 'done';
  readonly producer: Environment;
  private readonly options: WorldOptions;
  private readonly store = openSqliteMetadataStore({ path: ':memory:' });
  private readonly bucket = createMemoryObjectStore();
  private readonly stream: ItemChange[] = [];
  private readonly router: Environment;
  private readonly sweeper: Environment;
  private readonly environments: Environment[] = [];
  /** Of dispatchers. */
  private idle: Environment[] = [];
  private isPolled = false;

  constructor(options: WorldOptions) {
    this.options = options;
    this.scheduler = new Scheduler(seededRandom(options.seed));
    this.producer = this.environment('producer');
    this.router = this.environment('router');
    this.sweeper = this.environment('sweeper');
  }

  /** Lets time pass until the work is done. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const settle = () => {
      isDone = true;
    };
    work.then(settle, settle);
    const ended = await this.scheduler.run(() => isDone, EVENTS_MAX);
    if (ended !== 'done') throw new Error(`the work is not done, and the world is ${ended}`);
    return work;
  }

  pass(ms: number): Promise<void> {
    return this.run(this.scheduler.pause(this.producer.process, ms));
  }

  close(): Promise<void> {
    return this.store.close();
  }

  async makeTrigger(topic: string, change: Partial<Trigger> = {}): Promise<void> {
    const { broker } = this.producer;
    await this.run(createTopic(broker, { name: topic, partitions: 16 }));
    const policy = arnPatternPolicy([TARGET, 'arn:aws:sqs:*']);
    const startingPosition = { position: 'LATEST' } as const;
    const input = { name: topic, topics: { names: [topic] }, target: TARGET, startingPosition };
    await this.run(createTrigger(broker, policy, { ...input, ...change }));
  }

  /** Begins to poll the stream, at a moment of its own. */
  poll(): void {
    if (this.isPolled) return;
    this.isPolled = true;
    const { scheduler } = this;
    const lambda = new SimulatedProcess('lambda');
    const phase = scheduler.random.fraction() * ASSUMED.streamPoll;
    const next = async (): Promise<void> => {
      const polledMs = scheduler.nowMs;
      const changes = this.stream.splice(0, 100);
      if (changes.length > 0) {
        await scheduler.pause(lambda, ASSUMED.routerStart);
        await this.route(changes);
      }
      const waited = scheduler.nowMs - polledMs;
      scheduler.schedule(lambda, Math.max(0, ASSUMED.streamPoll - waited), () => void next());
    };
    scheduler.schedule(lambda, phase, () => void next());
  }

  /** One request of so many records, without keys, to one partition. Resolves with its answer. */
  async produce(topic: string, partition: number, records: number, valueBytes: number): Promise<void> {
    const { scheduler, produced } = this;
    const first = produced.length;
    const begunMs = scheduler.nowMs;
    const values = Array.from({ length: records }, (_, index) => {
      produced.push({ begunMs, answeredMs: Number.NaN });
      return `${first + index};`.padEnd(valueBytes, 'x');
    });
    const drafts = values.map((value) => ({ partition, key: null, value: utf8(value), headers: [] }));
    await produceRecords(this.producer.broker, { topic, records: drafts, acks: 'all' });
    for (let number = first; number < first + records; number++) {
      produced[number] = { begunMs, answeredMs: scheduler.nowMs };
    }
  }

  async sweep(): Promise<void> {
    const { sweeper } = this;
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    await this.invoked('sweeper', sweeper, async () => {
      this.sweeps.push(await sweepTriggers(sweeper.broker, { handOn: (request) => this.wake(sweeper, request), log }));
    });
  }

  /** Calls of table and bucket by whomever, since the world was made. */
  get calls(): number {
    return this.environments.reduce((sum, { meter: { counts } }) => sum + counts.tableCalls + counts.bucketCalls, 0);
  }

  forget(): void {
    for (const ran of Object.values(this.ran)) ran.length = 0;
    this.sweeps.length = 0;
    this.handled.length = 0;
    this.given.length = 0;
  }

  private async route(changes: readonly ItemChange[]): Promise<void> {
    const { router } = this;
    await this.invoked('router', router, async () => {
      const requests = await routeChanges(router.broker, changes, router.broker.log);
      await Promise.all(requests.map((request) => this.wake(router, request)));
    });
  }

  /** An asynchronous invocation of the dispatcher: whoever asks waits for the answer only. */
  private async wake({ process }: Environment, request: DispatchRequest): Promise<void> {
    await this.scheduler.pause(process, ASSUMED.wakeAnswered);
    const lambda = new SimulatedProcess('lambda');
    this.scheduler.schedule(lambda, ASSUMED.dispatcherStart, () => void this.dispatch(request));
  }

  /** In an environment that is free, or another one. */
  private async dispatch(request: DispatchRequest): Promise<void> {
    const environment = this.idle.pop() ?? this.environment('dispatcher');
    await this.invoked('dispatcher', environment, () => this.dispatchIn(environment, request));
    this.idle.push(environment);
  }

  private dispatchIn(environment: Environment, request: DispatchRequest): Promise<DispatchSummary> {
    const { broker } = environment;
    environment.dispatcher ??= new Dispatcher({
      broker,
      invoker: { invoke: (invocation) => this.invoke(environment, invocation) },
      events: createKafkaEventFormat({ eventSourceArn: 'arn:aws:kafka:x', bootstrapServers: 'b:9092' }),
      destinations: {
        send: async ({ records }) => {
          await this.scheduler.pause(environment.process, ASSUMED.handlerStart);
          this.given.push(...records.map(({ offset }) => offset));
        },
      },
      readTrigger: async (name) => {
        const found = await findTrigger(broker, name);
        return found?.phase === 'ready' ? { trigger: found.trigger, version: found.version } : undefined;
      },
      handOn: (next) => this.wake(environment, next),
    });
    const { dispatcherMsMax = DISPATCHER_MS_MAX } = this.options;
    return environment.dispatcher.dispatch(request, { deadlineMs: broker.clock.monotonic() + dispatcherMsMax });
  }

  private async invoke({ process }: Environment, { payload }: Invocation): Promise<InvocationResult> {
    const { scheduler, options } = this;
    await scheduler.pause(process, ASSUMED.handlerStart);
    const handled = handledOf(payload, scheduler.nowMs);
    const outcome = this.handler(handled, this.handled.length);
    this.handled.push(handled);
    await scheduler.pause(process, (options.handlerMs ?? 0) + ASSUMED.handlerAnswered);
    if (outcome === 'done') return { outcome: 'returned', requestId: 'r', response: undefined };
    return { outcome: 'failed', requestId: 'r', error: { kind: 'Unhandled', message: 'poison' } };
  }

  private async invoked(
    kind: FunctionKind,
    { broker, meter }: Environment,
    work: () => Promise<DispatchSummary | void>,
  ): Promise<void> {
    const { scheduler } = this;
    const [begunMs, before] = [scheduler.nowMs, meter.counts];
    const summary = await work();
    await settled(broker);
    const counts = addCounts(meter.counts, scaleCounts(before, -1));
    this.ran[kind].push({ ms: scheduler.nowMs - begunMs, counts, ...(summary && { summary }) });
  }

  private environment(kind: string): Environment {
    const { scheduler, store, bucket } = this;
    const number = this.environments.length;
    const process = new SimulatedProcess(`${kind}-${number}`);
    const meter = new Meter();
    const call = async <T>(what: 'table' | 'bucket', work: () => Promise<T>): Promise<T> => {
      const delay = () => this.options.delay(what, () => scheduler.random.fraction());
      await scheduler.pause(process, delay());
      const result = await scheduler.within(work);
      await scheduler.pause(process, delay());
      return result;
    };
    const onChange = (change: ItemChange) => {
      if (change.key.sk === 'head' && change.after !== undefined && wakeOf(change.after) !== undefined) {
        if (this.isPolled) this.stream.push(change);
      }
    };
    const metered = { call, meter, onChange };
    const metadata = meteredTable(store, metered);
    const clock = scheduler.clockOf(process);
    const objects = createTieredObjectStore({
      inline: createInlineObjectStore({ metadata, clock }),
      bucket: meteredBucket(bucket, metered),
      inlineBytesMax: storageLimits.inlineBytesMaxDefault,
    });
    const random = seededRandom(this.options.seed * 1_000 + number);
    const broker = createBroker({ metadata, objects, compression: nodeCompression, clock, random });
    const environment = { process, meter, broker };
    this.environments.push(environment);
    return environment;
  }
}

interface EventRecord {
  partition: number;
  offset: number;
  value: string;
}

function handledOf(payload: Uint8Array, startedMs: number): Handled {
  const event = JSON.parse(utf8Text(payload) ?? '') as { records: Record<string, EventRecord[]> };
  const records = Object.values(event.records).flat();
  return {
    partition: records[0]?.partition ?? -1,
    records: records.map(({ offset, value }) => ({ offset, number: Number.parseInt(atob(value), 10) })),
    startedMs,
  };
}
