import { expect, test } from 'vitest';
import { gatewayWorld } from '../support/gateway-world.ts';
import { codes, commitOf, join, makeTopic, sync } from '../support/group-requests.ts';
import type { KafkaTestClient } from '../support/kafka-test-client.ts';

async function committed(client: KafkaTestClient, group: string, partition = 0) {
  const { groups } = await client.request('OffsetFetch', 9, {
    groups: [{ groupId: group, topics: [{ name: 't', partitionIndexes: [partition] }] }],
  });
  return groups[0]?.topics[0]?.partitions[0];
}

test('keeps offset, leader epoch and metadata, in every version that has them', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  await makeTopic(broker, 't');
  for (const version of [2, 3, 4, 5, 6, 7, 8, 9]) {
    const epoch = version >= 6 ? 3 : undefined;
    const body = commitOf('g', {
      offset: 10 + version,
      metadata: `by ${version}`,
      ...(epoch !== undefined && { epoch }),
    });
    const answer = await client.request('OffsetCommit', version, body);
    expect(answer.topics).toMatchObject([{ name: 't', partitions: [{ partitionIndex: 0, errorCode: codes.none }] }]);
    expect(await committed(client, 'g')).toEqual({
      partitionIndex: 0,
      committedOffset: BigInt(10 + version),
      committedLeaderEpoch: epoch ?? -1,
      metadata: `by ${version}`,
      errorCode: codes.none,
    });
  }
});

test('names topics by their ids in version 10', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  const { topicId } = await makeTopic(broker, 't');
  const partitions = [{ partitionIndex: 0, committedOffset: 5n, committedMetadata: '' }];
  const other = 'AAAAAAAAAAAAAAAAAAAAAQ';
  const answer = await client.request('OffsetCommit', 10, {
    groupId: 'g',
    memberId: '',
    topics: [
      { topicId, partitions },
      { topicId: other, partitions },
    ],
  });
  expect(answer.topics.map((topic) => [topic.topicId, topic.partitions[0]?.errorCode])).toEqual([
    [topicId, codes.none],
    [other, codes.unknownTopicId],
  ]);
  const { groups } = await client.request('OffsetFetch', 10, { groups: [{ groupId: 'g', topics: null }] });
  expect(groups[0]?.topics).toMatchObject([{ topicId, partitions: [{ committedOffset: 5n }] }]);
});

test('refuses what is wrong with one partition and commits the others', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  await makeTopic(broker, 't', 2);
  const at = (partitionIndex: number, committedMetadata = '') => ({
    partitionIndex,
    committedOffset: 7n,
    committedMetadata,
  });
  const answer = await client.request('OffsetCommit', 9, {
    groupId: 'g',
    memberId: '',
    topics: [
      { name: 't', partitions: [at(0), at(1, 'x'.repeat(5_000)), at(2)] },
      { name: 'none', partitions: [at(0)] },
    ],
  });
  expect(answer.topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode))).toEqual([
    [codes.none, codes.offsetMetadataTooLarge, codes.unknownTopicOrPartition],
    [codes.unknownTopicOrPartition],
  ]);
  expect((await committed(client, 'g'))?.committedOffset).toBe(7n);
  expect((await committed(client, 'g', 1))?.committedOffset).toBe(-1n);
});

test('commits more topics at once than one write of the table has', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  const names = Array.from({ length: 120 }, (_, at) => `topic-${at}`);
  for (const name of names) await makeTopic(broker, name, 1);
  const answer = await client.request('OffsetCommit', 9, {
    groupId: 'g',
    memberId: '',
    topics: names.map((name, at) => ({
      name,
      partitions: [{ partitionIndex: 0, committedOffset: BigInt(at), committedMetadata: null }],
    })),
  });
  expect(new Set(answer.topics.map(({ partitions }) => partitions[0]?.errorCode))).toEqual(new Set([codes.none]));
  const { groups } = await client.request('OffsetFetch', 8, { groups: [{ groupId: 'g', topics: null }] });
  const offsets = new Map(groups[0]?.topics.map(({ name, partitions }) => [name, partitions[0]?.committedOffset]));
  expect(offsets).toEqual(new Map(names.map((name, at) => [name, BigInt(at)])));
});

