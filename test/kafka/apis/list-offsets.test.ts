import { expect, it } from 'vitest';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { record } from '../../support/broker.ts';
import { gatewayWorld } from '../support/gateway-world.ts';

const DAY_MS = 86_400_000;

async function world() {
  const { broker, connect } = await gatewayWorld();
  await createTopic(broker, { name: 't', partitions: 1 });
  const nowMs = broker.clock.now() - DAY_MS;
  // The newest is not the last.
  const batches = encodeBatch([0, 50, 20].map((after) => record('a', { timestamp: nowMs + after })));
  await produceBatches(broker, { topic: 't', partition: 0, batches, acks: 'all' });
  const client = await connect();
  const ask = async (timestamp: bigint, { version = 11, partitionIndex = 0, currentLeaderEpoch = -1 } = {}) => {
    const topics = [{ name: 't', partitions: [{ partitionIndex, timestamp, currentLeaderEpoch }] }];
    const answer = await client.request('ListOffsets', version, { replicaId: -1, topics });
    return answer.topics[0]?.partitions[0];
  };
  return { ask, nowMs };
}

it('answers each question', async () => {
  const { ask, nowMs } = await world();
  expect(await ask(-1n)).toMatchObject({ errorCode: 0, offset: 3n, timestamp: -1n, leaderEpoch: 0 });
  expect(await ask(-2n)).toMatchObject({ errorCode: 0, offset: 0n, timestamp: -1n });
  expect(await ask(-3n)).toMatchObject({ errorCode: 0, offset: 1n, timestamp: BigInt(nowMs + 50) });
  expect(await ask(-4n)).toMatchObject({ errorCode: 0, offset: 0n });
  expect(await ask(-5n)).toMatchObject({ errorCode: 0, offset: -1n, timestamp: -1n });
  expect(await ask(-6n)).toMatchObject({ errorCode: 0, offset: -1n, timestamp: -1n });
  expect(await ask(BigInt(nowMs + 1))).toMatchObject({ offset: 1n, timestamp: BigInt(nowMs + 50) });
  expect(await ask(BigInt(nowMs + 51))).toMatchObject({ errorCode: 0, offset: -1n, timestamp: -1n });
});

it.each([
  [-3n, 6],
  [-4n, 7],
  [-5n, 8],
  [-6n, 10],
  [-7n, 11],
])('does not know the question %i in version %i', async (timestamp, version) => {
  const { ask } = await world();
  expect(await ask(timestamp, { version })).toMatchObject({ errorCode: 35, offset: -1n });
  expect(await ask(-1n, { version })).toMatchObject({ errorCode: 0, offset: 3n });
});

it('refuses partitions that are not there, and leader epochs of the future', async () => {
  const { ask } = await world();
  expect(await ask(-1n, { partitionIndex: 4 })).toMatchObject({ errorCode: 3 });
  expect(await ask(-1n, { currentLeaderEpoch: 4 })).toMatchObject({ errorCode: 75 });
  expect(await ask(-1n, { currentLeaderEpoch: 0 })).toMatchObject({ errorCode: 0 });
});
