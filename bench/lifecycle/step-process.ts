/**
 * One kind of step of the storage lifecycle, over and over until nothing is due, as a process: a job as JSON on stdin,
 * a line of JSON back.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text as read } from 'node:stream/consumers';
import { type Broker, createBroker, settled } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { compactPartition } from '../../lib/broker/lifecycle/compact.ts';
import { mergePages } from '../../lib/broker/lifecycle/merge-pages.ts';
import { type ProduceRecord, produceRecords } from '../../lib/broker/produce/produce.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { mergingLimits } from '../../lib/kernel/limits/merging.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { randomBelow, seededRandom, systemRandom } from '../../lib/kernel/random.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createS3ObjectStore } from '../../lib/storage/objects/s3.ts';
import { Spool } from '../../lib/storage/objects/spool.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { text } from '../payloads.ts';
import { residentBytes } from '../processes/process-figures.ts';
import { createFileS3 } from './file-s3.ts';
import { DISK_BYTES } from './world.ts';

export interface StepJob {
  step: 'fill' | 'merge' | 'compact';
  /** Table and objects. */
  directory: string;
  bytes: number;
  partitions: number;
}

export interface StepResult {
  steps: number;
  bytes: number;
  seconds: number;
  /** Of the process, at its highest, and before the first step. */
  residentPeak: number;
  residentBefore: number;
}

const TOPIC = 't';
const RECORDS = 1_000;
const VALUE_BYTES = 1_000;
const KEYS = 1_000_000;
const DUE = { bytesMin: 0, pagesMin: 1, ageMsMin: 0, stepBytesMax: mergingLimits.mergeStepBytesMax };

function open(directory: string): Broker {
  mkdirSync(join(directory, 'objects'), { recursive: true });
  const shared = { clock: systemClock, random: systemRandom };
  const metadata = openSqliteMetadataStore({ path: join(directory, 'table') });
  const client = createFileS3(directory, (_, answer) => answer());
  const bucket = createS3ObjectStore({
    client,
    bucket: 'b',
    ...shared,
    spool: new Spool({ directory, bytesMax: DISK_BYTES }),
  });
  const inline = createInlineObjectStore({ metadata, ...shared });
  const objects = createTieredObjectStore({ inline, bucket, inlineBytesMax: storageLimits.inlineBytesMaxDefault });
  return createBroker({ metadata, objects, compression: nodeCompression, ...shared });
}

/** Requests of a MiB to one partition after the other, with keys. */
async function fill(broker: Broker, { bytes, partitions }: StepJob): Promise<number> {
  const config = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01' };
  await createTopic(broker, { name: TOPIC, partitions, config });
  const random = seededRandom(1);
  const value = utf8(text(random, VALUE_BYTES));
  let requests = 0;
  for (; requests * RECORDS * VALUE_BYTES < bytes; requests++) {
    const partition = requests % partitions;
    const records = Array.from({ length: RECORDS }, (): ProduceRecord => {
      return { partition, key: utf8(`customer-${randomBelow(random, KEYS)}`), value, headers: [] };
    });
    await produceRecords(broker, { topic: TOPIC, records, acks: 'all' });
  }
  await settled(broker);
  return requests;
}

async function merge(broker: Broker): Promise<number> {
  const topic = await broker.topics.get(TOPIC);
  for (let steps = 0; ; steps++) {
    const { outcome } = await mergePages(broker, { topic, ledger: { topicId: topic.topicId, index: 0 }, policy: DUE });
    if (outcome === 'none') return steps;
    if (outcome !== 'merged') throw new Error(`a step came to ${outcome}`);
  }
}

async function compact(broker: Broker, { partitions }: StepJob): Promise<number> {
  const topic = await broker.topics.get(TOPIC);
  let steps = 0;
  for (let partition = 0; partition < partitions; partition++) {
    for (let isMore = true; isMore; ) {
      const { outcome } = await compactPartition(broker, { topic, partition });
      isMore = outcome === 'compacted' || outcome === 'advanced';
      if (isMore) steps++;
      else if (outcome !== 'none') throw new Error(`a step came to ${outcome}`);
    }
  }
  return steps;
}

async function run(job: StepJob): Promise<StepResult> {
  const broker = open(job.directory);
  const residentBefore = residentBytes(process.pid).now;
  const begunMs = performance.now();
  const steps = await { fill, merge, compact }[job.step](broker, job);
  const seconds = (performance.now() - begunMs) / 1_000;
  const { peak: residentPeak } = residentBytes(process.pid);
  await broker.metadata.close();
  return { steps, bytes: job.bytes, seconds, residentPeak, residentBefore };
}

console.log(JSON.stringify(await run(JSON.parse(await read(process.stdin)) as StepJob)));