test('takes a name without a generation for nobody in particular as long as the group has no members', async () => {
  const { broker, connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  await makeTopic(broker, 't');
  const code = async (commit: Parameters<typeof commitOf>[1]) => {
    const answer = await client.request('OffsetCommit', 9, commitOf('g', commit));
    return answer.topics[0]?.partitions[0]?.errorCode;
  };
  expect(await code({ memberId: 'by-itself', offset: 5 })).toBe(codes.none);
  expect((await committed(client, 'g'))?.committedOffset).toBe(5n);
  expect(await code({ memberId: 'by-itself', generationIdOrMemberEpoch: 1 })).toBe(codes.unknownMemberId);
  await sync(client, 'g', await join(client, { group: 'g' }));
  expect(await code({ memberId: 'by-itself', offset: 6 })).toBe(codes.unknownMemberId);
  expect((await committed(client, 'g'))?.committedOffset).toBe(5n);
});

test('fences who is not of the generation, and who is nobody in a group with members', async () => {
  const { broker, connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  await makeTopic(broker, 't');
  const joined = await join(client, { group: 'g' });
  await sync(client, 'g', joined);
  const code = async (commit: Parameters<typeof commitOf>[1]) => {
    const answer = await client.request('OffsetCommit', 9, commitOf('g', commit));
    return answer.topics[0]?.partitions[0]?.errorCode;
  };
  const member = { memberId: joined.memberId, generationIdOrMemberEpoch: joined.generationId };
  expect(await code(member)).toBe(codes.none);
  expect(await code({ ...member, generationIdOrMemberEpoch: joined.generationId + 1 })).toBe(codes.illegalGeneration);
  expect(await code({ ...member, memberId: 'somebody' })).toBe(codes.unknownMemberId);
  expect(await code({})).toBe(codes.unknownMemberId);
});

test('refuses a member of a consumer group what is not its own, and commits the rest', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  await makeTopic(broker, 't', 2);
  await makeTopic(broker, 'u', 1);
  const member = { groupId: 'g', memberId: 'a', rebalanceTimeoutMs: 10_000, topicPartitions: [] };
  const joined = await client.request('ConsumerGroupHeartbeat', 1, {
    ...member,
    memberEpoch: 0,
    subscribedTopicNames: ['t'],
  });
  const at = (partitionIndex: number) => ({ partitionIndex, committedOffset: 7n, committedMetadata: null });
  const answer = await client.request('OffsetCommit', 9, {
    groupId: 'g',
    memberId: 'a',
    generationIdOrMemberEpoch: joined.memberEpoch,
    topics: [
      { name: 't', partitions: [at(0), at(1), at(2)] },
      { name: 'u', partitions: [at(0)] },
    ],
  });
  expect(answer.topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode))).toEqual([
    [codes.none, codes.none, codes.unknownTopicOrPartition],
    [codes.invalidRequest],
  ]);
  expect((await committed(client, 'g'))?.committedOffset).toBe(7n);
  const { groups } = await client.request('OffsetFetch', 8, { groups: [{ groupId: 'g', topics: null }] });
  expect(groups[0]?.topics).toMatchObject([{ name: 't', partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] }]);
});

test('answers for each of more offsets than one write has, and keeps the later one of two', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  await makeTopic(broker, 't', 1_600);
  const partitions = Array.from({ length: 1_700 }, (_, partitionIndex) => ({
    partitionIndex,
    committedOffset: BigInt(partitionIndex),
    committedMetadata: null,
  }));
  const again = { partitionIndex: 0, committedOffset: 77n, committedMetadata: null };
  const topics = [{ name: 't', partitions: [...partitions, again] }];
  const answer = await client.request('OffsetCommit', 9, { groupId: 'g', memberId: '', topics });
  expect(answer.topics[0]?.partitions).toEqual(
    [...partitions, again].map(({ partitionIndex }) => ({
      partitionIndex,
      errorCode: partitionIndex < 1_600 ? codes.none : codes.unknownTopicOrPartition,
    })),
  );
  expect(await committed(client, 'g', 1_599)).toMatchObject({ committedOffset: 1_599n });
  expect(await committed(client, 'g', 0)).toMatchObject({ committedOffset: 77n });
});
