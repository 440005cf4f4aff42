/** kafkajs's own transactions, with the offsets of a group, against a gateway. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';
import { fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import { listCommittedOffsets } from '../../../lib/broker/groups/list-committed-offsets.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { gatewayWorld } from '../../kafka/support/gateway-world.ts';
import { describeWithPeer } from '../support/peer.ts';

const home = new URL('../node_modules/kafkajs/', import.meta.url);
const missing = existsSync(home) ? undefined : 'kafkajs is not installed: run `npm run peers`';

/** What is used of it. */
interface Transaction {
  send(records: { topic: string; messages: { key: string; value: string }[] }): Promise<{ baseOffset: string }[]>;
  sendOffsets(offsets: {
    consumerGroupId: string;
    topics: { topic: string; partitions: { partition: number; offset: string }[] }[];
  }): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}
interface Producer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  transaction(): Promise<Transaction>;
}
interface Kafka {
  producer(options: { transactionalId: string; maxInFlightRequests: number; retry: { retries: number } }): Producer;
}

async function world() {
  const { broker, port } = await gatewayWorld();
  for (const name of ['in', 'out']) await createTopic(broker, { name, partitions: 1 });
  const { Kafka } = createRequire(home)('kafkajs') as {
    Kafka: new (options: { brokers: string[]; logLevel: number }) => Kafka;
  };
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: 0 });
  const values = async () => {
    const position = { at: 'earliest' } as const;
    const request = { position, maxBytes: 1_000_000, maxRecords: 1_000, minBytes: 0, waitMs: 0 };
    const { records } = await fetchRecords(broker, { topic: 'out', partition: 0, ...request });
    return records.map(({ value }) => Buffer.from(value ?? []).toString());
  };
  const committed = async () => {
    const { offsets } = await listCommittedOffsets(broker, { group: 'g' });
    return offsets.map(({ offset }) => offset);
  };
  const producer = () => kafka.producer({ transactionalId: 'x', maxInFlightRequests: 1, retry: { retries: 1 } });
  return { producer, values, committed };
}

async function write(producer: Producer, number: number): Promise<Transaction> {
  const transaction = await producer.transaction();
  for (const part of ['a', 'b']) {
    const messages = [{ key: 'k', value: `${number}${part}` }];
    const [sent] = await transaction.send({ topic: 'out', messages });
    expect(sent?.baseOffset).toBe('-1');
  }
  const topics = [{ topic: 'in', partitions: [{ partition: 0, offset: String(number) }] }];
  await transaction.sendOffsets({ consumerGroupId: 'g', topics });
  return transaction;
}

describeWithPeer(missing)('kafkajs transactions', () => {
  it('commits records with the offsets that they were made from, or neither', async () => {
    const { producer, values, committed } = await world();
    const one = producer();
    await one.connect();
    await (await write(one, 1)).commit();
    await (await write(one, 2)).abort();
    await (await write(one, 3)).commit();
    expect(await values()).toEqual(['1a', '1b', '3a', '3b']);
    expect(await committed()).toEqual([3]);
    await one.disconnect();
  });

  it('fences the producer before it', async () => {
    const { producer, values } = await world();
    const [one, two] = [producer(), producer()];
    await one.connect();
    await (await write(one, 1)).commit();
    const open = await write(one, 2);
    await two.connect();
    await (await write(two, 3)).commit();
    await expect(open.commit()).rejects.toThrow('old epoch');
    expect(await values()).toEqual(['1a', '1b', '3a', '3b']);
    await Promise.all([one.disconnect(), two.disconnect()]);
  });
});
