import { describe, expect, test } from 'vitest';
import { type Consumer, freshGroup, groupsOf } from './support/groups.ts';
import { type AnswerJson, useTarget } from './support/target.ts';

const target = useTarget();
const { post, poll, committed, consumer: consumerOf } = groupsOf(target);

describe('a poll', () => {
  test('joins, owns all partitions, and returns what is there, in its first answer', async () => {
    const topic = await target.topic({ partitions: 3 });
    await target.produce(
      topic,
      [0, 1, 2, 2].map((partition, index) => ({ partition, value: `v${index}` })),
    );
    const group = freshGroup();
    const answer = await poll(group, { topics: [topic] });
    expect(answer.assignment).toEqual([{ topic, partitions: [0, 1, 2] }]);
    expect(answer.generation).toBeGreaterThan(0);
    expect(answer.revoked).toEqual([]);
    expect(answer.records.map(({ value }) => String(value)).sort()).toEqual(['v0', 'v1', 'v2', 'v3']);
    expect(answer.records.every((record) => record.topic === topic && typeof record.offset === 'number')).toBe(true);
  });

  test('serves a lost answer again, and commits what was delivered when its cursor comes back', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'a' }, { value: 'b' }, { value: 'c' }]);
    const group = freshGroup();
    const first = await poll(group, { topics: [topic], max_records: 2 });
    const { member } = first;
    const values = ({ records }: AnswerJson) => records.map(({ value }) => value);
    expect(values(first)).toEqual(['a', 'b']);
    expect(await committed(group)).toEqual([]);
    const lost = await poll(group, { member, cursor: first.cursor, max_records: 1 });
    expect(values(lost)).toEqual(['c']);
    expect(await committed(group)).toEqual([[0, 2]]);
    const again = await poll(group, { member, cursor: first.cursor });
    expect(values(again)).toEqual(['c']);
    expect(await committed(group)).toEqual([[0, 2]]);
    // Without any, from what is committed.
    expect(values(await poll(group, { member }))).toEqual(['c']);
    expect(values(await poll(group, { member, cursor: again.cursor }))).toEqual([]);
    expect(await committed(group)).toEqual([[0, 3]]);
  });

  test('waits, and wakes soon after a produce', async () => {
    const topic = await target.topic({ partitions: 40 });
    const consumer = consumerOf(freshGroup(), { topics: [topic] });
    await consumer.poll();
    const begun = performance.now();
    const waiting = consumer.poll({ wait_ms: 15_000 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await target.produce(topic, [{ partition: 37, value: 'x' }]);
    const produced = performance.now();
    expect((await waiting).records).toMatchObject([{ partition: 37, value: 'x' }]);
    expect(performance.now() - produced).toBeLessThan(1_500);
    expect(performance.now() - begun).toBeGreaterThan(250);
  });

  test('that waits for nothing is answered when its time is over', async () => {
    const topic = await target.topic();
    const begun = performance.now();
    const answer = await poll(freshGroup(), { topics: [topic], wait_ms: 300 });
    expect(answer.records).toEqual([]);
    expect(performance.now() - begun).toBeGreaterThan(250);
  });

  test('splits max_records over the partitions that have records', async () => {
    const topic = await target.topic({ partitions: 4 });
    const records = [0, 1, 2].flatMap((partition) => Array.from({ length: 30 }, () => ({ partition, value: 'x' })));
    await target.produce(topic, records);
    const answer = await poll(freshGroup(), { topics: [topic], max_records: 30 });
    expect(answer.records).toHaveLength(30);
    for (const partition of [0, 1, 2]) {
      expect(answer.records.filter((record) => record.partition === partition).length).toBeGreaterThanOrEqual(9);
    }
  });

  test('with max_records 0 is a heartbeat, which keeps the place', async () => {
    const topic = await target.topic();
    const consumer = consumerOf(freshGroup(), { topics: [topic] });
    await consumer.poll();
    await target.produce(topic, [{ value: 'a' }]);
    expect((await consumer.poll({ max_records: 0, wait_ms: 10_000 })).records).toEqual([]);
    expect((await consumer.poll()).records).toHaveLength(1);
  });

  test('begins at the end where nobody says otherwise, and nothing is passed over from then on', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'before' }]);
    const group = freshGroup();
    const consumer = consumerOf(group, { topics: [topic], auto_offset_reset: 'latest' });
    expect((await consumer.poll()).records).toEqual([]);
    await consumer.poll();
    expect(await committed(group)).toEqual([[0, 1]]);
    await post(group, 'leave', { member: consumer.last?.member });
    await target.produce(topic, [{ value: 'between' }]);
    expect((await poll(group, { topics: [topic], auto_offset_reset: 'latest' })).records).toMatchObject([
      { value: 'between' },
    ]);
  });

  test('may find that nothing is committed to be an error, and leaves nobody in the group then', async () => {
    const topic = await target.topic();
    const group = freshGroup();
    const answer = await post(group, 'poll', { topics: [topic], auto_offset_reset: 'none' });
    expect(answer).toMatchObject({ status: 416, json: { code: 'OFFSET_OUT_OF_RANGE' } });
    expect((await poll(group, { topics: [topic] })).assignment).toEqual([{ topic, partitions: [0] }]);
  });
});

