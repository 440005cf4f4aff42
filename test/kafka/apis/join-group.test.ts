import { expect, test } from 'vitest';
import { utf8Text } from '../../../lib/kernel/bytes.ts';
import { gatewayWorld } from '../support/gateway-world.ts';
import { codes, commitOf, heartbeat, join, joinOf, makeTopic, sync } from '../support/group-requests.ts';
import type { KafkaTestClient } from '../support/kafka-test-client.ts';
import { twoGateways } from '../support/two-gateways.ts';

const AT_ONCE = { initialRebalanceDelayMs: 0 };

/** Joins, and when the group has settled has its assignment. */
async function comeIn(client: KafkaTestClient, group: string) {
  const joined = await join(client, { group });
  const synced = await sync(client, group, joined);
  return { joined, synced };
}

test('gives a new member its id first, and lets old clients in without', async () => {
  const { connect } = await gatewayWorld(AT_ONCE);
  const client = await connect();
  const asked = await client.request('JoinGroup', 4, joinOf({ group: 'g' }));
  expect(asked).toMatchObject({ errorCode: codes.memberIdRequired, generationId: -1, members: [] });
  expect(asked.memberId).toMatch(/^test-.{22}$/);
  const joined = await client.request('JoinGroup', 4, joinOf({ group: 'g', memberId: asked.memberId }));
  expect(joined).toMatchObject({ errorCode: codes.none, generationId: 1, leader: asked.memberId });
  for (const version of [0, 1, 2, 3]) {
    const old = await client.request('JoinGroup', version, joinOf({ group: `g${version}` }));
    expect(old).toMatchObject({ errorCode: codes.none, generationId: 1, leader: old.memberId, protocolName: 'range' });
    expect(old.members.map(({ memberId, metadata }) => [memberId, utf8Text(metadata)])).toEqual([
      [old.memberId, 'metadata'],
    ]);
  }
});

test('forms one generation of the members of two processes, and hands each what the leader assigned', async () => {
  const [first, second] = await twoGateways(AT_ONCE);
  const [a, b] = [await first.connect(), await second.connect()];
  const alone = await comeIn(a, 'g');
  expect(utf8Text(alone.synced.assignment)).toBe(`of ${alone.joined.memberId}`);
  const other = join(b, { group: 'g' });
  await expect.poll(() => heartbeat(a, 'g', alone.joined)).toMatchObject({ errorCode: codes.rebalanceInProgress });
  const again = await join(a, { group: 'g', memberId: alone.joined.memberId });
  const joined = await other;
  expect([again.generationId, joined.generationId]).toEqual([2, 2]);
  const ids = [again.memberId, joined.memberId];
  const leader = [again, joined].find(({ leader: id, memberId }) => id === memberId);
  expect(leader?.members.map(({ memberId }) => memberId).toSorted()).toEqual(ids.toSorted());
  const assigned = await Promise.all([sync(a, 'g', again), sync(b, 'g', joined)]);
  expect(assigned.map(({ assignment }) => utf8Text(assignment))).toEqual(ids.map((id) => `of ${id}`));
  for (const [client, of] of [
    [b, again],
    [a, joined],
  ] as const) {
    expect(await heartbeat(client, 'g', of)).toMatchObject({ errorCode: codes.none });
  }
});

test('lets a follower that has nothing new to say be, and begins a round for its leader', async () => {
  const { connect } = await gatewayWorld(AT_ONCE);
  const [a, b] = [await connect(), await connect()];
  const alone = await comeIn(a, 'g');
  const other = join(b, { group: 'g' });
  await expect.poll(() => heartbeat(a, 'g', alone.joined)).toMatchObject({ errorCode: codes.rebalanceInProgress });
  const [first, second] = await Promise.all([join(a, { group: 'g', memberId: alone.joined.memberId }), other]);
  const isLeader = first.leader === first.memberId;
  const [leading, following] = isLeader ? [first, second] : [second, first];
  const [leader, follower] = isLeader ? [a, b] : [b, a];
  await Promise.all([sync(leader, 'g', leading), sync(follower, 'g', following)]);
  const again = await join(follower, { group: 'g', memberId: following.memberId });
  expect(again).toMatchObject({ errorCode: codes.none, generationId: 2, members: [] });
  const asks = join(leader, { group: 'g', memberId: leading.memberId });
  await expect.poll(() => heartbeat(follower, 'g', following)).toMatchObject({ errorCode: codes.rebalanceInProgress });
  const next = await join(follower, { group: 'g', memberId: following.memberId });
  expect((await asks).generationId).toBe(3);
  expect(next.generationId).toBe(3);
});

