import { expect, test } from 'vitest';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { batchOf } from '../../support/broker.ts';
import { gatewayWorld } from '../support/gateway-world.ts';
import { codes } from '../support/group-requests.ts';
import { ackOf, ShareMember } from '../support/share-member.ts';

async function world() {
  const made = await gatewayWorld();
  const { topicId } = await createTopic(made.broker, { name: 't', partitions: 2 });
  for (const value of ['0', '1', '2']) {
    await produceBatches(made.broker, { topic: 't', partition: 0, batches: batchOf(value), acks: 'all' });
  }
  const client = await made.connect();
  const alter = async (startOffset: number, partitionIndex = 0) => {
    const partitions = [{ partitionIndex, startOffset: BigInt(startOffset) }];
    const answer = await client.request('AlterShareGroupOffsets', 0, {
      groupId: 'g',
      topics: [{ topicName: 't', partitions }],
    });
    return answer.errorCode === 0 ? answer.responses[0]?.partitions[0]?.errorCode : answer.errorCode;
  };
  const describe = async (topics: { topicName: string; partitions: number[] }[] | null = null) => {
    const answer = await client.request('DescribeShareGroupOffsets', 1, { groups: [{ groupId: 'g', topics }] });
    return answer.groups.flatMap((group) =>
      group.topics.flatMap(({ topicName, partitions }) =>
        partitions.map(({ partitionIndex, startOffset, lag }) => [
          topicName,
          partitionIndex,
          Number(startOffset),
          Number(lag),
        ]),
      ),
    );
  };
  const member = new ShareMember(client, { memberId: 'a', topicId });
  return { ...made, client, alter, describe, member };
}

test('makes a group that begins where it is told, and tells how far it is', async () => {
  const { alter, describe, member } = await world();
  expect(await alter(1)).toBe(0);
  expect(await describe()).toEqual([['t', 0, 1, 2]]);
  const got = await member.fetch({ partitions: [0] });
  expect(got.partitions).toMatchObject([{ offsets: [1, 2], values: ['1', '2'] }]);
  await member.fetch({ acks: { 0: ackOf(2, 2, 1) } });
  expect(await describe()).toEqual([['t', 0, 1, 1]]);
  await member.fetch({ acks: { 0: ackOf(1, 1, 1) } });
  expect(
    await describe([
      { topicName: 't', partitions: [0, 1] },
      { topicName: 'none', partitions: [0] },
    ]),
  ).toEqual([
    ['t', 0, 3, 0],
    ['t', 1, -1, -1],
    ['none', 0, -1, -1],
  ]);
});

test('is refused while the group has members, for partitions that are not there, and follows a log that ends before', async () => {
  const { alter, describe, member } = await world();
  const joined = await member.beat({ memberEpoch: 0, subscribedTopicNames: ['t'] });
  expect(joined.errorCode).toBe(0);
  expect(await alter(0)).toBe(codes.nonEmptyGroup);
  await member.beat({ memberEpoch: -1 });
  expect([await alter(0, 9), await alter(99)]).toEqual([codes.unknownTopicOrPartition, 0]);
  await member.fetch({ partitions: [0] });
  expect(await describe()).toEqual([['t', 0, 3, 0]]);
});

test('is undone by a deletion, after which the group begins at the end again', async () => {
  const { client, alter, describe, member } = await world();
  const remove = async (names: string[]) => {
    const answer = await client.request('DeleteShareGroupOffsets', 0, {
      groupId: 'g',
      topics: names.map((topicName) => ({ topicName })),
    });
    return answer.errorCode === 0 ? answer.responses.map(({ errorCode }) => errorCode) : answer.errorCode;
  };
  expect(await remove(['t'])).toBe(codes.groupIdNotFound);
  await alter(0);
  expect(await remove(['t', 'none'])).toEqual([0, codes.unknownTopicOrPartition]);
  expect(await describe()).toEqual([]);
  expect((await member.fetch({ partitions: [0] })).partitions).toMatchObject([{ offsets: [] }]);
  expect(await describe()).toEqual([['t', 0, 3, 0]]);
});
