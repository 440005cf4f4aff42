/**
 * The dispatcher over embedded stores with a function that does nothing, as a process: reads a job as JSON from stdin,
 * answers with one line of JSON.
 */
import { text } from 'node:stream/consumers';
import { type Broker, createBroker, settled } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { fetchRecords } from '../../lib/broker/fetch/fetch.ts';
import { produceRecords } from '../../lib/broker/produce/produce.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { createTrigger } from '../../lib/broker/triggers/create-trigger.ts';
import { findTrigger } from '../../lib/broker/triggers/find-trigger.ts';
import { handlerPolicy } from '../../lib/broker/triggers/target-policy.ts';
import { newTrigger, type TriggerInput } from '../../lib/coordination/triggers/check-trigger.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { requestLimits } from '../../lib/kernel/limits/requests.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { triggerLimits } from '../../lib/kernel/limits/triggers.ts';
import { seededRandom, systemRandom } from '../../lib/kernel/random.ts';
import { openDataDirectory } from '../../lib/local/data-directory.ts';
import { Waking } from '../../lib/local/triggers/waking.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import { openDirectoryObjectStore } from '../../lib/storage/objects/directory.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createLocalPresigner } from '../../lib/storage/objects/local-presign.ts';
import { createTieredObjectStore, type TieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { Dispatcher } from '../../lib/triggers/dispatcher.ts';
import { createKafkaEventFormat } from '../../lib/triggers/event/kafka-event-format.ts';
import { type StoredTrigger, silentTriggerMeter, type TriggerMeter } from '../../lib/triggers/ports.ts';
import { text as letters } from '../payloads.ts';
import {
  type DispatcherJob,
  type DrainJob,
  type DrainResult,
  TOPIC,
  type WakeJob,
  type WakeResult,
} from './trigger-job.ts';

const VALUE_BYTES = 1_024;
const RECORDS_PER_REQUEST = 500;
const TARGET = './bench.handler';
const SLOW_MS = 50;
/** Before anything counts. */
const WARM_UP = { gapMs: 20, records: 50 };

interface Stores {
  metadata: MetadataStore;
  objects: TieredObjectStore;
}

/** Those of a local server with this data directory. */
async function openStores(directory: string): Promise<Stores> {
  const [clock, random] = [systemClock, systemRandom];
  const { metadata, objectsRoot, secret } = await openDataDirectory({ path: directory, fsync: false, clock, random });
  const presigner = createLocalPresigner({ secret, baseUrl: () => 'http://127.0.0.1', clock });
  const bucket = await openDirectoryObjectStore({ root: objectsRoot, presigner });
  const inline = createInlineObjectStore({ metadata, clock, random });
  return {
    metadata,
    objects: createTieredObjectStore({ inline, bucket, inlineBytesMax: storageLimits.inlineBytesMaxDefault }),
  };
}

/** A process that has just started: its caches are empty. */
function startBroker(stores: Stores): Broker {
  return createBroker({ ...stores, compression: nodeCompression, clock: systemClock, random: systemRandom });
}

function makeDispatcher(
  broker: Broker,
  parts: {
    invoke: () => Promise<void>;
    meter?: TriggerMeter;
    readTrigger: (name: string) => Promise<StoredTrigger | undefined>;
  },
): Dispatcher {
  const { invoke, meter, readTrigger } = parts;
  return new Dispatcher({
    broker,
    meter,
    readTrigger,
    invoker: {
      invoke: async () => {
        await invoke();
        return { outcome: 'returned', requestId: 'r', response: undefined };
      },
    },
    events: createKafkaEventFormat({ eventSourceArn: 'arn:aws:kafka:x', bootstrapServers: 'b:9092' }),
    destinations: { send: () => Promise.reject(new Error('nothing is given up here')) },
    handOn: () => Promise.reject(new Error('nothing is handed on here')),
  });
}

async function drain(stores: Stores, job: DrainJob): Promise<DrainResult> {
  const { partitions, recordsPerPartition } = job;
  if (!job.isFilled) await fill(startBroker(stores), partitions, recordsPerPartition);
  const records = partitions * recordsPerPartition;
  const rounds: DrainResult['rounds'] = [];
  // The first one only warms up.
  for (let round = 0; job.rounds > 0 && round <= job.rounds; round++) {
    const { seconds, invocations } = await dispatchAll(startBroker(stores), `g${round}`, job, async () => {});
    const fetched = await fetchAll(startBroker(stores), job);
    if (round === 0) continue;
    rounds.push({ dispatchedPerSecond: records / seconds, fetchedPerSecond: records / fetched, invocations });
  }
  let [now, concurrency] = [0, 0];
  await dispatchAll(startBroker(stores), `slow-${process.pid}`, job, async () => {
    concurrency = Math.max(concurrency, ++now);
    await systemClock.sleep(SLOW_MS);
    now--;
  });
  return { rounds, concurrency, peakBytes: process.resourceUsage().maxRSS * 1_024 };
}

async function fill(broker: Broker, partitions: number, recordsPerPartition: number): Promise<void> {
  await createTopic(broker, { name: TOPIC, partitions });
  const random = seededRandom(1);
  const value = new TextEncoder().encode(letters(random, VALUE_BYTES));
  for (let partition = 0; partition < partitions; partition++) {
    for (let written = 0; written < recordsPerPartition; written += RECORDS_PER_REQUEST) {
      const count = Math.min(RECORDS_PER_REQUEST, recordsPerPartition - written);
      const records = Array.from({ length: count }, () => ({ partition, key: null, value, headers: [] }));
      await produceRecords(broker, { topic: TOPIC, records, acks: 'all' });
    }
  }
  await settled(broker);
}

/** Until the function has had all. */
async function dispatchAll(
  broker: Broker,
  group: string,
  { partitions, recordsPerPartition }: { partitions: number; recordsPerPartition: number },
  invoke: () => Promise<void>,
): Promise<{ seconds: number; invocations: number }> {
  const topics = { names: [TOPIC] };
  const startingPosition = { position: 'TRIM_HORIZON' } as const;
  const trigger = newTrigger({ name: group, topics, target: TARGET, startingPosition });
  const { topicId } = await broker.topics.get(TOPIC);
  const done = new AbortController();
  let [delivered, invocations, seconds] = [0, 0, 0];
  const startMs = performance.now();
  const meter: TriggerMeter = {
    ...silentTriggerMeter,
    count: (_, counts) => {
      invocations += counts.invocations ?? 0;
      delivered += counts.delivered ?? 0;
      if (delivered < partitions * recordsPerPartition) return;
      seconds = (performance.now() - startMs) / 1_000;
      done.abort();
    },
  };
  const dispatcher = makeDispatcher(broker, { invoke, meter, readTrigger: async () => ({ trigger, version: 1 }) });
  const work = Array.from({ length: partitions }, (_, partition) => ({ topic: TOPIC, topicId, partition, wanted: 0 }));
  await dispatcher.dispatch({ trigger: trigger.name, work }, { signal: done.signal });
  if (seconds === 0) throw new Error(`${delivered} of ${partitions * recordsPerPartition} records were delivered`);
  return { seconds, invocations };
}

/** In seconds: all partitions at once, in the portions that the dispatcher reads. */
async function fetchAll(
  broker: Broker,
  { partitions, recordsPerPartition }: { partitions: number; recordsPerPartition: number },
): Promise<number> {
  const startMs = performance.now();
  const readOne = async (partition: number) => {
    for (let offset = 0; offset < recordsPerPartition; ) {
      const fetched = await fetchRecords(broker, {
        topic: TOPIC,
        partition,
        position: { at: 'offset', offset },
        maxBytes: Math.min(requestLimits.fetchBytesMax, triggerLimits.triggerBufferBytesMax / partitions),
        maxRecords: requestLimits.fetchRecordsMax,
        minBytes: 1,
        waitMs: 0,
      });
      offset = fetched.nextOffset;
    }
  };
  await Promise.all(Array.from({ length: partitions }, (_, partition) => readOne(partition)));
  return (performance.now() - startMs) / 1_000;
}

async function wake(stores: Stores, job: WakeJob): Promise<WakeResult> {
  const broker = startBroker(stores);
  await createTopic(broker, { name: TOPIC, partitions: 1 });
  const startingPosition = { position: 'LATEST' } as const;
  const input: TriggerInput = { name: 'bench', topics: { names: [TOPIC] }, target: TARGET, startingPosition };
  await createTrigger(broker, handlerPolicy(new Set([TARGET])), input);
  let invoked = Promise.withResolvers<void>();
  const dispatcher = makeDispatcher(broker, {
    invoke: async () => invoked.resolve(),
    readTrigger: async (name) => {
      const found = await findTrigger(broker, name);
      return found && { trigger: found.trigger, version: found.version };
    },
  });
  const stop = new AbortController();
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const waking = new Waking({
    broker,
    log,
    wake: (request) => void dispatcher.dispatch(request, { signal: stop.signal }),
  }).run(stop.signal);
  const result: WakeResult = [];
  for (const { gapMs, records } of [WARM_UP, ...job.series]) {
    const times: number[] = [];
    for (let number = 0; number < records; number++) {
      await systemClock.sleep(gapMs);
      invoked = Promise.withResolvers();
      const startMs = performance.now();
      const value = new Uint8Array(VALUE_BYTES);
      await produceRecords(broker, {
        topic: TOPIC,
        records: [{ partition: 0, key: null, value, headers: [] }],
        acks: 'all',
      });
      await invoked.promise;
      times.push(performance.now() - startMs);
    }
    result.push(times);
  }
  stop.abort();
  await waking;
  return result.slice(1);
}

async function run(job: DispatcherJob): Promise<DrainResult | WakeResult> {
  const stores = await openStores(job.directory);
  return job.work === 'drain' ? drain(stores, job) : wake(stores, job);
}

console.log(JSON.stringify(await run(JSON.parse(await text(process.stdin)) as DispatcherJob)));
// A dispatcher may still stay with its partition.
process.exit(0);
