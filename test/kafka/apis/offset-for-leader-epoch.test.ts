import { expect, it } from 'vitest';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { batchOf } from '../../support/broker.ts';
import { gatewayWorld } from '../support/gateway-world.ts';

const UNKNOWN_LEADER_EPOCH = 75;

it.each([2, 3, 4])('tells where an epoch ends, in version %i', async (version) => {
  const { broker, connect } = await gatewayWorld();
  await createTopic(broker, { name: 't', partitions: 1 });
  await produceBatches(broker, { topic: 't', partition: 0, batches: batchOf('a', 'b'), acks: 'all' });
  const client = await connect();
  const ask = async (partition: number, leaderEpoch: number, currentLeaderEpoch = -1) => {
    const topics = [{ topic: 't', partitions: [{ partition, leaderEpoch, currentLeaderEpoch }] }];
    const answer = await client.request('OffsetForLeaderEpoch', version, { topics });
    const { errorCode, leaderEpoch: epoch, endOffset } = answer.topics[0]?.partitions[0] ?? {};
    return [errorCode, epoch, endOffset];
  };
  expect(await ask(0, 0, 0)).toEqual([0, 0, 2n]);
  expect(await ask(0, 5)).toEqual([0, -1, -1n]);
  expect(await ask(0, 0, 1)).toEqual([UNKNOWN_LEADER_EPOCH, -1, -1n]);
  expect(await ask(3, 0)).toEqual([3, -1, -1n]);
});
