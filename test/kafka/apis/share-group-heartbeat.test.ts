import { expect, test } from 'vitest';
import { ManualClock } from '../../support/manual-clock.ts';
import { gatewayWorld, memoryBroker } from '../support/gateway-world.ts';
import { codes, commitOf, join, makeTopic } from '../support/group-requests.ts';
import type { ResponseBody } from '../support/kafka-test-client.ts';
import { ShareMember } from '../support/share-member.ts';
import { twoGateways } from '../support/two-gateways.ts';

type Answer = ResponseBody<'ShareGroupHeartbeat'>;

function partitionsOf({ assignment }: Answer): number[] {
  return (assignment?.topicPartitions ?? []).flatMap(({ partitions }) => partitions).toSorted((a, b) => a - b);
}

function joins(member: ShareMember, names = ['t']) {
  return member.beat({ memberEpoch: 0, subscribedTopicNames: names });
}

test('spreads partitions over members of two processes, and has them share where there are more members', async () => {
  const [one, two] = await twoGateways();
  const { topicId } = await makeTopic(one.broker, 't', 4);
  const a = new ShareMember(await one.connect(), { memberId: 'a', topicId });
  const b = new ShareMember(await two.connect(), { memberId: 'b', topicId });
  const alone = await joins(a);
  expect(alone).toMatchObject({ errorCode: 0, memberId: 'a', heartbeatIntervalMs: 5_000 });
  expect(partitionsOf(alone)).toEqual([0, 1, 2, 3]);
  const other = await joins(b);
  expect(partitionsOf(other)).toHaveLength(2);
  let told = alone;
  await expect.poll(async () => partitionsOf((told = await a.beat({ memberEpoch: told.memberEpoch })))).toHaveLength(2);
  expect([...partitionsOf(told), ...partitionsOf(other)].toSorted((x, y) => x - y)).toEqual([0, 1, 2, 3]);
  const more = await Promise.all(
    ['c', 'd', 'e', 'f'].map(async (memberId) => joins(new ShareMember(await one.connect(), { memberId, topicId }))),
  );
  expect(more.every((answer) => partitionsOf(answer).length > 0)).toBe(true);
  const described = await a.client.request('ShareGroupDescribe', 1, {
    groupIds: ['g', 'none'],
    includeAuthorizedOperations: true,
  });
  const [group, none] = described.groups;
  expect(group).toMatchObject({ errorCode: 0, groupState: 'Stable', assignorName: 'simple' });
  expect(group?.members.map(({ memberId }) => memberId)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  expect(group?.members[0]).toMatchObject({ clientId: 'test', subscribedTopicNames: ['t'] });
  expect(group?.members[0]?.assignment.topicPartitions).toMatchObject([{ topicName: 't', topicId }]);
  expect(none).toMatchObject({ errorCode: codes.groupIdNotFound });
});

test('lists the group as one of its type, and deletes it when its members have left', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  const { topicId } = await makeTopic(broker, 't', 1);
  const member = new ShareMember(client, { memberId: 'a', topicId });
  const { memberEpoch } = await joins(member);
  await member.fetch({ partitions: [0] });
  const list = async (typesFilter: string[]) =>
    (await client.request('ListGroups', 5, { statesFilter: [], typesFilter })).groups.map(
      ({ groupId, groupType, groupState, protocolType }) => [groupId, groupType, groupState, protocolType],
    );
  expect(await list(['share'])).toEqual([['g', 'share', 'Stable', 'share']]);
  expect(await list(['consumer'])).toEqual([]);
  const remove = async () => (await client.request('DeleteGroups', 2, { groupsNames: ['g'] })).results[0]?.errorCode;
  expect(await remove()).toBe(codes.nonEmptyGroup);
  expect(await member.beat({ memberEpoch: -1 })).toMatchObject({ errorCode: 0, memberEpoch: -1 });
  expect((await member.beat({ memberEpoch })).errorCode).toBe(codes.unknownMemberId);
  expect(await list([])).toEqual([['g', 'share', 'Empty', 'share']]);
  expect([await remove(), await remove()]).toEqual([0, codes.groupIdNotFound]);
  const left = await broker.metadata.query({ pk: 'group#g', limit: 10, consistency: 'strong' });
  expect(left.items).toEqual([]);
});

