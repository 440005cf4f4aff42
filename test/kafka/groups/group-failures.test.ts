import { expect, test } from 'vitest';
import { createBroker } from '../../../lib/broker/broker.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { InterceptedMetadata } from '../../support/intercepted-stores.ts';
import { gatewayWorld, memoryBroker } from '../support/gateway-world.ts';
import { commitOf, heartbeat, join, joinOf, makeTopic, sync } from '../support/group-requests.ts';

const NOT_COORDINATOR = 16;

test('sends members to look for their coordinator while storage fails, and serves them when it works again', async () => {
  const working = memoryBroker();
  const metadata = new InterceptedMetadata(working.metadata);
  const broker = createBroker({ ...working, metadata, random: seededRandom(3) });
  const { connect } = await gatewayWorld({ broker, initialRebalanceDelayMs: 0 });
  const client = await connect();
  await makeTopic(broker, 't');
  const joined = await join(client, { group: 'g' });
  await sync(client, 'g', joined);
  const fails = () => Promise.reject(new MillraceError('KAFKA_STORAGE_ERROR', 'Storage is away.'));
  Object.assign(metadata, { onGet: fails, onQuery: fails, onWrite: fails });
  const { memberId, generationId } = joined;
  const commit = await client.request(
    'OffsetCommit',
    8,
    commitOf('g', { memberId, generationIdOrMemberEpoch: generationId }),
  );
  const fetched = await client.request('OffsetFetch', 8, { groups: [{ groupId: 'g', topics: null }] });
  const described = await client.request('DescribeGroups', 5, { groups: ['g'] });
  const codes = [
    (await client.request('JoinGroup', 9, joinOf({ group: 'g' }))).errorCode,
    (await sync(client, 'g', joined)).errorCode,
    (await heartbeat(client, 'g', joined)).errorCode,
    (await client.request('LeaveGroup', 5, { groupId: 'g', members: [{ memberId }] })).errorCode,
    (await client.request('ListGroups', 5, {})).errorCode,
    commit.topics[0]?.partitions[0]?.errorCode,
    fetched.groups[0]?.errorCode,
    described.groups[0]?.errorCode,
  ];
  expect(new Set(codes)).toEqual(new Set([NOT_COORDINATOR]));
  for (const hook of ['onGet', 'onQuery', 'onWrite'] as const) delete metadata[hook];
  expect((await heartbeat(client, 'g', joined)).errorCode).toBe(0);
});
