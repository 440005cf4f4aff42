import { expect, test } from 'vitest';
import { gatewayWorld } from '../support/gateway-world.ts';
import { codes, commitOf, join, makeTopic } from '../support/group-requests.ts';
import type { KafkaTestClient, RequestBody, ResponseBody } from '../support/kafka-test-client.ts';
import { twoGateways } from '../support/two-gateways.ts';

type Beat = Partial<RequestBody<'ConsumerGroupHeartbeat'>>;
type Answer = ResponseBody<'ConsumerGroupHeartbeat'>;

const SEVENTEEN = 17;

function beat(client: KafkaTestClient, memberId: string, body: Beat) {
  return client.request('ConsumerGroupHeartbeat', 1, { groupId: 'g', memberId, memberEpoch: 0, ...body });
}

function joins(client: KafkaTestClient, memberId: string, body: Beat = {}) {
  return beat(client, memberId, {
    memberEpoch: 0,
    rebalanceTimeoutMs: 30_000,
    subscribedTopicNames: ['t'],
    topicPartitions: [],
    ...body,
  });
}

function partitionsOf({ assignment }: Answer): number[] {
  return (assignment?.topicPartitions ?? []).flatMap(({ partitions }) => partitions).toSorted((a, b) => a - b);
}

/** Goes on with what it was told, and says that it holds that. */
function goesOn(client: KafkaTestClient, told: Answer) {
  return beat(client, told.memberId ?? '', {
    memberEpoch: told.memberEpoch,
    topicPartitions: told.assignment?.topicPartitions ?? [],
  });
}

test('gives a first member all partitions, with their topic ids', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  const { topicId } = await makeTopic(broker, 't', SEVENTEEN);
  const told = await joins(client, 'a');
  expect(told).toMatchObject({ errorCode: codes.none, memberId: 'a', heartbeatIntervalMs: 5_000 });
  expect(told.memberEpoch).toBeGreaterThan(0);
  expect(told.assignment?.topicPartitions).toMatchObject([{ topicId }]);
  expect(partitionsOf(told)).toEqual(Array.from({ length: SEVENTEEN }, (_, at) => at));
  const old = await client.request('ConsumerGroupHeartbeat', 0, {
    groupId: 'other',
    memberId: '',
    memberEpoch: 0,
    rebalanceTimeoutMs: 30_000,
    subscribedTopicRegex: null,
    subscribedTopicNames: ['t'],
    topicPartitions: [],
  });
  expect(old).toMatchObject({ errorCode: codes.none });
  expect(old.memberId).not.toBe('');
});

test('moves partitions between members of two processes, the one before giving them up first', async () => {
  const [first, second] = await twoGateways();
  const [a, b] = [await first.connect(), await second.connect()];
  await makeTopic(first.broker, 't', 4);
  const alone = await joins(a, 'a');
  expect(partitionsOf(alone)).toEqual([0, 1, 2, 3]);
  const other = await joins(b, 'b');
  expect(other.errorCode).toBe(codes.none);
  expect(other.memberEpoch).toBeGreaterThan(0);
  expect(partitionsOf(other)).toEqual([]);
  let told = alone;
  await expect
    .poll(async () => partitionsOf((told = await beat(a, 'a', { memberEpoch: told.memberEpoch }))))
    .toHaveLength(2);
  // It was told, and has not said that it holds less: nobody else gets them.
  expect(partitionsOf(await beat(b, 'b', { memberEpoch: other.memberEpoch }))).toEqual([]);
  const kept = await goesOn(a, told);
  expect(kept.memberEpoch).toBeGreaterThan(alone.memberEpoch);
  const moved = await goesOn(b, other);
  expect([...partitionsOf(kept), ...partitionsOf(moved)].toSorted((x, y) => x - y)).toEqual([0, 1, 2, 3]);
  const described = await b.request('ConsumerGroupDescribe', 1, {
    groupIds: ['g', 'none'],
    includeAuthorizedOperations: false,
  });
  const [group, none] = described.groups;
  expect(group).toMatchObject({ errorCode: codes.none, groupState: 'Stable', assignorName: 'uniform' });
  expect(group?.members.map(({ memberId, clientId, memberType }) => [memberId, clientId, memberType])).toEqual([
    ['a', 'test', 1],
    ['b', 'test', 1],
  ]);
  expect(group?.members[0]?.assignment.topicPartitions).toMatchObject([
    { topicName: 't', partitions: partitionsOf(kept) },
  ]);
  expect(none).toMatchObject({ errorCode: codes.groupIdNotFound });
});

test('commits by member epoch, and tells who has an old one that it is stale', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  await makeTopic(broker, 't', 1);
  const { memberEpoch } = await joins(client, 'a');
  const commit = async (epoch: number) => {
    const body = commitOf('g', { memberId: 'a', generationIdOrMemberEpoch: epoch });
    return (await client.request('OffsetCommit', 9, body)).topics[0]?.partitions[0]?.errorCode;
  };
  expect([await commit(memberEpoch), await commit(memberEpoch + 1)]).toEqual([codes.none, codes.staleMemberEpoch]);
  expect((await beat(client, 'a', { memberEpoch: memberEpoch + 1 })).errorCode).toBe(codes.fencedMemberEpoch);
  expect((await beat(client, 'nobody', { memberEpoch })).errorCode).toBe(codes.unknownMemberId);
});

