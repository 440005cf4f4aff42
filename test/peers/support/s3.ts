/** An S3 server with a client, for suites that want buckets of their own. */
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import type { ObjectStore } from '../../../lib/storage/objects/port.ts';
import { createS3ObjectStore, s3ClientConfig } from '../../../lib/storage/objects/s3.ts';
import { CreateBucketCommand, S3Client } from '../../support/aws-sdk.ts';
import { S3_CREDENTIALS, type S3ServerKind, startS3Server } from './s3-server.ts';

export interface S3 {
  endpoint: string;
  client: S3Client;
  /** Makes a bucket that nobody else uses. */
  makeBucket(): Promise<string>;
  /** A store on a bucket that nobody else uses. */
  makeStore(prefix?: string): Promise<ObjectStore>;
  close(): Promise<void>;
}

export async function makeS3(kind: S3ServerKind = 'fauxqs'): Promise<S3> {
  const server = await startS3Server(kind);
  const client = new S3Client({
    ...s3ClientConfig({ AWS_ENDPOINT_URL_S3: server.endpoint }),
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: S3_CREDENTIALS,
  });
  const makeBucket = async () => {
    const bucket = `test-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    return bucket;
  };
  return {
    endpoint: server.endpoint,
    client,
    makeBucket,
    makeStore: async (prefix) =>
      createS3ObjectStore({ client, bucket: await makeBucket(), prefix, clock: systemClock, random: systemRandom }),
    close: async () => {
      client.destroy();
      await server.close();
    },
  };
}
