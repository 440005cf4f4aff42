import { beforeEach, expect, it } from 'vitest';
import { createClient, type MillraceClient } from '../../lib/client/client.ts';
import { httpWorld } from '../support/http-world.ts';

let client: MillraceClient;

beforeEach(async () => {
  const { app } = httpWorld();
  client = createClient({ url: 'http://localhost', fetch: async (url, init) => app.fetch(new Request(url, init)) });
  await client.topics.create('orders', { partitions: 2 });
  await client.produce('orders', [
    { value: 1, partition: 0 },
    { value: 2, partition: 0 },
    { value: 3, partition: 1 },
  ]);
});

it('shows groups, sets where they go on, and deletes them', async () => {
  const consumer = client.consumer({
    group: 'billing',
    topics: ['orders'],
    instanceId: 'worker-1',
    autoOffsetReset: 'earliest',
  });
  const { state } = await consumer.poll({ waitMs: 0, maxRecords: 1 });
  expect(await client.groups.list()).toMatchObject({
    groups: [{ group: 'billing', kind: 'consumer', memberCount: 1 }],
  });
  expect(await client.groups.describe('billing')).toMatchObject({
    state: 'Stable',
    members: [{ member: state.member, instanceId: 'worker-1', topics: ['orders'], sessionTimeoutMs: 45_000 }],
    partitions: [
      { topic: 'orders', partition: 0, committedOffset: null, lag: 2, member: state.member },
      { topic: 'orders', partition: 1, committedOffset: null, lag: 1, member: state.member },
    ],
  });
  const everything = [{ topic: 'orders', offset: 'latest' }] as const;
  await expect(client.groups.resetOffsets('billing', everything)).rejects.toMatchObject({ code: 'NON_EMPTY_GROUP' });
});

it('resets what a group without members has committed', async () => {
  const at = (offset: number, previousOffset: number | null) => ({
    topic: 'orders',
    partition: 0,
    offset,
    previousOffset,
  });
  const to = { topic: 'orders', partition: 0 };
  expect(await client.groups.resetOffsets('empty', [{ ...to, offset: 2 }], { dryRun: true })).toEqual([at(2, null)]);
  expect(await client.groups.resetOffsets('empty', [{ ...to, offset: 2 }])).toEqual([at(2, null)]);
  expect(await client.groups.resetOffsets('empty', [{ ...to, shiftBy: -1 }])).toEqual([at(1, 2)]);
  expect(await client.groups.resetOffsets('empty', [{ ...to, timestamp: 0 }])).toEqual([at(0, 1)]);
  await client.groups.delete('empty');
  await expect(client.groups.describe('empty')).rejects.toMatchObject({ code: 'GROUP_ID_NOT_FOUND' });
});
