import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../lib/kernel/clock.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createS3ObjectStore } from '../../../lib/storage/objects/s3.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { objectStoreContract, SEGMENTS } from '../../contract/object-store.ts';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from '../../support/aws-sdk.ts';
import { INLINE } from '../../support/inline-names.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { describeWithOptionalPeer, describeWithPeer } from '../support/peer.ts';
import { makeS3, type S3 } from '../support/s3.ts';
import { S3RVER_BUCKET, s3ServerMissing } from '../support/s3-server.ts';

const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);

describeWithPeer(s3ServerMissing('fauxqs'))('with fauxqs', () => {
  let s3: S3;
  beforeAll(async () => {
    s3 = await makeS3('fauxqs');
  });
  afterAll(() => s3?.close());

  objectStoreContract('s3', {
    ...SEGMENTS,
    manyObjects: 1_100,
    makeStore: async () => ({ store: await s3.makeStore() }),
  });

  test('a prefix keeps the stores of one bucket apart', async () => {
    const bucket = await s3.makeBucket();
    const common = { client: s3.client, bucket, clock: systemClock, random: systemRandom };
    const [one, two] = [
      createS3ObjectStore({ ...common, prefix: 'one/' }),
      createS3ObjectStore({ ...common, prefix: 'two/' }),
    ];
    await one.put('a/b', [bytes]);
    expect(await two.getRange('a/b')).toBeUndefined();
    expect(await two.list('')).toEqual({ objects: [] });
    expect(await one.list('a/')).toEqual({ objects: [{ name: 'a/b', bytes: 10 }] });
    await two.delete(['a/b']);
    const { Body } = await s3.client.send(new GetObjectCommand({ Bucket: bucket, Key: 'one/a/b' }));
    expect(await Body?.transformToByteArray()).toEqual(bytes);
    await one.delete(['a/b']);
    expect(await one.list('')).toEqual({ objects: [] });
  });

  test('what others put into the bucket under names of their own is no object', async () => {
    const bucket = await s3.makeBucket();
    await s3.client.send(new PutObjectCommand({ Bucket: bucket, Key: 'AWSLogs/Some File.gz', Body: 'x' }));
    const store = createS3ObjectStore({ client: s3.client, bucket, clock: systemClock, random: systemRandom });
    expect(await store.list('')).toEqual({ objects: [] });
  });

  test('more than a thousand objects are deleted by one call', async () => {
    const store = await s3.makeStore();
    const names = Array.from({ length: 1_030 }, (_, index) => SEGMENTS.name(index));
    for (let start = 0; start < names.length; start += 100) {
      await Promise.all(names.slice(start, start + 100).map((name) => store.put(name, [bytes])));
    }
    await store.delete(names);
    expect((await store.list(SEGMENTS.prefix)).objects).toEqual([]);
  });

  test('a bucket that is not there is a fault, not a missing object', async () => {
    const common = { client: s3.client, bucket: 'no-such-bucket', clock: systemClock, random: systemRandom };
    const store = createS3ObjectStore(common);
    const fault = { code: 'KAFKA_STORAGE_ERROR', effect: 'none', message: expect.stringContaining('NoSuchBucket') };
    await expect(store.getRange('a')).rejects.toMatchObject(fault);
    await expect(store.put('a', [bytes])).rejects.toMatchObject(fault);
    await expect(store.list('')).rejects.toMatchObject(fault);
  });
});

describeWithPeer(s3ServerMissing('fauxqs') ?? dynamoDbLocalMissing())('with fauxqs and DynamoDB Local', () => {
  let s3: S3;
  let dynamo: Dynamo;
  beforeAll(async () => {
    [s3, dynamo] = await Promise.all([makeS3('fauxqs'), makeDynamo()]);
  });
  afterAll(() => Promise.all([s3?.close(), dynamo?.close()]));

  const makeStore = async () => {
    const metadata = await dynamo.makeStore();
    const inline = createInlineObjectStore({ metadata, clock: systemClock });
    const store = createTieredObjectStore({ inline, bucket: await s3.makeStore(), inlineBytesMax: 4_096 });
    return { store, close: () => metadata.close() };
  };
  objectStoreContract('tiered on AWS, its bucket', { ...SEGMENTS, manyObjects: 120, makeStore });
  objectStoreContract('tiered on AWS, its inline tier', { ...INLINE, manyObjects: 120, makeStore });
});

