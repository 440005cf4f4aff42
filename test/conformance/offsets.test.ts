import { expect, test } from 'vitest';
import { useTarget } from './support/target.ts';

const target = useTarget();
const offsets = (topic: string, query: string, partition = 0) =>
  target.call('GET', `/v1/topics/${topic}/partitions/${partition}/offsets${query}`);

test('both ends, and the first record of a time or later', async () => {
  const topic = await target.topic({ partitions: 2 });
  const base = 1_600_000_000_000;
  await target.produce(
    topic,
    [0, 1_000, 2_000, 3_000].map((later) => ({ partition: 1, timestamp: base + later })),
  );
  expect((await offsets(topic, '?timestamp=earliest', 1)).json).toEqual({
    offset: 0,
    timestamp: null,
    leader_epoch: expect.any(Number) as number,
  });
  expect((await offsets(topic, '?timestamp=latest', 1)).json).toMatchObject({ offset: 4, timestamp: null });
  expect((await offsets(topic, `?timestamp=${base}`, 1)).json).toMatchObject({ offset: 0, timestamp: base });
  expect((await offsets(topic, `?timestamp=${base + 1_001}`, 1)).json).toMatchObject({
    offset: 2,
    timestamp: base + 2_000,
  });
  expect((await offsets(topic, '?timestamp=0', 1)).json).toMatchObject({ offset: 0, timestamp: base });
  expect((await offsets(topic, '?timestamp=latest', 0)).json.offset).toBe(0);
});

test('past the last time the offset is null', async () => {
  const topic = await target.topic();
  expect((await offsets(topic, '?timestamp=5')).json).toMatchObject({ offset: null, timestamp: null });
  await target.produce(topic, [{ timestamp: 1_600_000_000_000 }]);
  expect((await offsets(topic, '?timestamp=1600000000001')).json).toMatchObject({ offset: null, timestamp: null });
});

test('finds a time among many requests, in whatever order the times came', async () => {
  const topic = await target.topic();
  const base = 1_600_000_000_000;
  for (let request = 0; request < 30; request++) {
    await target.produce(topic, [{ timestamp: base + request * 10 + 5 }, { timestamp: base + request * 10 }]);
  }
  for (const [later, offset] of [
    [0, 0],
    [5, 0],
    [6, 2],
    [100, 20],
    [299, null],
  ] as const) {
    expect((await offsets(topic, `?timestamp=${base + later}`)).json.offset).toBe(offset);
  }
});

test.each([
  '',
  '?timestamp=',
  '?timestamp=-1',
  '?timestamp=now',
  '?offset=0',
  '?timestamp=0&timestamp=1',
  '?timestamp=99999999999999999',
])('refuses %j', async (query) => {
  expect(await offsets(await target.topic(), query)).toMatchObject({ status: 400, json: { code: 'INVALID_REQUEST' } });
});

test('of what is not there are 404', async () => {
  const topic = await target.topic();
  expect((await offsets(topic, '?timestamp=latest', 5)).status).toBe(404);
  expect((await offsets(target.freshName(), '?timestamp=latest')).status).toBe(404);
});
