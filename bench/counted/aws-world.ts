/**
 * DynamoDB Local and an S3 server with everything counted: what DynamoDB says each call consumed, and the requests that
 * the S3 client sends. Brokers on top of it stand for processes: each with empty caches, all over the same storage.
 */
import { type Broker, createBroker, settled } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import type { Attributes, Write } from '../../lib/kernel/items.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import { itemBytes } from '../../lib/storage/metadata/item-size.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import { ReplicaSet } from '../../lib/storage/objects/replicated.ts';
import { createS3ObjectStore } from '../../lib/storage/objects/s3.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { makeDynamo } from '../../test/peers/support/dynamo.ts';
import { dynamoDbLocalMissing } from '../../test/peers/support/dynamodb-local.ts';
import { makeS3 } from '../../test/peers/support/s3.ts';
import { s3ServerMissing } from '../../test/peers/support/s3-server.ts';
import { addCounts, type Counts, NO_COUNTS, scaleCounts } from '../dollars.ts';

/** Why nothing can be counted on this machine; `undefined` where it can. */
export function awsWorldMissing(): string | undefined {
  return dynamoDbLocalMissing() ?? s3ServerMissing();
}

export interface AwsWorld {
  metadata: MetadataStore;
  inline: ObjectStore;
  bucket: ObjectStore;
  /** A process that has just started. */
  startProcess(): Broker;
  /** What the work used, with all that it left to be done (seals) done. */
  count(processes: readonly Broker[], work: () => Promise<unknown>): Promise<Counts>;
  /** Transactions of the table so far, and the items of all of them. */
  atomicWrites(): { writes: number; items: number };
  /** Frees the S3 server's memory of what was stored so far; not counted. */
  emptyBucket(): Promise<void>;
  close(): Promise<void>;
}

/**
 * What DynamoDB bills for a transaction: two units a KiB of each item's larger size, before or after, those that are
 * only checked included. DynamoDB Local counts something else, the same for any number of items.
 */
function transactionUnits(
  writes: readonly Write[],
  { before, after }: Record<'before' | 'after', readonly (Attributes | undefined)[]>,
): number {
  let units = 0;
  for (const [index, { key }] of writes.entries()) {
    const bytes = [before[index], after[index]].map((item) => (item === undefined ? 0 : itemBytes(key, item)));
    units += 2 * Math.max(1, Math.ceil(Math.max(...bytes) / 1_024));
  }
  return units;
}

/** S3 commands by how they are billed; DELETE is free. */
/** Buckets; topics with one replica have theirs in the first. */
const REPLICAS = 3;
const PUT_CLASS = new Set(['PutObjectCommand', 'ListObjectsV2Command']);
const GET_CLASS = new Set(['GetObjectCommand', 'HeadObjectCommand']);

export async function openAwsWorld(): Promise<AwsWorld> {
  const [dynamo, s3] = await Promise.all([makeDynamo(), makeS3()]);
  let counts: Counts = NO_COUNTS;
  const add = (more: Partial<Counts>) => {
    counts = addCounts(counts, { ...NO_COUNTS, ...more });
  };
  let transacting = false;
  let atomic = { writes: 0, items: 0 };
  const table = await dynamo.makeStore({
    onCapacity: ({ read, write }) => {
      if (!transacting) add({ readUnits: read, writeUnits: write, tableCalls: 1 });
    },
  });
  const metadata: MetadataStore = {
    get: (key, consistency) => table.get(key, consistency),
    query: (query) => table.query(query),
    close: () => table.close(),
    write: async (writes) => {
      if (writes.length === 1) return table.write(writes);
      const items = () => Promise.all(writes.map(({ key }) => table.get(key, 'strong')));
      transacting = true;
      try {
        const before = await items();
        const result = await table.write(writes);
        add({ writeUnits: transactionUnits(writes, { before, after: await items() }), tableCalls: 1 });
        atomic = { writes: atomic.writes + 1, items: atomic.items + writes.length };
        return result;
      } finally {
        transacting = false;
      }
    },
  };
  s3.client.middlewareStack.add(
    (next, context) => (args) => {
      const command = context.commandName ?? '';
      add({ puts: PUT_CLASS.has(command) ? 1 : 0, gets: GET_CLASS.has(command) ? 1 : 0, bucketCalls: 1 });
      return next(args);
    },
    // The last step before the wire: what is only signed (a presigned URL) does not get there.
    { step: 'deserialize', name: 'countRequests', priority: 'low' },
  );
  const shared = { clock: systemClock, random: systemRandom };
  const openBucket = async () => createS3ObjectStore({ client: s3.client, bucket: await s3.makeBucket(), ...shared });
  const stores = await Promise.all(Array.from({ length: REPLICAS }, openBucket));
  const replicas = stores.map((store, id) => ({ id, name: `replica-${id}`, rack: `replica-${id}`, store }));
  const bucket = stores[0] as ObjectStore;
  const inline = createInlineObjectStore({ metadata, ...shared });
  const set = new ReplicaSet({ replicas, clock: systemClock });
  const objects = createTieredObjectStore({ inline, bucket: set, inlineBytesMax: storageLimits.inlineBytesMaxDefault });
  return {
    metadata,
    inline,
    bucket,
    startProcess: () => createBroker({ metadata, objects, compression: nodeCompression, ...shared }),
    count: async (processes, work) => {
      const before = counts;
      await work();
      for (const process of processes) await settled(process);
      return addCounts(counts, scaleCounts(before, -1));
    },
    atomicWrites: () => atomic,
    emptyBucket: async () => {
      const before = counts;
      for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
        const page = await set.list('segments/', cursor);
        await set.delete(page.objects.map(({ name }) => name));
        cursor = page.next;
      }
      counts = before;
    },
    close: async () => {
      await metadata.close();
      await Promise.all([dynamo.close(), s3.close()]);
    },
  };
}
