/**
 * DynamoDB Local and an S3 server with everything counted: what DynamoDB says each call consumed, and the requests that
 * the S3 client sends. Brokers on top of it stand for processes: each with empty caches, all over the same storage.
 */
import { type Broker, createBroker, settled } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { assert } from '../../lib/kernel/assert.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { deletionCountKey } from '../../lib/kernel/deletion-count.ts';
import type { Write } from '../../lib/kernel/items.ts';
import { limits } from '../../lib/kernel/limits.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import { itemBytes } from '../../lib/storage/metadata/item-size.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
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
  /** Frees the S3 server's memory of what was stored so far; not counted. */
  emptyBucket(): Promise<void>;
  close(): Promise<void>;
}

/**
 * What DynamoDB bills for a transaction: two units a KiB of each item, those that are only checked included. DynamoDB
 * Local counts something else, the same for any number of items.
 */
function transactionUnits(writes: readonly Write[]): number {
  let units = 0;
  for (const write of writes) {
    assert(
      write.kind === 'put' || (write.kind === 'check' && write.key.sk === COUNT_OF_DELETIONS),
      'only transactions of puts are counted: the size of what else is there is not known before',
    );
    units += 2 * Math.ceil(itemBytes(write.key, write.kind === 'put' ? write.attributes : {}) / 1_024);
  }
  return units;
}

/** A number; never more than a KiB. */
const COUNT_OF_DELETIONS = deletionCountKey('').sk;

/** S3 commands by how they are billed; DELETE is free. */
const PUT_CLASS = new Set(['PutObjectCommand', 'ListObjectsV2Command']);
const GET_CLASS = new Set(['GetObjectCommand', 'HeadObjectCommand']);

export async function openAwsWorld(): Promise<AwsWorld> {
  const [dynamo, s3] = await Promise.all([makeDynamo(), makeS3()]);
  let counts: Counts = NO_COUNTS;
  const add = (more: Partial<Counts>) => {
    counts = addCounts(counts, { ...NO_COUNTS, ...more });
  };
  let transacting = false;
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
      add({ writeUnits: transactionUnits(writes), tableCalls: 1 });
      transacting = true;
      return table.write(writes).finally(() => {
        transacting = false;
      });
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
  const bucket = createS3ObjectStore({ client: s3.client, bucket: await s3.makeBucket(), ...shared });
  const inline = createInlineObjectStore({ metadata, ...shared });
  const objects = createTieredObjectStore({ inline, bucket, inlineBytesMax: limits.inlineBytesMaxDefault });
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
    emptyBucket: async () => {
      const before = counts;
      for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
        const page = await bucket.list('segments/', cursor);
        await bucket.delete(page.objects.map(({ name }) => name));
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
