import { expect, test } from 'vitest';
import { utf8Text } from '../../../lib/kernel/bytes.ts';
import { gatewayWorld } from '../support/gateway-world.ts';
import { codes, commitOf, join, joinOf, makeTopic, sync } from '../support/group-requests.ts';

test('describes a group with its members, what they said and what they were assigned', async () => {
  const { connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  const joined = await join(client, { group: 'g', instanceId: 'one' });
  const describe = async (version: number) =>
    (await client.request('DescribeGroups', version, { groups: ['g'] })).groups[0];
  expect(await describe(5)).toMatchObject({ groupState: 'CompletingRebalance', protocolData: '' });
  await sync(client, 'g', joined, 'one');
  for (const version of [0, 1, 2, 3, 4, 5, 6]) {
    const described = await describe(version);
    expect(described).toMatchObject({
      errorCode: codes.none,
      groupState: 'Stable',
      protocolType: 'consumer',
      protocolData: 'range',
      members: [
        {
          memberId: joined.memberId,
          groupInstanceId: version >= 4 ? 'one' : null,
          clientId: 'test',
          clientHost: '/127.0.0.1',
        },
      ],
    });
    const [member] = described?.members ?? [];
    const said = [member?.memberMetadata, member?.memberAssignment].map((bytes) => bytes && utf8Text(bytes));
    expect(said).toEqual(['metadata', `of ${joined.memberId}`]);
  }
});

test('tells what the caller may do where it asks', async () => {
  const { connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  await join(client, { group: 'g' });
  const operations = async (includeAuthorizedOperations: boolean) => {
    const { groups } = await client.request('DescribeGroups', 5, { groups: ['g'], includeAuthorizedOperations });
    return groups[0]?.authorizedOperations;
  };
  const [read, remove, describe] = [3, 6, 8];
  expect(await operations(true)).toBe((1 << read) | (1 << remove) | (1 << describe));
  expect(await operations(false)).toBe(-(2 ** 31));
});

test('says of a group that is not there what each version can say', async () => {
  const { connect } = await gatewayWorld();
  const client = await connect();
  const describe = async (version: number) =>
    (await client.request('DescribeGroups', version, { groups: ['g'] })).groups[0];
  expect(await describe(5)).toMatchObject({ errorCode: codes.none, groupState: 'Dead', members: [] });
  expect(await describe(6)).toMatchObject({ errorCode: codes.groupIdNotFound, groupState: 'Dead' });
});

test('lists groups by state and type, those as well that only commit offsets', async () => {
  const { broker, connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  await makeTopic(broker, 't');
  await client.request('OffsetCommit', 8, commitOf('simple'));
  await client.request('JoinGroup', 3, joinOf({ group: 'workers', protocolType: 'connect' }));
  const list = async (filters: { statesFilter?: string[]; typesFilter?: string[] }) => {
    const { groups } = await client.request('ListGroups', 5, filters);
    return groups.map(({ groupId, protocolType, groupState, groupType }) => [
      groupId,
      protocolType,
      groupState,
      groupType,
    ]);
  };
  const simple = ['simple', '', 'Empty', 'classic'];
  const workers = ['workers', 'connect', 'CompletingRebalance', 'classic'];
  expect(await list({})).toEqual([simple, workers]);
  expect(await list({ statesFilter: ['empty', 'dead'] })).toEqual([simple]);
  expect(await list({ statesFilter: ['completingrebalance'], typesFilter: ['Classic'] })).toEqual([workers]);
  expect(await list({ typesFilter: ['consumer'] })).toEqual([]);
  expect((await client.request('ListGroups', 0, {})).groups).toMatchObject([
    { groupId: 'simple' },
    { groupId: 'workers' },
  ]);
});

test('knows of a group whose members have left what kind of members they were', async () => {
  const { connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  const { memberId } = await client.request(
    'JoinGroup',
    3,
    joinOf({ group: 'workers', protocolType: 'connect', protocols: ['sessioned'] }),
  );
  await client.request('LeaveGroup', 2, { groupId: 'workers', memberId });
  const { groups: listed } = await client.request('ListGroups', 5, {});
  expect(listed).toMatchObject([{ groupState: 'Empty', protocolType: 'connect' }]);
  const { groups: described } = await client.request('DescribeGroups', 5, { groups: ['workers'] });
  expect(described).toMatchObject([{ groupState: 'Empty', protocolType: 'connect', protocolData: '' }]);
  // What the next ones are is theirs to say.
  const next = await client.request('JoinGroup', 3, joinOf({ group: 'workers', protocolType: 'consumer' }));
  expect(next.errorCode).toBe(codes.none);
  expect((await client.request('ListGroups', 5, {})).groups).toMatchObject([{ protocolType: 'consumer' }]);
});

test('lists groups once, each by its coordinator', async () => {
  const { broker, cluster, connect } = await gatewayWorld({ brokers: 3 });
  await makeTopic(broker, 't');
  const groups = Array.from({ length: 12 }, (_, index) => `g-${index}`);
  const clients = await Promise.all(cluster.nodes.map(({ port }) => connect(port)));
  for (const group of groups) await clients[0]?.request('OffsetCommit', 8, commitOf(group));
  const listed: string[] = [];
  for (const [index, client] of clients.entries()) {
    const own = (await client.request('ListGroups', 5, {})).groups.map(({ groupId }) => groupId);
    expect(new Set(own.map((group) => cluster.coordinatorOf(group)))).toEqual(new Set([cluster.nodes[index]]));
    listed.push(...own);
  }
  expect(listed.sort()).toEqual(groups.sort());
});

test('deletes groups without members', async () => {
  const { broker, connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  await makeTopic(broker, 't');
  await client.request('OffsetCommit', 8, commitOf('simple'));
  const joined = await join(client, { group: 'g' });
  const deleted = async (...groupsNames: string[]) => {
    const { results } = await client.request('DeleteGroups', 2, { groupsNames });
    return results.map(({ groupId, errorCode }) => [groupId, errorCode]);
  };
  expect(await deleted('simple', 'g', 'none')).toEqual([
    ['simple', codes.none],
    ['g', codes.nonEmptyGroup],
    ['none', codes.groupIdNotFound],
  ]);
  await client.request('LeaveGroup', 2, { groupId: 'g', memberId: joined.memberId });
  expect(await deleted('g')).toEqual([['g', codes.none]]);
  expect((await client.request('ListGroups', 5, {})).groups).toEqual([]);
});
