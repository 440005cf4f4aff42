/** How the server takes leave of Kafka's clients when it is told to stop. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readBatchHeader } from '../../../lib/log/record-batch/header.ts';
import { KafkaTestClient } from '../../kafka/support/kafka-test-client.ts';
import { batchOf } from '../../support/broker.ts';
import { cleanUp, type LocalProcess, startLocal, temporaryDirectory } from '../../support/local-process.ts';

const clients: KafkaTestClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await cleanUp();
});

async function kafkaPort(local: LocalProcess): Promise<number> {
  await local.url();
  return Number(/ kafka=127\.0\.0\.1:(\d+)$/m.exec(local.stdout)?.[1]);
}

async function connected(local: LocalProcess): Promise<KafkaTestClient> {
  const client = await KafkaTestClient.open(await kafkaPort(local));
  clients.push(client);
  return client;
}

async function createTopic(client: KafkaTestClient): Promise<void> {
  const topics = [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }];
  await client.request('CreateTopics', 7, { topics, timeoutMs: 10_000, validateOnly: false });
}

function produced(value: string) {
  const topicData = [{ name: 't', partitionData: [{ index: 0, records: batchOf(value) }] }];
  return { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData };
}

function fetched(maxWaitMs: number) {
  const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1_000_000 }];
  return { maxWaitMs, minBytes: 1, topics: [{ topic: 't', partitions }] };
}

async function stopping(local: LocalProcess): Promise<void> {
  while (!local.stderr.includes('stopping')) await once(local.child.stderr as NodeJS.ReadableStream, 'data');
}

describe('told to stop, it', () => {
  it('answers who waits for records at once, and ends when the clients have closed', async () => {
    const local = startLocal();
    const client = await connected(local);
    await createTopic(client);
    const waiting = client.request('Fetch', 12, fetched(60_000));
    // Answered by another connection: what was sent before it on the first is being served by now.
    await (await connected(local)).request('ApiVersions', 0, {});
    const began = performance.now();
    local.child.kill('SIGTERM');
    expect((await waiting).responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 0n });
    await client.closed;
    expect(await local.exit).toEqual({ code: 0, signal: null });
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  it('keeps whatever it has acknowledged, and answers or refuses the rest by closing', {
    timeout: 60_000,
  }, async () => {
    const data = await temporaryDirectory();
    const local = startLocal(['--data', data]);
    const client = await connected(local);
    await createTopic(client);
    const sent = 200;
    let acknowledged = 0;
    const answers = Array.from({ length: sent }, async (_, at) => {
      const { responses } = await client.request('Produce', 9, produced(`value ${at}`));
      if (responses[0]?.partitionResponses[0]?.errorCode === 0) acknowledged += 1;
      if (acknowledged === 1) local.child.kill('SIGTERM');
    });
    const outcomes = await Promise.allSettled(answers);
    expect(await local.exit).toEqual({ code: 0, signal: null });
    const refused = outcomes.filter(({ status }) => status === 'rejected').length;
    expect(acknowledged + refused).toBe(sent);
    expect(acknowledged).toBeGreaterThan(0);
    const again = await connected(startLocal(['--data', data]));
    const { responses } = await again.request('Fetch', 12, fetched(0));
    const { highWatermark, records } = responses[0]?.partitions[0] ?? {};
    expect(Number(highWatermark)).toBeGreaterThanOrEqual(acknowledged);
    expect(Number(highWatermark)).toBeLessThanOrEqual(sent);
    expect(readBatchHeader(records as Uint8Array)).toMatchObject({ baseOffset: 0 });
  });

  it('ends at once if it is told again', async () => {
    const local = startLocal();
    // A client that never closes its side keeps the end waiting.
    const socket = connect({ port: await kafkaPort(local), host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    const client = new KafkaTestClient(socket);
    clients.push(client);
    await client.request('ApiVersions', 0, {});
    const ended = once(socket, 'end');
    local.child.kill('SIGTERM');
    await stopping(local);
    await ended;
    expect(local.child.exitCode).toBeNull();
    local.child.kill('SIGTERM');
    expect(await local.exit).toEqual({ code: 128 + 15, signal: null });
  });
});