describeWithPeer(s3ServerMissing('s3rver'))('with s3rver, which checks signatures', () => {
  let s3: S3;
  beforeAll(async () => {
    s3 = await makeS3('s3rver');
  });
  afterAll(() => s3?.close());

  describe('a presigned URL', () => {
    const open = (clock: Clock) =>
      createS3ObjectStore({ client: s3.client, bucket: S3RVER_BUCKET, prefix: 'a/b/', clock, random: systemRandom });
    const presigned = async () => {
      const store = open(systemClock);
      await store.put('c', [bytes]);
      return store.presign('c', { start: 2, end: 5 }, 60_000);
    };

    test('serves exactly its range to whoever has it', async () => {
      const { url, headers, expiresAtMs } = await presigned();
      const answer = await fetch(url, { headers });
      expect(answer.status).toBe(206);
      expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes.subarray(2, 5));
      // Signed up to a third of its life ago.
      expect(expiresAtMs - Date.now()).toBeGreaterThan(35_000);
      expect(expiresAtMs - Date.now()).toBeLessThanOrEqual(60_000);
    });

    test('has its range among the signed headers', async () => {
      const { url } = await presigned();
      expect(new URL(url).searchParams.get('X-Amz-SignedHeaders')).toBe('host;range');
    });

    test('is refused with another range, without one, and for another object', async () => {
      const { url, headers } = await presigned();
      expect((await fetch(url, { headers: { range: 'bytes=0-9' } })).status).toBe(403);
      expect((await fetch(url)).status).toBe(403);
      expect((await fetch(url.replace('/b/c?', '/b/d?'), { headers })).status).toBe(403);
    });

    test('is refused when it has expired', async () => {
      const store = open({ ...systemClock, now: () => Date.now() - 3_600_000 });
      await store.put('c', [bytes]);
      const { url, headers } = await store.presign('c', { start: 2, end: 5 }, 60_000);
      expect((await fetch(url, { headers })).status).toBe(403);
    });
  });
});

describeWithOptionalPeer(s3ServerMissing('moto'))('with moto', () => {
  let s3: S3;
  beforeAll(async () => {
    s3 = await makeS3('moto');
  });
  afterAll(() => s3?.close());

  objectStoreContract('s3', {
    ...SEGMENTS,
    objectBytesMax: 1_000_000,
    manyObjects: 150,
    makeStore: async () => ({ store: await s3.makeStore() }),
  });

  const openBucket = async () => {
    const bucket = await s3.makeBucket();
    return {
      bucket,
      store: createS3ObjectStore({ client: s3.client, bucket, clock: systemClock, random: systemRandom }),
    };
  };

  test('an upload that is aborted leaves no parts, one whose process died does until the bucket removes them', async () => {
    const { bucket, store } = await openBucket();
    const incomplete = async () => (await s3.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads;
    const upload = store.upload('a');
    await upload.write([new Uint8Array(storageLimits.uploadPartBytes + 1)]);
    expect(await incomplete()).toMatchObject([{ Key: 'a' }]);
    await upload.abort();
    expect(await incomplete()).toBeUndefined();
    await store.upload('b').write([new Uint8Array(storageLimits.uploadPartBytes + 1)]);
    expect(await incomplete()).toMatchObject([{ Key: 'b' }]);
  });

  test('an archived object is in its class', async () => {
    const { bucket, store } = await openBucket();
    await store.put('a', [bytes]);
    for (const storageClass of ['STANDARD_IA', 'GLACIER_IR', 'INTELLIGENT_TIERING'] as const) {
      expect(await store.archive('a', storageClass)).toBe('archived');
      const { StorageClass } = await s3.client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'a' }));
      expect(StorageClass).toBe(storageClass);
      expect(await store.getRange('a')).toEqual(bytes);
    }
  });
});
