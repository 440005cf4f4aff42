import { expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { errorRow } from '../../../lib/kernel/errors.ts';
import { gatewayWorld } from '../support/gateway-world.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';

async function world() {
  const made = await gatewayWorld();
  await createTopic(made.broker, { name: 't', partitions: 2 });
  await createTopic(made.broker, { name: 'other', partitions: 1 });
  const client = await made.connect();
  const describe = async (topics: Record<string, number[]>) => {
    const asked = Object.entries(topics).map(([name, partitionIndexes]) => ({ name, partitionIndexes }));
    const answer = await client.request('DescribeProducers', 0, { topics: asked });
    return answer.topics.flatMap(({ partitions }) =>
      partitions.map(({ errorCode, activeProducers }) => (errorCode === 0 ? activeProducers : errorCode)),
    );
  };
  const producer = async (id: string, isNewer: boolean) => {
    const one = new TransactionalProducer(await made.connect(), id, { isNewer });
    await one.init();
    return one;
  };
  return { describe, producer };
}

it('names the producers that have records for a partition in an open transaction, until it has ended', async () => {
  const { describe, producer } = await world();
  const [newer, older] = [await producer('newer', true), await producer('older', false)];
  await newer.produce('t', 0, ['a', 'b']);
  await newer.produce('t', 0, ['c']);
  await newer.end(true);
  const before = Date.now();
  await newer.produce('t', 0, ['a', 'b', 'c']);
  await newer.produce('other', 0, ['a']);
  await older.addPartitions({ t: [0, 1] });
  await older.produce('t', 0, ['a']);
  const [first, second] = await describe({ t: [0, 1] });
  expect(second).toEqual([]);
  const alike = { coordinatorEpoch: -1, currentTxnStartOffset: -1n, lastTimestamp: expect.any(BigInt) };
  expect(first).toHaveLength(2);
  expect(first).toEqual(
    expect.arrayContaining([
      { producerId: newer.producerId, producerEpoch: 1, lastSequence: 2, ...alike },
      { producerId: older.producerId, producerEpoch: 0, lastSequence: 0, ...alike },
    ]),
  );
  const begun = Number((first as { lastTimestamp: bigint }[])[0]?.lastTimestamp);
  expect(begun).toBeGreaterThanOrEqual(before);
  expect(begun).toBeLessThanOrEqual(Date.now());
  await newer.end(true);
  await older.end(false);
  expect(await describe({ t: [0], other: [0] })).toEqual([[], []]);
});

it('refuses what there is not, partition by partition', async () => {
  const { describe } = await world();
  const { kafkaCode: unknown } = errorRow('UNKNOWN_TOPIC_OR_PARTITION');
  const { kafkaCode: invalid } = errorRow('INVALID_TOPIC');
  expect(await describe({ t: [1, 2, -1], nowhere: [0], 'no topic': [0] })).toEqual([
    [],
    unknown,
    unknown,
    unknown,
    invalid,
  ]);
});
