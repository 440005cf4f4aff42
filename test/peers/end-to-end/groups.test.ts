/**
 * A group over two servers that share DynamoDB Local and a bucket: every request of a member goes to any of the two.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../../lib/client/client.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { type LocalServer, startLocalServer } from '../support/local-server.ts';
import { describeWithPeer } from '../support/peer.ts';
import { makeS3, type S3 } from '../support/s3.ts';
import { s3ServerMissing } from '../support/s3-server.ts';

const TOPIC = 'shared';
const PARTITIONS = 6;
const RECORDS = 3_000;
const MOVES = 8;

interface Delivery {
  partition: number;
  offset: number;
  value: string;
}

describeWithPeer(dynamoDbLocalMissing() ?? s3ServerMissing())('a group over two servers', () => {
  let dynamo: Dynamo;
  let s3: S3;
  let servers: LocalServer[] = [];

  beforeAll(async () => {
    [dynamo, s3] = await Promise.all([makeDynamo(), makeS3()]);
    const storage = {
      table: `groups-${randomUUID()}`,
      bucket: await s3.makeBucket(),
      dynamoEndpoint: dynamo.endpoint,
      s3Endpoint: s3.endpoint,
    };
    servers = [await startLocalServer(storage, ['--create-table'])];
    servers.push(await startLocalServer(storage));
  });

  afterAll(async () => {
    for (const server of servers) await server.kill();
    await dynamo?.close();
    await s3?.close();
  });

  /** Whose requests go to the servers at random. */
  function anyServer(): MillraceClient {
    const [url = ''] = servers.map((server) => server.url);
    return createClient({
      url,
      fetch: (input, init) => {
        const { url: other } = servers[Math.floor(Math.random() * servers.length)] as LocalServer;
        return fetch((input as string).replace(url, other), init);
      },
    });
  }

  /** A member that takes note of what it is delivered, until it is stopped. */
  function startMember(delivered: Delivery[]) {
    const stop = new AbortController();
    const consumer = anyServer().consumer({
      group: 'readers',
      topics: [TOPIC],
      autoOffsetReset: 'earliest',
      maxRecords: 50,
      waitMs: 500,
      sessionTimeoutMs: 6_000,
      signal: stop.signal,
    });
    const ended = (async () => {
      for await (const { partition, offset, value } of consumer.records()) {
        delivered.push({ partition, offset, value: String(value) });
      }
    })();
    return {
      stop: async () => {
        stop.abort();
        await ended;
      },
    };
  }

  it('delivers all, in order to who has the partition, while members come and go', { timeout: 180_000 }, async () => {
    const client = anyServer();
    await client.topics.create(TOPIC, { partitions: PARTITIONS });
    const logs: Delivery[][] = [];
    const start = () => {
      const log: Delivery[] = [];
      logs.push(log);
      return startMember(log);
    };
    const members = [start(), start(), start(), start()];
    const writing = (async () => {
      await using producer = client.producer();
      for (let number = 0; number < RECORDS; number++) {
        const records = [{ partition: number % PARTITIONS, value: `v${number}` }];
        const sent = producer.send({ topic: TOPIC, records });
        // Some together, so that records flow for about as long as members move.
        if (number % 12 === 0) await sent;
      }
    })();
    for (let move = 0; move < MOVES; move++) {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await members.shift()?.stop();
      members.push(start());
    }
    await writing;
    const delivered = () => new Set(logs.flat().map(({ value }) => value));
    for (const endMs = performance.now() + 60_000; delivered().size < RECORDS && performance.now() < endMs; ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await Promise.all(members.map((member) => member.stop()));
    expect(delivered().size).toBe(RECORDS);
    for (const log of logs) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const offsets = log.filter((delivery) => delivery.partition === partition).map(({ offset }) => offset);
        expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
      }
    }
    // Members that leave commit what is done, so that next to nothing comes twice.
    expect(logs.flat().length - RECORDS).toBeLessThan(RECORDS / 10);
    const committed = await client.committedOffsets('readers');
    expect(committed.reduce((sum, { offset }) => sum + offset, 0)).toBe(RECORDS);
  });
});
