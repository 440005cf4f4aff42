/** The local server on DynamoDB and S3, and two of them on the same table and bucket. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../../lib/client/client.ts';
import type { ClientRecord } from '../../../lib/client/records.ts';
import { CONFORMANCE_MS_MAX, runConformance } from '../support/conformance.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { type LocalServer, startLocalServer } from '../support/local-server.ts';
import { describeWithPeer } from '../support/peer.ts';
import { makeS3, type S3 } from '../support/s3.ts';
import { S3RVER_BUCKET, s3ServerMissing } from '../support/s3-server.ts';
import type { AwsStorage } from '../support/serving-process.ts';

const CREATE_TABLE = ['--create-table'];

/** From the start to the end, which only an empty answer tells: others may come from what the process knew before. */
async function recordsOf(client: MillraceClient, topic: string, partition: number): Promise<ClientRecord[]> {
  const records: ClientRecord[] = [];
  for (let offset = 0; ; ) {
    const fetched = await client.fetch(topic, partition, { offset });
    if (fetched.records.length === 0) return records;
    records.push(...fetched.records);
    offset = fetched.nextOffset;
  }
}

describeWithPeer(dynamoDbLocalMissing() ?? s3ServerMissing() ?? s3ServerMissing('s3rver'))(
  'the local server on DynamoDB and S3',
  () => {
    let dynamo: Dynamo;
    let s3: S3;
    const running: LocalServer[] = [];

    beforeAll(async () => {
      [dynamo, s3] = await Promise.all([makeDynamo(), makeS3()]);
    });

    afterEach(async () => {
      for (const server of running.splice(0)) await server.kill();
    });

    afterAll(async () => {
      await dynamo?.close();
      await s3?.close();
    });

    /** A table that is not there yet, and a bucket that is. */
    async function newStorage(): Promise<AwsStorage> {
      return {
        table: `e2e-${randomUUID()}`,
        bucket: await s3.makeBucket(),
        dynamoEndpoint: dynamo.endpoint,
        s3Endpoint: s3.endpoint,
      };
    }

    async function start(storage: AwsStorage, args: readonly string[] = CREATE_TABLE): Promise<LocalServer> {
      const server = await startLocalServer(storage, args);
      running.push(server);
      return server;
    }

    it('says that the table is missing, unless it is to make it', async () => {
      const storage = await newStorage();
      await expect(startLocalServer(storage)).rejects.toThrow(
        /millrace: The table .* cannot be used.*--create-table makes it/,
      );
      const server = await start(storage);
      expect(await createClient({ url: server.url }).topics.list()).toEqual({ topics: [] });
      // And finds it made.
      expect((await start(storage, [])).url).toBeDefined();
    });

    it('passes the conformance suite', { timeout: CONFORMANCE_MS_MAX }, async () => {
      // With an S3 server that checks what presigned URLs allow.
      const checking = await makeS3('s3rver');
      try {
        const storage = { ...(await newStorage()), bucket: S3RVER_BUCKET, s3Endpoint: checking.endpoint };
        const server = await start(storage, [...CREATE_TABLE, '--api-key', 'conformance:geheim']);
        const { passed, failed } = await runConformance({ url: server.url, apiKey: 'geheim', streaming: true });
        expect(failed).toEqual([]);
        expect(passed).toBeGreaterThan(50);
      } finally {
        await checking.close();
      }
    });

    it('keeps everything over SIGKILL and SIGTERM', async () => {
      const storage = await newStorage();
      const first = await start(storage);
      const client = createClient({ url: first.url });
      await client.topics.create('kept');
      // Small enough for the table, and too large for it.
      await client.produce('kept', [{ value: 'small' }]);
      await client.produce('kept', [{ value: 'x'.repeat(100_000) }]);
      await first.kill();
      const second = await start(storage, []);
      await createClient({ url: second.url }).produce('kept', [{ value: 'last' }], { acks: 'none' });
      expect(await second.stop()).toBe(0);
      const third = await start(storage, []);
      const records = await recordsOf(createClient({ url: third.url }), 'kept', 0);
      expect(records.map(({ value }) => value)).toEqual(['small', 'x'.repeat(100_000), 'last']);
    });

    it('wakes the long poll of one process by what another writes', async () => {
      const storage = await newStorage();
      const [one, other] = [await start(storage), await start(storage, [])];
      const [writer, reader] = [createClient({ url: one.url }), createClient({ url: other.url })];
      await writer.topics.create('wake');
      const startedAt = performance.now();
      const waiting = reader.fetch('wake', 0, { offset: 0, waitMs: 15_000 });
      await new Promise((resolve) => setTimeout(resolve, 500));
      await writer.produce('wake', [{ value: 'there' }]);
      expect((await waiting).records).toMatchObject([{ offset: 0, value: 'there' }]);
      expect(performance.now() - startedAt).toBeLessThan(10_000);
    });

    it('gives dense offsets to two processes that write at once, and both read the same', async () => {
      const storage = await newStorage();
      const servers = [await start(storage), await start(storage, [])];
      const clients = servers.map(({ url }) => createClient({ url }));
      const [first, second] = clients as [(typeof clients)[number], (typeof clients)[number]];
      await first.topics.create('dense', { partitions: 3 });
      const acked = new Map<string, string>();
      await Promise.all(
        Array.from({ length: 60 }, async (_, index) => {
          const client = index % 2 === 0 ? first : second;
          const values = Array.from({ length: 1 + (index % 7) }, (_unused, record) => `${index}-${record}`);
          const results = await client.produce(
            'dense',
            values.map((value) => ({ key: value, value })),
          );
          for (const [record, result] of results.entries()) {
            if ('error' in result) throw result.error;
            acked.set(`${result.partition}@${result.offset}`, values[record] as string);
          }
        }),
      );
      const readBy = async (client: (typeof clients)[number]) => {
        const read = new Map<string, string>();
        for (let partition = 0; partition < 3; partition++) {
          const records = await recordsOf(client, 'dense', partition);
          expect(records.map(({ offset }) => offset)).toEqual(records.map((_, index) => index));
          for (const { offset, value } of records) read.set(`${partition}@${offset}`, value as string);
        }
        return read;
      };
      expect(await readBy(first)).toEqual(acked);
      expect(await readBy(second)).toEqual(acked);
    });

    it('sees a topic that another process has deleted and made again', async () => {
      const storage = await newStorage();
      const [one, other] = [await start(storage), await start(storage, [])];
      const [writer, reader] = [createClient({ url: one.url }), createClient({ url: other.url })];
      await writer.topics.create('again');
      await reader.produce('again', [{ value: 'old' }]);
      await writer.topics.delete('again');
      await writer.topics.create('again');
      const [result] = await reader.produce('again', [{ value: 'new' }]);
      expect(result).toMatchObject({ offset: 0 });
      const { records } = await writer.fetch('again', 0, { offset: 0 });
      expect(records.map(({ value }) => value)).toEqual(['new']);
    });
  },
);