test('gives a static member that comes back its place, and fences who had it', async () => {
  const { broker, connect } = await gatewayWorld(AT_ONCE);
  const [a, b] = [await connect(), await connect()];
  await makeTopic(broker, 't');
  const static1 = { group: 'g', instanceId: 'one' };
  const joined = await join(a, static1);
  expect(joined).toMatchObject({ errorCode: codes.none, generationId: 1 });
  await sync(a, 'g', joined, 'one');
  const back = await join(b, static1);
  expect(back).toMatchObject({ errorCode: codes.none, generationId: 1, skipAssignment: true, leader: back.memberId });
  expect(back.memberId).not.toBe(joined.memberId);
  expect(back.members).toMatchObject([{ memberId: back.memberId, groupInstanceId: 'one' }]);
  expect(await heartbeat(a, 'g', joined, 'one')).toMatchObject({ errorCode: codes.fencedInstanceId });
  const commit = async (member: typeof joined) => {
    const { memberId, generationId } = member;
    const body = commitOf('g', { memberId, generationIdOrMemberEpoch: generationId, groupInstanceId: 'one' });
    return (await a.request('OffsetCommit', 8, body)).topics[0]?.partitions[0]?.errorCode;
  };
  expect([await commit(joined), await commit(back)]).toEqual([codes.fencedInstanceId, codes.none]);
  expect(utf8Text((await sync(b, 'g', { ...back, members: [] }, 'one')).assignment)).toBe(`of ${joined.memberId}`);
});

test('tells a static leader that is too old to skip the assignment that somebody else leads', async () => {
  const { connect } = await gatewayWorld(AT_ONCE);
  const client = await connect();
  const body = joinOf({ group: 'g', instanceId: 'one' });
  const joined = await client.request('JoinGroup', 8, body);
  await sync(client, 'g', joined, 'one');
  const back = await client.request('JoinGroup', 8, body);
  expect(back).toMatchObject({ errorCode: codes.none, generationId: 1, leader: joined.memberId, members: [] });
});

test('refuses members that have nothing in common with the group', async () => {
  const { connect } = await gatewayWorld(AT_ONCE);
  const [a, b] = [await connect(), await connect()];
  await comeIn(a, 'g');
  const code = async (joining: Partial<Parameters<typeof join>[1]>) =>
    (await join(b, { group: 'g', ...joining })).errorCode;
  expect(await code({ protocols: ['sticky'] })).toBe(codes.inconsistentGroupProtocol);
  expect(await code({ protocolType: 'connect' })).toBe(codes.inconsistentGroupProtocol);
  expect(await code({ protocols: [] })).toBe(codes.inconsistentGroupProtocol);
  expect(await code({ sessionTimeoutMs: 10 })).toBe(codes.invalidSessionTimeout);
  expect(await code({ memberId: 'nobody' })).toBe(codes.unknownMemberId);
});

test('takes Connect workers, whose metadata and assignments are their own', async () => {
  const { connect } = await gatewayWorld(AT_ONCE);
  const client = await connect();
  const metadata = Uint8Array.from({ length: 300 }, (_, at) => at % 256);
  const joined = await join(client, { group: 'connect', protocolType: 'connect', protocols: ['sessioned'], metadata });
  expect(joined).toMatchObject({ protocolType: 'connect', protocolName: 'sessioned' });
  expect([...(joined.members[0]?.metadata ?? [])]).toEqual([...metadata]);
  const synced = await client.request('SyncGroup', 3, {
    groupId: 'connect',
    generationId: joined.generationId,
    memberId: joined.memberId,
    assignments: [{ memberId: joined.memberId, assignment: metadata }],
  });
  expect([...synced.assignment]).toEqual([...metadata]);
});

test('ends the wait of a client that is gone, whose member times out', async () => {
  const [first, second] = await twoGateways({ initialRebalanceDelayMs: 60_000 });
  const [a, b] = [await first.connect(), await second.connect()];
  const asked = await a.request('JoinGroup', 9, joinOf({ group: 'g' }));
  const waiting = a.request('JoinGroup', 9, joinOf({ group: 'g', memberId: asked.memberId })).catch(() => 'closed');
  await expect
    .poll(async () => (await b.request('DescribeGroups', 5, { groups: ['g'] })).groups[0]?.groupState)
    .toBe('PreparingRebalance');
  a.destroy();
  expect(await waiting).toBe('closed');
  expect(first.logged).toEqual([]);
});
