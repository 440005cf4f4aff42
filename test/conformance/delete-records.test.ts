import { describe, expect, test } from 'vitest';
import { useTarget } from './support/target.ts';

const target = useTarget();
const remove = (topic: string, partitions: unknown, key?: string) =>
  target.call('DELETE', `/v1/topics/${topic}/records`, { body: { partitions }, ...(key !== undefined && { key }) });
const values = (count: number) => Array.from({ length: count }, (_, value) => ({ value, partition: 0 }));

describe('deleting records', () => {
  test('leaves the partition to begin there', async () => {
    const topic = await target.topic({ partitions: 2 });
    await target.produce(topic, values(5));
    const deleted = await remove(topic, [{ partition: 0, before_offset: 3 }]);
    expect(deleted.status).toBe(200);
    expect(deleted.json).toEqual({ partitions: [{ partition: 0, log_start_offset: 3 }] });
    const below = await target.call('GET', `/v1/topics/${topic}/partitions/0/records?offset=2`);
    expect(below.status).toBe(416);
    expect(below.json).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', log_start_offset: 3, high_watermark: 5 });
    const plan = await target.call('GET', `/v1/topics/${topic}/partitions/0/plan?offset=2`);
    expect(plan.json).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', log_start_offset: 3 });
    const { json } = await target.call('GET', `/v1/topics/${topic}/partitions/0/records?offset=earliest`);
    expect(json.records.map(({ offset }) => offset)).toEqual([3, 4]);
    const earliest = await target.call('GET', `/v1/topics/${topic}/partitions/0/offsets?timestamp=earliest`);
    expect(earliest.json.offset).toBe(3);
    const { json: described } = await target.call('GET', `/v1/topics/${topic}`);
    expect(described.partition_details.map((one) => one.log_start_offset)).toEqual([3, 0]);
  });

  test('moves a group on that has not come so far', async () => {
    const topic = await target.topic();
    await target.produce(topic, values(5));
    const poll = async (more: object) => {
      const asked = { topics: [topic], auto_offset_reset: 'earliest', max_records: 1, ...more };
      return (await target.call('POST', `/v1/groups/${topic}/poll`, { body: asked })).json;
    };
    const { member, cursor, records } = await poll({});
    expect(records.map(({ offset }) => offset)).toEqual([0]);
    await remove(topic, [{ partition: 0, before_offset: 4 }]);
    const later = await poll({ member, cursor });
    expect(later.records.map(({ offset }) => offset)).toEqual([4]);
    await target.call('POST', `/v1/groups/${topic}/leave`, { body: { member, cursor: later.cursor } });
    await target.call('DELETE', `/v1/groups/${topic}`);
  });

  test('takes -1 for the high watermark, and a time', async () => {
    const topic = await target.topic({ partitions: 2 });
    const base = 1_600_000_000_000;
    for (const partition of [0, 1]) {
      await target.produce(
        topic,
        [0, 1_000, 2_000].map((later) => ({ partition, timestamp: base + later })),
      );
    }
    const all = [
      { partition: 1, before_timestamp: base + 1 },
      { partition: 0, before_offset: -1 },
    ];
    expect((await remove(topic, all)).json).toEqual({
      partitions: [
        { partition: 1, log_start_offset: 1 },
        { partition: 0, log_start_offset: 3 },
      ],
    });
    const [written] = await target.produce(topic, [{ partition: 0 }]);
    expect(written?.offset).toBe(3);
  });

  test('never moves a start back', async () => {
    const topic = await target.topic();
    await target.produce(topic, values(3));
    await remove(topic, [{ partition: 0, before_offset: 2 }]);
    const again = await remove(topic, [{ partition: 0, before_offset: 1 }]);
    expect([again.status, again.json]).toEqual([200, { partitions: [{ partition: 0, log_start_offset: 2 }] }]);
  });

  test('has an outcome for each partition; where all fail alike it is the answer', async () => {
    const topic = await target.topic({ partitions: 2 });
    await target.produce(topic, values(1));
    const some = await remove(topic, [
      { partition: 0, before_offset: 1 },
      { partition: 1, before_offset: 1 },
      { partition: 2, before_offset: 0 },
    ]);
    expect(some.status).toBe(207);
    expect(some.json).toMatchObject({
      partitions: [
        { partition: 0, log_start_offset: 1 },
        { partition: 1, error: { code: 'OFFSET_OUT_OF_RANGE', log_start_offset: 0, high_watermark: 0 } },
        { partition: 2, error: { code: 'UNKNOWN_TOPIC_OR_PARTITION' } },
      ],
    });
    const beyond = await remove(topic, [{ partition: 0, before_offset: 2 }]);
    expect(beyond.status).toBe(416);
    expect(beyond.json).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', log_start_offset: 1, high_watermark: 1 });
    expect((await remove(target.freshName(), [{ partition: 0, before_offset: 0 }])).status).toBe(404);
  });

  test('is refused where the policy is without "delete"', async () => {
    const topic = await target.topic({ config: { 'cleanup.policy': 'compact' } });
    const refused = await remove(topic, [{ partition: 0, before_offset: 0 }]);
    expect([refused.status, refused.json.code]).toEqual([422, 'POLICY_VIOLATION']);
  });

  test.each([
    [[], 'partitions'],
    [{}, 'partitions'],
    [[{ partition: 0 }], 'partitions[0]'],
    [[{ partition: 0, before_offset: 0, before_timestamp: 0 }], 'partitions[0]'],
    [[{ partition: 0, before_offset: -2 }], 'partitions[0].before_offset'],
    [[{ partition: -1, before_offset: 0 }], 'partitions[0].partition'],
    [[{ partition: 0, before_offset: 0.5 }], 'partitions[0].before_offset'],
    [[{ partition: 0, before_timestamp: -1 }], 'partitions[0].before_timestamp'],
    [[{ partition: 0, offset: 0 }], 'partitions[0].offset'],
    [
      [
        { partition: 0, before_offset: 0 },
        { partition: 0, before_offset: 1 },
      ],
      'partitions[1].partition',
    ],
  ])('refuses %j', async (partitions, field) => {
    const topic = await target.topic();
    const refused = await remove(topic, partitions);
    expect([refused.status, refused.json]).toMatchObject([400, { code: 'INVALID_REQUEST', field }]);
  });

  test.runIf(target.wantsKeys)('wants the scope admin', async () => {
    const topic = await target.topic();
    const scopes = ['produce', 'consume'];
    const { json: key } = await target.call('POST', '/v1/keys', { body: { scopes } });
    expect((await remove(topic, [{ partition: 0, before_offset: 0 }], key.secret)).status).toBe(403);
    await target.call('DELETE', `/v1/keys/${key.id}`);
  });
});
