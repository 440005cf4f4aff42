import { expect, test } from 'vitest';
import { gatewayWorld } from '../support/gateway-world.ts';
import { codes, commitOf, join, makeTopic } from '../support/group-requests.ts';
import type { KafkaTestClient } from '../support/kafka-test-client.ts';
import { twoGateways } from '../support/two-gateways.ts';

test('answers nothing committed as offset -1, without an error', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  await makeTopic(broker, 't', 1);
  for (const version of [1, 2, 3, 4, 5, 6, 7]) {
    const answer = await client.request('OffsetFetch', version, {
      groupId: 'g',
      topics: [
        { name: 't', partitionIndexes: [0] },
        { name: 'none', partitionIndexes: [3] },
      ],
    });
    expect(answer.errorCode).toBe(codes.none);
    for (const { partitions } of answer.topics) {
      expect(partitions).toMatchObject([{ committedOffset: -1n, metadata: '', errorCode: codes.none }]);
    }
  }
});

test('answers several groups at once, each with all that it has committed', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  await makeTopic(broker, 't', 40);
  await makeTopic(broker, 'u', 1);
  await client.request('OffsetCommit', 8, commitOf('a', { partition: 39, offset: 4 }));
  await client.request('OffsetCommit', 8, commitOf('a', { topic: 'u', offset: 6 }));
  await client.request('OffsetCommit', 8, commitOf('b', { offset: 5 }));
  const { groups } = await client.request('OffsetFetch', 8, {
    groups: [
      { groupId: 'a', topics: null },
      { groupId: 'b', topics: [{ name: 't', partitionIndexes: [0, 1] }] },
      { groupId: 'nobody', topics: null },
    ],
    requireStable: true,
  });
  const offsets = groups.map(({ groupId, errorCode, topics }) => ({
    groupId,
    errorCode,
    offsets: topics
      .flatMap(({ name, partitions }) => partitions.map((at) => `${name} ${at.partitionIndex} ${at.committedOffset}`))
      .sort(),
  }));
  expect(offsets).toEqual([
    { groupId: 'a', errorCode: codes.none, offsets: ['t 39 4', 'u 0 6'] },
    { groupId: 'b', errorCode: codes.none, offsets: ['t 0 5', 't 1 -1'] },
    { groupId: 'nobody', errorCode: codes.none, offsets: [] },
  ]);
});

test('answers all topics of one group where no list is sent', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  await makeTopic(broker, 't', 1);
  await client.request('OffsetCommit', 8, commitOf('g', { offset: 4 }));
  const answer = await client.request('OffsetFetch', 7, { groupId: 'g', topics: null });
  expect(answer.topics).toMatchObject([{ name: 't', partitions: [{ committedOffset: 4n }] }]);
});

function heartbeat(client: KafkaTestClient, memberId: string, memberEpoch: number, instanceId?: string) {
  const joins = { rebalanceTimeoutMs: 30_000, subscribedTopicNames: ['t'], topicPartitions: [] };
  return client.request('ConsumerGroupHeartbeat', 1, {
    groupId: 'g',
    memberId,
    memberEpoch,
    ...(instanceId !== undefined && { instanceId }),
    ...(memberEpoch === 0 && joins),
  });
}

/** The code of the group, and the offset of its only partition; `all`: asked for without naming it. */
async function fetchAs(client: KafkaTestClient, member: { memberId?: string; memberEpoch?: number }, all = false) {
  const topics = all ? null : [{ name: 't', partitionIndexes: [0] }];
  const { groups } = await client.request('OffsetFetch', 9, { groups: [{ groupId: 'g', ...member, topics }] });
  return [groups[0]?.errorCode, groups[0]?.topics[0]?.partitions[0]?.committedOffset];
}

test('answers a member of a consumer group under its newest epoch, in any process, and anybody who names none', async () => {
  const [first, second] = await twoGateways();
  const [a, b] = [await first.connect(), await second.connect()];
  await makeTopic(first.broker, 't', 1);
  const { memberEpoch } = await heartbeat(a, 'a', 0);
  await a.request(
    'OffsetCommit',
    9,
    commitOf('g', { offset: 4, memberId: 'a', generationIdOrMemberEpoch: memberEpoch }),
  );
  for (const client of [a, b]) {
    for (const all of [false, true]) {
      expect(await fetchAs(client, { memberId: 'a', memberEpoch }, all)).toEqual([codes.none, 4n]);
      expect(await fetchAs(client, {}, all)).toEqual([codes.none, 4n]);
      const stale = await fetchAs(client, { memberId: 'a', memberEpoch: memberEpoch + 1 }, all);
      expect(stale).toEqual([codes.staleMemberEpoch, undefined]);
      expect(await fetchAs(client, { memberId: 'b', memberEpoch }, all)).toEqual([codes.unknownMemberId, undefined]);
      expect(await fetchAs(client, { memberEpoch }, all)).toEqual([codes.unknownMemberId, undefined]);
    }
  }
  await heartbeat(a, 'a', -1);
  expect(await fetchAs(b, { memberId: 'a', memberEpoch })).toEqual([codes.unknownMemberId, undefined]);
});

test('knows a static member by its member id alone, and no more once another has its seat', async () => {
  const [first, second] = await twoGateways();
  const [a, b] = [await first.connect(), await second.connect()];
  await makeTopic(first.broker, 't', 1);
  const { memberEpoch } = await heartbeat(a, 'a', 0, 'one');
  for (const client of [a, b]) expect((await fetchAs(client, { memberId: 'a', memberEpoch }))[0]).toBe(codes.none);
  await heartbeat(a, 'a', -2, 'one');
  const taken = await heartbeat(b, 'b', 0, 'one');
  for (const client of [a, b]) {
    expect((await fetchAs(client, { memberId: 'a', memberEpoch }))[0]).toBe(codes.unknownMemberId);
    expect((await fetchAs(client, { memberId: 'b', memberEpoch: taken.memberEpoch }))[0]).toBe(codes.none);
  }
});

test('asks nobody of a classic group, or of one that nobody has used, who they are', async () => {
  const { broker, connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  await makeTopic(broker, 't', 1);
  expect(await fetchAs(client, { memberId: 'a', memberEpoch: 7 })).toEqual([codes.none, -1n]);
  await join(client, { group: 'g' });
  expect(await fetchAs(client, { memberId: 'a', memberEpoch: 7 })).toEqual([codes.none, -1n]);
});