test('is a group of its own kind: others do not join it, nor commit to it, and it is none of theirs', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  const { topicId } = await makeTopic(broker, 't', 1);
  const member = new ShareMember(client, { memberId: 'a', topicId });
  await joins(member);
  await member.beat({ memberEpoch: -1 });
  expect((await join(client, { group: 'g' })).errorCode).toBe(codes.inconsistentGroupProtocol);
  const consumer = {
    groupId: 'g',
    memberId: 'b',
    memberEpoch: 0,
    rebalanceTimeoutMs: 9_000,
    subscribedTopicNames: ['t'],
    topicPartitions: [],
  };
  expect((await client.request('ConsumerGroupHeartbeat', 1, consumer)).errorCode).toBe(codes.inconsistentGroupProtocol);
  const committed = await client.request('OffsetCommit', 9, commitOf('g'));
  expect(committed.topics[0]?.partitions[0]?.errorCode).toBe(codes.groupIdNotFound);
  const classic = await join(client, { group: 'classic' });
  expect(classic.errorCode).toBe(0);
  const stranger = new ShareMember(client, { memberId: 'c', topicId, group: 'classic' });
  expect((await joins(stranger)).errorCode).toBe(codes.groupIdNotFound);
});

test('refuses what is no heartbeat of a member, and fences epochs that it has not told', async () => {
  const { broker, connect } = await gatewayWorld();
  const client = await connect();
  const { topicId } = await makeTopic(broker, 't', 1);
  const member = new ShareMember(client, { memberId: 'a', topicId });
  const { memberEpoch } = await joins(member);
  expect((await member.beat({ memberEpoch: memberEpoch + 1 })).errorCode).toBe(codes.fencedMemberEpoch);
  expect((await member.beat({ memberEpoch: -2 })).errorCode).toBe(codes.invalidRequest);
  expect((await member.beat({ memberEpoch: 0 })).errorCode).toBe(codes.invalidRequest);
  expect((await member.beat({ memberId: 'x'.repeat(37) })).errorCode).toBe(codes.invalidRequest);
  expect((await member.beat({ memberId: 'nobody', memberEpoch })).errorCode).toBe(codes.unknownMemberId);
  expect((await member.beat({ groupId: 'none', memberEpoch })).errorCode).toBe(codes.groupIdNotFound);
});

test('follows a changed subscription and topics that grow, and removes who is silent for a session', async () => {
  const clock = new ManualClock();
  const { broker, connect } = await gatewayWorld({ clock, broker: memoryBroker(clock) });
  const client = await connect();
  const { topicId } = await makeTopic(broker, 't', 1);
  await makeTopic(broker, 'u', 2);
  const [a, b] = ['a', 'b'].map((memberId) => new ShareMember(client, { memberId, topicId })) as [
    ShareMember,
    ShareMember,
  ];
  const joined = await joins(a);
  const changed = await a.beat({ memberEpoch: joined.memberEpoch, subscribedTopicNames: ['u'] });
  expect(changed.memberEpoch).toBeGreaterThan(joined.memberEpoch);
  expect(partitionsOf(changed)).toEqual([0, 1]);
  await joins(b, ['u']);
  let { memberEpoch } = changed;
  for (let beat = 0; beat < 20; beat++) {
    await clock.advance(5_000);
    const told = await a.beat({ memberEpoch });
    expect(told.errorCode).toBe(0);
    ({ memberEpoch } = told);
  }
  expect(partitionsOf(await a.beat({ memberEpoch }))).toEqual([0, 1]);
  expect((await b.beat({ memberEpoch })).errorCode).toBe(codes.unknownMemberId);
});
