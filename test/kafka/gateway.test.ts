import { connect as connectSocket } from 'node:net';
import { expect, it } from 'vitest';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { concatBytes } from '../../lib/kernel/bytes.ts';
import { readBatchHeader } from '../../lib/log/record-batch/header.ts';
import { batchOf } from '../support/broker.ts';
import { gatewayWorld } from './support/gateway-world.ts';
import { decodeResponse, framed } from './support/kafka-test-client.ts';

function produced(topic: string, records: Uint8Array) {
  return {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  };
}

function fetched(topic: string, fetchOffset: bigint) {
  return {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }] }],
  };
}

it('takes batches from one connection and serves them to another', async () => {
  const { broker, connect } = await gatewayWorld();
  await createTopic(broker, { name: 't', partitions: 1 });
  const [producer, consumer] = [await connect(), await connect()];
  const batch = batchOf('a', 'b');
  const answer = await producer.request('Produce', 9, produced('t', batch.slice()));
  expect(answer.responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 0n });
  const { responses } = await consumer.request('Fetch', 12, fetched('t', 0n));
  const { records, ...rest } = responses[0]?.partitions[0] ?? {};
  expect(rest).toMatchObject({ errorCode: 0, highWatermark: 2n, lastStableOffset: 2n, logStartOffset: 0n });
  expect(readBatchHeader(concatBytes([records as Uint8Array]))).toMatchObject({ baseOffset: 0, recordCount: 2 });
});

it('answers pipelined requests in their order', async () => {
  const { broker, connect } = await gatewayWorld();
  await createTopic(broker, { name: 't', partitions: 1 });
  const client = await connect();
  const waits = { ...fetched('t', 0n), maxWaitMs: 300 };
  const [empty, first, second, versions] = await Promise.all([
    client.request('Fetch', 12, waits),
    client.request('Produce', 9, produced('t', batchOf('a'))),
    client.request('Produce', 9, produced('t', batchOf('b'))),
    client.request('ApiVersions', 3, { clientSoftwareName: 'test', clientSoftwareVersion: '1' }),
  ]);
  expect(empty.responses[0]?.partitions[0]?.highWatermark).toBe(0n);
  const offsets = [first, second].map(({ responses }) => responses[0]?.partitionResponses[0]?.baseOffset);
  expect(offsets).toEqual([0n, 1n]);
  expect(versions.errorCode).toBe(0);
});

it('draining, answers a fetch that waits before it closes', async () => {
  const { broker, connect, gateway } = await gatewayWorld();
  await createTopic(broker, { name: 't', partitions: 1 });
  const [waiting, idle] = [await connect(), await connect()];
  const answer = waiting.request('Fetch', 12, { ...fetched('t', 0n), maxWaitMs: 60_000 });
  // It has begun when another connection's request that came later is answered.
  await idle.request('Metadata', 1, { topics: [] });
  const closed = gateway.close();
  expect((await answer).responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 0n });
  await Promise.all([closed, waiting.closed, idle.closed]);
});

it('takes no connections any more when it drains', async () => {
  const { gateway, port } = await gatewayWorld();
  await gateway.close();
  const socket = connectSocket(port, '127.0.0.1');
  await expect(new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))).rejects.toThrow(
    'ECONNREFUSED',
  );
});

it('closes a connection at a request that is not served, after it has answered those before', async () => {
  const { connect, logged } = await gatewayWorld();
  const client = await connect();
  const versions = client.request('ApiVersions', 0, {});
  client.send('Produce', 2, produced('t', batchOf('a')));
  expect((await versions).errorCode).toBe(0);
  await client.closed;
  expect(logged).toMatchObject([{ level: 'info' }]);
});

it('does not look at what follows a request', async () => {
  const { broker, connect } = await gatewayWorld();
  await createTopic(broker, { name: 't', partitions: 1 });
  const client = await connect();
  const answer = client.answer();
  const head = [0, 3, 0, 12, 0, 0, 0, 0, 0xff, 0xff, 0];
  // As librdkafka asks for all topics: four bytes stand for the array that is null in the first of them.
  client.sendBytes(framed(Uint8Array.from([...head, 0, 0, 0, 0, 1, 0, 0])));
  expect(decodeResponse('Metadata', 12, await answer).topics.map(({ name }) => name)).toEqual(['t']);
});

it('tells who asks for an unknown version of ApiVersions which ones there are', async () => {
  const { connect } = await gatewayWorld();
  const client = await connect();
  const answer = client.answer();
  // Header of version 2 and a body that nobody knows.
  client.sendBytes(framed(Uint8Array.from([0, 18, 0, 99, 0, 0, 0, 0, 0xff, 0xff, 0, 1, 2, 3])));
  expect(decodeResponse('ApiVersions', 0, await answer)).toEqual({
    errorCode: 35,
    apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }],
    throttleTimeMs: 0,
    supportedFeatures: [],
    finalizedFeaturesEpoch: -1n,
    finalizedFeatures: [],
    zkMigrationReady: false,
  });
  expect((await client.request('ApiVersions', 4, {})).errorCode).toBe(0);
});

it('lets a client that takes none of its answers slow nobody else', async () => {
  const { broker, connect } = await gatewayWorld();
  await createTopic(broker, { name: 't', partitions: 1 });
  const [stuck, other] = [await connect(), await connect()];
  for (let count = 0; count < 8; count++)
    await other.request('Produce', 9, produced('t', batchOf('x'.repeat(1_000_000))));
  stuck.socket.pause();
  const wanted = fetched('t', 0n);
  const [topic] = wanted.topics;
  if (topic?.partitions[0] !== undefined) topic.partitions[0].partitionMaxBytes = 20_000_000;
  for (let count = 0; count < 40; count++) void stuck.request('Fetch', 12, wanted).catch(() => {});
  for (let count = 0; count < 20; count++) await other.request('Produce', 9, produced('t', batchOf('a')));
  expect((await other.request('Fetch', 12, fetched('t', 8n))).responses[0]?.partitions[0]?.errorCode).toBe(0);
});

it('serves beside many connections that have begun large frames and go no further', async () => {
  const { connect, port } = await gatewayWorld();
  const sockets = await Promise.all(
    Array.from({ length: 1_000 }, async () => {
      const socket = connectSocket(port, '127.0.0.1');
      socket.on('error', () => {});
      await new Promise((resolve) => socket.once('connect', resolve));
      return socket;
    }),
  );
  // Half of them have begun a large frame, which does not come.
  for (const [index, socket] of sockets.entries()) if (index % 2 === 0) socket.write(Uint8Array.from([1, 0, 0, 0, 7]));
  const client = await connect();
  expect((await client.request('ApiVersions', 0, {})).errorCode).toBe(0);
  for (const socket of sockets) socket.destroy();
});
