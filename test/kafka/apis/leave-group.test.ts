import { expect, test } from 'vitest';
import { gatewayWorld } from '../support/gateway-world.ts';
import { codes, heartbeat, join, sync } from '../support/group-requests.ts';

test('lets members go one by one in the first versions, and several at once later', async () => {
  const { connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const client = await connect();
  for (const version of [0, 1, 2]) {
    const joined = await join(client, { group: 'g' });
    expect(joined.errorCode).toBe(codes.none);
    const { memberId } = joined;
    expect(await client.request('LeaveGroup', version, { groupId: 'g', memberId })).toMatchObject({
      errorCode: codes.none,
    });
    const again = await client.request('LeaveGroup', version, { groupId: 'g', memberId });
    expect(again.errorCode).toBe(codes.unknownMemberId);
  }
  const joined = await join(client, { group: 'g', instanceId: 'one' });
  await sync(client, 'g', joined, 'one');
  const left = await client.request('LeaveGroup', 5, {
    groupId: 'g',
    members: [{ memberId: '', groupInstanceId: 'one', reason: 'an administrator says so' }, { memberId: 'nobody' }],
  });
  expect(left.members.map(({ errorCode }) => errorCode)).toEqual([codes.none, codes.unknownMemberId]);
  expect((await heartbeat(client, 'g', joined, 'one')).errorCode).toBe(codes.unknownMemberId);
});

test('begins a round for those who stay', async () => {
  const { connect } = await gatewayWorld({ initialRebalanceDelayMs: 0 });
  const [a, b] = [await connect(), await connect()];
  const alone = await join(a, { group: 'g' });
  await sync(a, 'g', alone);
  const other = join(b, { group: 'g' });
  await expect.poll(() => heartbeat(a, 'g', alone)).toMatchObject({ errorCode: codes.rebalanceInProgress });
  const [first, second] = await Promise.all([join(a, { group: 'g', memberId: alone.memberId }), other]);
  await Promise.all([sync(a, 'g', first), sync(b, 'g', second)]);
  await b.request('LeaveGroup', 5, { groupId: 'g', members: [{ memberId: second.memberId }] });
  expect((await heartbeat(a, 'g', first)).errorCode).toBe(codes.rebalanceInProgress);
  const last = await join(a, { group: 'g', memberId: first.memberId });
  expect(last).toMatchObject({ generationId: 3, leader: first.memberId });
  expect(last.members).toHaveLength(1);
});