describe('members of a group', () => {
  test('share the partitions, and of those only what must move moves', async () => {
    const topic = await target.topic({ partitions: 6 });
    const group = freshGroup();
    const [a, b, c] = [0, 1, 2].map(() => consumerOf(group, { topics: [topic] })) as [Consumer, Consumer, Consumer];
    await a.poll();
    expect(a.partitions).toEqual([0, 1, 2, 3, 4, 5]);
    await b.poll();
    expect(b.partitions).toEqual([]);
    const told = await a.poll();
    expect(told.revoked.flatMap(({ partitions }) => partitions)).toHaveLength(3);
    expect(a.partitions).toHaveLength(3);
    await b.poll();
    expect(b.partitions, 'not before it was acknowledged').toEqual([]);
    await a.poll();
    await b.poll();
    expect([...a.partitions, ...b.partitions].sort((x, y) => x - y)).toEqual([0, 1, 2, 3, 4, 5]);
    const before = [a.partitions, b.partitions];
    await c.poll();
    for (let turn = 0; turn < 3; turn++) for (const consumer of [a, b, c]) await consumer.poll();
    expect([a, b, c].map(({ partitions }) => partitions.length)).toEqual([2, 2, 2]);
    expect(before[0]).toEqual(expect.arrayContaining(a.partitions));
    expect(before[1]).toEqual(expect.arrayContaining(b.partitions));
  });

  test('that wait are told of a rebalance before their wait is over', async () => {
    const topic = await target.topic({ partitions: 2 });
    const group = freshGroup();
    const a = consumerOf(group, { topics: [topic] });
    await a.poll();
    const begun = performance.now();
    const waiting = a.poll({ wait_ms: 20_000 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const b = consumerOf(group, { topics: [topic] });
    const joining = b.poll({ wait_ms: 10_000 });
    expect((await waiting).revoked).toHaveLength(1);
    await a.poll();
    await joining;
    expect(b.partitions).toHaveLength(1);
    expect(performance.now() - begun).toBeLessThan(8_000);
  });

  test('that leave free their partitions at once, and commit what their cursor says', async () => {
    const topic = await target.topic({ partitions: 2 });
    await target.produce(topic, [{ partition: 0, value: 'a' }]);
    const group = freshGroup();
    const [a, b] = [consumerOf(group, { topics: [topic] }), consumerOf(group, { topics: [topic] })];
    await a.poll();
    await b.poll();
    const { member, cursor } = a.last as AnswerJson;
    expect((await post(group, 'leave', { member, cursor })).status).toBe(204);
    expect(await committed(group)).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect((await b.poll()).records).toEqual([]);
    expect(b.partitions).toEqual([0, 1]);
    expect(await post(group, 'leave', { member })).toMatchObject({ status: 409, json: { code: 'UNKNOWN_MEMBER_ID' } });
    expect(await post(group, 'poll', { member })).toMatchObject({ status: 409, json: { code: 'UNKNOWN_MEMBER_ID' } });
  });

  test('more than there are partitions sit idle', async () => {
    const topic = await target.topic();
    const group = freshGroup();
    const consumers = [0, 1, 2].map(() => consumerOf(group, { topics: [topic] }));
    for (let turn = 0; turn < 3; turn++) for (const consumer of consumers) await consumer.poll();
    expect(consumers.map(({ partitions }) => partitions.length).sort((x, y) => x - y)).toEqual([0, 0, 1]);
  });

  test('of other groups read independently', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'a' }]);
    for (const group of [freshGroup(), freshGroup()]) {
      expect((await poll(group, { topics: [topic] })).records).toHaveLength(1);
    }
  });

  test('with an instance id take the place of the one before, who is fenced', async () => {
    const topic = await target.topic({ partitions: 2 });
    const group = freshGroup();
    const first = await poll(group, { topics: [topic], instance_id: 'one' });
    const second = await poll(group, { topics: [topic], instance_id: 'one' });
    expect(second.member).not.toBe(first.member);
    expect(second.assignment).toEqual([{ topic, partitions: [0, 1] }]);
    expect(await post(group, 'poll', { member: first.member })).toMatchObject({
      status: 409,
      json: { code: 'FENCED_INSTANCE_ID' },
    });
    const offsets = [{ topic, partition: 0, offset: 0 }];
    expect(await post(group, 'commit', { member: first.member, offsets })).toMatchObject({
      status: 409,
      json: { code: 'FENCED_INSTANCE_ID' },
    });
  });

  test('subscribe to a pattern, and find topics that are created later', async () => {
    const prefix = target.freshName();
    const create = async (name: string, partitions: number) => {
      target.discard(name);
      expect((await target.call('POST', '/v1/topics', { body: { name, partitions } })).status).toBe(201);
    };
    await create(`${prefix}-a`, 1);
    await create(`x-${prefix}-a`, 1);
    const consumer = consumerOf(freshGroup(), { topic_pattern: `${prefix}-.*` });
    // The names that a pattern is compared with are some seconds old, at the first poll as well.
    const pollUntilAssigned = async (topics: number) => {
      const deadline = performance.now() + 15_000;
      do {
        await consumer.poll({ wait_ms: 1_000 });
      } while (consumer.last?.assignment.length !== topics && performance.now() < deadline);
    };
    await pollUntilAssigned(1);
    expect(consumer.last?.assignment).toEqual([{ topic: `${prefix}-a`, partitions: [0] }]);
    await create(`${prefix}-b`, 2);
    await pollUntilAssigned(2);
    expect(consumer.last?.assignment).toEqual(expect.arrayContaining([{ topic: `${prefix}-b`, partitions: [0, 1] }]));
  }, 30_000);
});