test('subscribes by a pattern, adds names to it, and takes it back', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  for (const name of ['t', 'orders-1', 'orders-2']) await makeTopic(broker, name, 1);
  const joined = await joins(client, 'a', { subscribedTopicNames: null, subscribedTopicRegex: 'orders-.*' });
  const topics = (answer: Answer) => answer.assignment?.topicPartitions.length;
  expect(topics(joined)).toBe(2);
  const more = await beat(client, 'a', { memberEpoch: joined.memberEpoch, subscribedTopicNames: ['t'] });
  expect(topics(more)).toBe(3);
  const fewer = await beat(client, 'a', { memberEpoch: more.memberEpoch, subscribedTopicRegex: '' });
  expect(topics(fewer)).toBe(1);
  const idle = await beat(client, 'a', { memberEpoch: fewer.memberEpoch, subscribedTopicNames: [] });
  expect([idle.errorCode, topics(idle)]).toEqual([codes.none, 0]);
});

test('keeps the place of a static member that steps out, and refuses its instance id while it is there', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  await makeTopic(broker, 't', 2);
  const { memberEpoch } = await joins(client, 'a', { instanceId: 'one' });
  expect((await joins(client, 'b', { instanceId: 'one' })).errorCode).toBe(codes.unreleasedInstanceId);
  const left = await beat(client, 'a', { memberEpoch: -2, instanceId: 'one' });
  expect(left).toMatchObject({ errorCode: codes.none, memberEpoch: -2 });
  const back = await joins(client, 'b', { instanceId: 'one' });
  expect(partitionsOf(back)).toEqual([0, 1]);
  expect(back.memberEpoch).toBeGreaterThan(memberEpoch);
  expect((await beat(client, 'a', { memberEpoch, instanceId: 'one' })).errorCode).toBe(codes.fencedInstanceId);
  expect(await beat(client, 'b', { memberEpoch: -1, instanceId: 'one' })).toMatchObject({
    errorCode: codes.none,
    memberEpoch: -1,
  });
  const { groups } = await client.request('ListGroups', 5, { typesFilter: ['consumer'] });
  expect(groups).toMatchObject([
    { groupId: 'g', groupState: 'Empty', groupType: 'consumer', protocolType: 'consumer' },
  ]);
});

test('knows a static member that says its instance id only once, in other processes as well', async () => {
  const [first, second] = await twoGateways();
  const [a, b] = [await first.connect(), await second.connect()];
  await makeTopic(first.broker, 't', 2);
  const { memberEpoch } = await joins(a, 'a', { instanceId: 'one' });
  for (const client of [a, b, b]) {
    const told = await beat(client, 'a', { memberEpoch });
    expect([told.errorCode, partitionsOf(told)]).toEqual([codes.none, [0, 1]]);
  }
  expect((await beat(b, 'a', { memberEpoch: -2 })).errorCode).toBe(codes.none);
  expect((await joins(b, 'b', { instanceId: 'one' })).errorCode).toBe(codes.none);
  expect((await beat(a, 'a', { memberEpoch })).errorCode).toBe(codes.fencedInstanceId);
});

test('describes a static member that is away, and lets others remove it by its member id or its instance id', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  await makeTopic(broker, 't', 2);
  const described = async () => {
    const body = { groupIds: ['g'], includeAuthorizedOperations: false };
    const [group] = (await client.request('ConsumerGroupDescribe', 1, body)).groups;
    return group?.members.map(({ memberId, instanceId, memberEpoch }) => [memberId, instanceId, memberEpoch]);
  };
  const removals = [
    async () => (await beat(client, 'a', { memberEpoch: -1 })).errorCode,
    async () => {
      const members = [{ memberId: '', groupInstanceId: 'one', reason: null }];
      return (await client.request('LeaveGroup', 5, { groupId: 'g', members })).members[0]?.errorCode;
    },
  ];
  for (const removal of removals) {
    await joins(client, 'a', { instanceId: 'one' });
    await beat(client, 'a', { memberEpoch: -2, instanceId: 'one' });
    expect(await described()).toEqual([['a', 'one', -2]]);
    // Only who it is.
    expect((await beat(client, 'b', { memberEpoch: -1 })).errorCode).toBe(codes.unknownMemberId);
    expect(await removal()).toBe(codes.none);
    expect(await described()).toEqual([]);
  }
});

test('refuses what is malformed, and members of the other protocol', async () => {
  const { broker, connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  await makeTopic(broker, 't', 1);
  const bad: Beat[] = [
    { memberEpoch: -3 },
    { rebalanceTimeoutMs: -1 },
    { topicPartitions: null },
    { subscribedTopicNames: null, subscribedTopicRegex: null },
    { instanceId: '' },
  ];
  for (const body of bad) expect((await joins(client, 'a', body)).errorCode).toBe(codes.invalidRequest);
  expect((await joins(client, '')).errorCode).toBe(codes.invalidRequest);
  expect((await joins(client, 'a', { serverAssignor: 'none' })).errorCode).toBe(codes.unsupportedAssignor);
  await joins(client, 'a');
  expect((await join(client, { group: 'g' })).errorCode).toBe(codes.inconsistentGroupProtocol);
  await join(client, { group: 'classic' });
  expect((await joins(client, 'a', { groupId: 'classic' })).errorCode).toBe(codes.inconsistentGroupProtocol);
});
