import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { ReplicaSet } from '../../../lib/storage/objects/replicated.ts';
import { createS3ObjectStore } from '../../../lib/storage/objects/s3.ts';
import { createS3Client } from '../../../lib/storage/objects/s3-sessions.ts';
import { objectStoreContract, SEGMENTS } from '../../contract/object-store.ts';
import { CreateBucketCommand } from '../../support/aws-sdk.ts';
import { scattered } from '../../support/scattered-replicas.ts';
import { describeWithPeer } from '../support/peer.ts';
import { S3_CREDENTIALS, s3ServerMissing, startS3Server } from '../support/s3-server.ts';

const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);

describeWithPeer(s3ServerMissing('fauxqs'))('replicas in S3 buckets of several regions', () => {
  let server: Awaited<ReturnType<typeof startS3Server>>;
  beforeAll(async () => {
    server = await startS3Server('fauxqs');
  });
  afterAll(() => server?.close());

  const makeSet = async () => {
    const replicas = await Promise.all(
      ['us-east-1', 'eu-west-1', 'ap-south-1'].map(async (region, id) => {
        const config = { endpoint: server.endpoint, credentials: S3_CREDENTIALS };
        const environment = { AWS_ENDPOINT_URL_S3: server.endpoint };
        const client = createS3Client({ environment, clock: systemClock, region, config });
        const bucket = `test-${randomUUID()}`;
        await client.send(new CreateBucketCommand({ Bucket: bucket }));
        const store = createS3ObjectStore({ client, bucket, clock: systemClock, random: systemRandom });
        return { id, name: bucket, rack: region, store };
      }),
    );
    return new ReplicaSet({ replicas, clock: systemClock });
  };

  objectStoreContract('replicated over S3', {
    ...SEGMENTS,
    objectBytesMax: 3_000_000,
    manyObjects: 300,
    makeStore: async () => ({ store: scattered(await makeSet()) }),
  });

  describe('an object that some of them have', () => {
    test('is found, copied, and then held by all', async () => {
      const set = await makeSet();
      for (const { outcome } of set.putTo(0b010, 'a/b', [bytes])) expect(await outcome).toEqual({ put: 'held' });
      expect(await set.reading({ rack: 'ap-south-1' }).getRange('a/b', { start: 3, end: 6 })).toEqual(
        bytes.subarray(3, 6),
      );
      for (const replica of [0, 2]) expect(await set.copy('a/b', replica)).toBe(true);
      for (const { store } of set.replicas) expect(await store.getRange('a/b')).toEqual(bytes);
      expect(await set.copy('a/c', 0)).toBe(false);
    });
  });
});