describe('commits', () => {
  test('of a member are fenced by its generation, and by what it owns', async () => {
    const topic = await target.topic({ partitions: 2 });
    const other = await target.topic();
    const group = freshGroup();
    const { member, generation } = await poll(group, { topics: [topic] });
    const offsets = [{ topic, partition: 0, offset: 7, metadata: 'm' }];
    expect((await post(group, 'commit', { member, generation, offsets })).status).toBe(204);
    expect((await post(group, 'commit', { member, offsets: [{ topic, partition: 1, offset: 8 }] })).status).toBe(204);
    expect(await committed(group)).toEqual([
      [0, 7],
      [1, 8],
    ]);
    const refused = (body: object) => post(group, 'commit', { offsets, ...body });
    expect(await refused({ member, generation: generation + 1 })).toMatchObject({
      status: 409,
      json: { code: 'FENCED_MEMBER_EPOCH' },
    });
    expect(await refused({ member: 'm-nobody', generation })).toMatchObject({ json: { code: 'UNKNOWN_MEMBER_ID' } });
    expect(await refused({})).toMatchObject({ status: 409, json: { code: 'UNKNOWN_MEMBER_ID' } });
    expect(await refused({ generation })).toMatchObject({ status: 400, json: { field: 'member' } });
    const foreign = [{ topic: other, partition: 0, offset: 0 }];
    expect(await refused({ member, generation, offsets: foreign })).toMatchObject({
      json: { code: 'INVALID_REQUEST' },
    });
    const missing = [{ topic, partition: 9, offset: 0 }];
    expect(await refused({ member, generation, offsets: missing })).toMatchObject({
      status: 404,
      json: { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    });
    expect(await committed(group)).toEqual([
      [0, 7],
      [1, 8],
    ]);
  });

  test('are taken without a member where the group has none', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'a' }, { value: 'b' }]);
    const group = freshGroup();
    expect((await post(group, 'commit', { offsets: [{ topic, partition: 0, offset: 1 }] })).status).toBe(204);
    expect((await poll(group, { topics: [topic] })).records).toMatchObject([{ offset: 1 }]);
  });

  test('of what is revoked are taken until that is acknowledged', async () => {
    const topic = await target.topic({ partitions: 2 });
    await target.produce(
      topic,
      [0, 1].map((partition) => ({ partition, value: 'x' })),
    );
    const group = freshGroup();
    const [a, b] = [
      consumerOf(group, { topics: [topic], commit: 'none' }),
      consumerOf(group, { topics: [topic], commit: 'none' }),
    ];
    await a.poll();
    await b.poll();
    const { revoked, generation, member } = await a.poll();
    const [partition] = revoked.flatMap(({ partitions }) => partitions) as [number];
    const offsets = [{ topic, partition, offset: 1 }];
    expect((await post(group, 'commit', { member, generation, offsets })).status).toBe(204);
    await a.poll({ commit: offsets });
    expect(await post(group, 'commit', { member, generation, offsets })).toMatchObject({
      status: 409,
      json: { code: 'FENCED_MEMBER_EPOCH' },
    });
    await b.poll();
    expect(b.partitions).toEqual([partition]);
    expect(b.records).toEqual([]);
  });

  test('go with a poll as a list', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'a' }, { value: 'b' }]);
    const group = freshGroup();
    const consumer = consumerOf(group, { topics: [topic], commit: 'none' });
    await consumer.poll();
    await consumer.poll();
    expect(await committed(group)).toEqual([]);
    await consumer.poll({ commit: [{ topic, partition: 0, offset: 1 }] });
    expect(await committed(group)).toEqual([[0, 1]]);
    expect(consumer.values).toEqual(['a', 'b']);
  });
});
