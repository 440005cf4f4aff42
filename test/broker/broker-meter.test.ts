import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Broker, createBroker, settled } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { fetchBatches, fetchRecords } from '../../lib/broker/fetch/fetch.ts';
import { produceRecords } from '../../lib/broker/produce/produce.ts';
import { produceBatches } from '../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';

const counted = { produced: 0, producedBytes: 0, fetched: 0, fetchedBytes: 0 };
let broker: Broker;

beforeEach(async () => {
  for (const name of Object.keys(counted) as (keyof typeof counted)[]) counted[name] = 0;
  const metadata = openSqliteMetadataStore({ path: ':memory:' });
  broker = createBroker({
    metadata,
    objects: createTieredObjectStore({
      inline: createInlineObjectStore({ metadata, clock: systemClock }),
      bucket: createMemoryObjectStore(),
      inlineBytesMax: 4_096,
    }),
    compression: nodeCompression,
    clock: systemClock,
    random: seededRandom(1),
    meter: {
      produced: (records, bytes) => {
        counted.produced += records;
        counted.producedBytes += bytes;
      },
      fetched: (records, bytes) => {
        counted.fetched += records;
        counted.fetchedBytes += bytes;
      },
      maintained: () => {},
    },
  });
  await createTopic(broker, { name: 'orders', partitions: 2 });
});

afterEach(() => broker.metadata.close());

function record(value: string, partition?: number) {
  return { partition, key: null, value: utf8(value), headers: [] };
}

it('counts records that are stored, whoever waits for them, and none that are refused', async () => {
  const records = [record('a', 0), record('b', 1), record('c', 7)];
  await produceRecords(broker, { topic: 'orders', acks: 'all', records });
  expect(counted.produced).toBe(2);
  await produceRecords(broker, { topic: 'orders', acks: 'none', records: [record('d', 0)] });
  await settled(broker);
  expect(counted.produced).toBe(3);
  const batches = encodeBatch([{ timestamp: 1, key: null, value: utf8('e'), headers: [] }]);
  const before = counted.producedBytes;
  await produceBatches(broker, { topic: 'orders', partition: 0, acks: 'all', batches });
  expect(counted.produced).toBe(4);
  expect(counted.producedBytes - before).toBe(batches.length);
});

it('counts the records that are handed out', async () => {
  await produceRecords(broker, { topic: 'orders', acks: 'all', records: ['a', 'b', 'c'].map((v) => record(v, 0)) });
  const request = { topic: 'orders', partition: 0, maxBytes: 1_000, minBytes: 1, waitMs: 0 };
  await fetchRecords(broker, { ...request, position: { at: 'earliest' }, maxRecords: 2 });
  expect(counted.fetched).toBe(2);
  await fetchBatches(broker, { ...request, position: { at: 'offset', offset: 1 } });
  expect(counted.fetched).toBe(4);
  expect(counted.fetchedBytes).toBe(counted.producedBytes * 2);
  await fetchRecords(broker, { ...request, position: { at: 'latest' }, maxRecords: 2 });
  expect(counted.fetched).toBe(4);
});
