import { describe, expect, test } from 'vitest';
import { type Answer, type AnswerJson, type RecordJson, useTarget } from './support/target.ts';

const target = useTarget();

let names = 0;
const freshGroup = () => `group-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}-${names++}`;
const post = (group: string, action: 'poll' | 'leave' | 'commit', body: unknown): Promise<Answer> =>
  target.call('POST', `/v1/groups/${group}/${action}`, { body });

interface PollBody {
  member?: string;
  cursor?: string;
  topics?: string[];
  topic_pattern?: string;
  max_records?: number;
  wait_ms?: number;
  auto_offset_reset?: string;
  commit?: unknown;
  session_timeout_ms?: number;
  instance_id?: string;
  assignor?: string;
}

/** A poll that goes well. */
async function poll(group: string, body: PollBody): Promise<AnswerJson> {
  const answer = await post(group, 'poll', { auto_offset_reset: 'earliest', ...body });
  expect(answer.status, answer.text).toBe(200);
  return answer.json;
}

/** A consumer's loop, one turn at a time. */
class Consumer {
  readonly group: string;
  readonly body: PollBody;
  last: AnswerJson | undefined;
  readonly records: RecordJson[] = [];

  constructor(group: string, body: PollBody) {
    this.group = group;
    this.body = body;
  }

  async poll(more: PollBody = {}): Promise<AnswerJson> {
    const { member, cursor } = this.last ?? {};
    const given = { ...this.body, ...(member !== undefined && { member, cursor }), ...more };
    this.last = await poll(this.group, given);
    this.records.push(...this.last.records);
    return this.last;
  }

  get partitions(): number[] {
    return (this.last?.assignment ?? []).flatMap(({ partitions }) => partitions).sort((a, b) => a - b);
  }

  get values(): unknown[] {
    return this.records.map(({ value }) => value);
  }
}

const committed = async (group: string) =>
  (await target.call('GET', `/v1/groups/${group}/offsets`)).json.offsets.map(({ partition, offset }) => [
    partition,
    offset,
  ]);

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
    const consumer = new Consumer(freshGroup(), { topics: [topic] });
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
    const consumer = new Consumer(freshGroup(), { topics: [topic] });
    await consumer.poll();
    await target.produce(topic, [{ value: 'a' }]);
    expect((await consumer.poll({ max_records: 0, wait_ms: 10_000 })).records).toEqual([]);
    expect((await consumer.poll()).records).toHaveLength(1);
  });

  test('begins at the end where nobody says otherwise, and nothing is passed over from then on', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'before' }]);
    const group = freshGroup();
    const consumer = new Consumer(group, { topics: [topic], auto_offset_reset: 'latest' });
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
    const [a, b, c] = [0, 1, 2].map(() => new Consumer(group, { topics: [topic] })) as [Consumer, Consumer, Consumer];
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
    const a = new Consumer(group, { topics: [topic] });
    await a.poll();
    const begun = performance.now();
    const waiting = a.poll({ wait_ms: 20_000 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const b = new Consumer(group, { topics: [topic] });
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
    const [a, b] = [new Consumer(group, { topics: [topic] }), new Consumer(group, { topics: [topic] })];
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
    const consumers = [0, 1, 2].map(() => new Consumer(group, { topics: [topic] }));
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
    const consumer = new Consumer(freshGroup(), { topic_pattern: `${prefix}-.*` });
    await consumer.poll();
    expect(consumer.last?.assignment).toEqual([{ topic: `${prefix}-a`, partitions: [0] }]);
    await create(`${prefix}-b`, 2);
    const deadline = performance.now() + 20_000;
    while (consumer.last?.assignment.length !== 2 && performance.now() < deadline) {
      await consumer.poll({ wait_ms: 1_000 });
    }
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
      new Consumer(group, { topics: [topic], commit: 'none' }),
      new Consumer(group, { topics: [topic], commit: 'none' }),
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
    const consumer = new Consumer(group, { topics: [topic], commit: 'none' });
    await consumer.poll();
    await consumer.poll();
    expect(await committed(group)).toEqual([]);
    await consumer.poll({ commit: [{ topic, partition: 0, offset: 1 }] });
    expect(await committed(group)).toEqual([[0, 1]]);
    expect(consumer.values).toEqual(['a', 'b']);
  });
});

describe('a transaction', () => {
  test('commits offsets of a member together with records, and is fenced with it', async () => {
    const [from, to] = [await target.topic({ partitions: 2 }), await target.topic()];
    await target.produce(from, [{ partition: 0, value: 'a' }]);
    const group = freshGroup();
    const consumer = new Consumer(group, { topics: [from], commit: 'none' });
    const { member, generation } = await consumer.poll();
    const transact = (offsets: object, partition = 0) =>
      target.call('POST', '/v1/transactions', {
        body: {
          records: [{ topic: to, value: 'A' }],
          offsets: { group, offsets: [{ topic: from, partition, offset: 1 }], ...offsets },
        },
      });
    const code = async (answer: Promise<Answer>) => (await answer).json.code;
    expect((await transact({ member, generation })).status).toBe(200);
    expect((await transact({ member })).status).toBe(200);
    expect(await code(transact({ member, generation: generation + 1 }))).toBe('FENCED_MEMBER_EPOCH');
    expect(await code(transact({ member: 'm-nobody', generation }))).toBe('UNKNOWN_MEMBER_ID');
    expect(await transact({ generation })).toMatchObject({ status: 400, json: { field: 'offsets.generation' } });
    const other = new Consumer(group, { topics: [from] });
    await other.poll();
    const { revoked } = await consumer.poll();
    const [partition] = revoked.flatMap(({ partitions }) => partitions) as [number];
    await consumer.poll();
    expect(await code(transact({ member, generation }, partition))).toBe('FENCED_MEMBER_EPOCH');
    expect(await code(transact({ member }, partition))).toBe('INVALID_REQUEST');
    await post(group, 'leave', { member });
    expect(await code(transact({ member, generation }))).toBe('UNKNOWN_MEMBER_ID');
    expect(await target.fetchAll(to)).toHaveLength(2);
  });
});

describe('groups', () => {
  const described = async (group: string) => (await target.call('GET', `/v1/groups/${group}`)).json;

  test('are described with members, assignments and lag', async () => {
    const topic = await target.topic({ partitions: 2 });
    await target.produce(
      topic,
      [0, 0, 1].map((partition) => ({ partition, value: 'x' })),
    );
    const group = freshGroup();
    const consumer = new Consumer(group, { topics: [topic], max_records: 2, session_timeout_ms: 10_000 });
    await consumer.poll();
    await consumer.poll({ max_records: 0 });
    const { member } = consumer.last as AnswerJson;
    const json = await described(group);
    expect(json).toMatchObject({ group, state: 'Stable', kind: 'consumer', assignor: 'sticky' });
    expect(json.members).toMatchObject([
      { member, topics: [topic], assignment: [{ topic, partitions: [0, 1] }], session_timeout_ms: 10_000 },
    ]);
    const partitions = json.partitions as unknown as { lag: number; member: string }[];
    expect(partitions.map((partition) => partition.member)).toEqual([member, member]);
    expect(partitions.reduce((sum, { lag }) => sum + lag, 0)).toBe(1);
  });

  test('are listed by pages, those with offsets alone among them', async () => {
    const topic = await target.topic();
    const prefix = freshGroup();
    await poll(`${prefix}-a`, { topics: [topic] });
    await post(`${prefix}-b`, 'commit', { offsets: [{ topic, partition: 0, offset: 0 }] });
    const offsets = { group: `${prefix}-c`, offsets: [{ topic, partition: 0, offset: 0 }] };
    expect((await target.call('POST', '/v1/transactions', { body: { offsets } })).status).toBe(200);
    const found: unknown[] = [];
    let cursor = '';
    do {
      const { json } = await target.call('GET', `/v1/groups?limit=2${cursor}`);
      found.push(...json.groups.filter((listed) => listed.group.startsWith(prefix)));
      cursor = json.next === undefined ? '' : `&cursor=${json.next}`;
    } while (cursor !== '');
    expect(found).toMatchObject([
      { group: `${prefix}-a`, state: 'Stable', member_count: 1 },
      { group: `${prefix}-b`, state: 'Empty', member_count: 0 },
      { group: `${prefix}-c`, state: 'Empty', member_count: 0 },
    ]);
    expect(await target.call('GET', '/v1/groups?cursor=!')).toMatchObject({ status: 400 });
  });

  test('are deleted with their offsets, but not while they have members', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'a' }]);
    const group = freshGroup();
    const consumer = new Consumer(group, { topics: [topic] });
    await consumer.poll();
    await consumer.poll();
    const gone = { status: 404, json: { code: 'GROUP_ID_NOT_FOUND' } };
    expect(await target.call('DELETE', `/v1/groups/${freshGroup()}`)).toMatchObject(gone);
    expect(await target.call('DELETE', `/v1/groups/${group}`)).toMatchObject({
      status: 409,
      json: { code: 'NON_EMPTY_GROUP' },
    });
    await post(group, 'leave', { member: consumer.last?.member });
    expect((await described(group)).state).toBe('Empty');
    expect((await target.call('DELETE', `/v1/groups/${group}`)).status).toBe(204);
    expect(await target.call('DELETE', `/v1/groups/${group}`)).toMatchObject(gone);
    expect(await target.call('GET', `/v1/groups/${group}`)).toMatchObject(gone);
    expect(await committed(group)).toEqual([]);
    expect((await poll(group, { topics: [topic] })).records).toHaveLength(1);
  });

  test('are set to offsets, ends, times, and back and forth, while they have no members', async () => {
    const topic = await target.topic({ partitions: 2 });
    const records = [1_000, 2_000, 3_000].flatMap((timestamp) => [0, 1].map((partition) => ({ partition, timestamp })));
    await target.produce(topic, records);
    const group = freshGroup();
    const reset = (offsets: unknown[], more: object = {}) =>
      target.call('PUT', `/v1/groups/${group}/offsets`, { body: { offsets, ...more } });
    expect((await reset([{ topic, partition: 0, offset: 2 }])).json.offsets).toEqual([
      { topic, partition: 0, offset: 2, previous_offset: null },
    ]);
    expect((await reset([{ topic, timestamp: 2_000 }])).json.offsets).toMatchObject([{ offset: 1 }, { offset: 1 }]);
    expect((await reset([{ topic, offset: 'latest' }], { dry_run: true })).json.offsets).toMatchObject([
      { offset: 3, previous_offset: 1 },
      { offset: 3, previous_offset: 1 },
    ]);
    expect(await committed(group)).toEqual([
      [0, 1],
      [1, 1],
    ]);
    await reset([{ topic, partition: 1, offset: 'earliest' }]);
    await reset([{ topic, shift_by: 1 }]);
    expect(await committed(group)).toEqual([
      [0, 2],
      [1, 1],
    ]);
    await reset([{ topic, shift_by: -100 }]);
    expect(await committed(group)).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(await reset([{ topic, partition: 0, offset: 4 }])).toMatchObject({ status: 416 });
    expect(await reset([{ topic, partition: 0 }])).toMatchObject({ status: 400, json: { field: 'offsets[0]' } });
    expect(await reset([{ topic, partition: 2, offset: 0 }])).toMatchObject({ status: 404 });
    await reset([{ topic, offset: 'latest' }]);
    const { member, records: found } = await poll(group, { topics: [topic] });
    expect(found).toEqual([]);
    expect(await reset([{ topic, offset: 'earliest' }])).toMatchObject({
      status: 409,
      json: { code: 'NON_EMPTY_GROUP' },
    });
    await post(group, 'leave', { member });
    expect((await reset([{ topic, offset: 'earliest' }])).status).toBe(200);
    expect((await poll(group, { topics: [topic] })).records).toHaveLength(6);
  });
});

describe('what is wrong is said', () => {
  test.each([
    ['no subscription', {}, 400, 'INVALID_REQUEST'],
    ['an empty one', { topics: [] }, 400, 'INVALID_REQUEST'],
    ['a session that is too short', { topics: ['t'], session_timeout_ms: 5 }, 400, 'INVALID_SESSION_TIMEOUT'],
    ['an assignor that is none', { topics: ['t'], assignor: 'best' }, 400, 'UNSUPPORTED_ASSIGNOR'],
    ['a pattern that is none', { topic_pattern: '(' }, 400, 'INVALID_REGULAR_EXPRESSION'],
    ['a pattern that explodes', { topic_pattern: '((a{99}){99}){99}' }, 400, 'INVALID_REGULAR_EXPRESSION'],
    ['an unknown field', { topics: ['t'], max_record: 1 }, 400, 'INVALID_REQUEST'],
    ['a negative wait', { topics: ['t'], wait_ms: -1 }, 400, 'INVALID_REQUEST'],
    ['a commit that is none', { topics: ['t'], commit: 'all' }, 400, 'INVALID_REQUEST'],
    ['an instance id that is empty', { topics: ['t'], instance_id: '' }, 400, 'INVALID_REQUEST'],
    ['a member that never was', { member: 'm-nobody', topics: ['t'] }, 409, 'UNKNOWN_MEMBER_ID'],
    ['an empty member', { member: '', topics: ['t'] }, 400, 'INVALID_REQUEST'],
  ])('of %s', async (_, body, status, code) => {
    const group = freshGroup();
    expect(await post(group, 'poll', body)).toMatchObject({ status, json: { code } });
    expect(await target.call('GET', `/v1/groups/${group}`)).toMatchObject({ status: 404 });
  });

  test('of a cursor that is not its own', async () => {
    const topic = await target.topic();
    const [a, b] = [await poll(freshGroup(), { topics: [topic] }), await poll(freshGroup(), { topics: [topic] })];
    for (const cursor of [b.cursor, 'x', '~', `${a.cursor}g`]) {
      const group = freshGroup();
      const { member } = await poll(group, { topics: [topic] });
      expect(await post(group, 'poll', { member, cursor })).toMatchObject({
        status: 400,
        json: { code: 'INVALID_REQUEST', field: 'cursor' },
      });
    }
  });

  test('and topics that do not exist yet are waited for', async () => {
    const topic = target.freshName();
    const consumer = new Consumer(freshGroup(), { topics: [topic] });
    expect((await consumer.poll()).assignment).toEqual([]);
    await target.call('POST', '/v1/topics', { body: { name: topic } });
    await target.produce(topic, [{ value: 'a' }]);
    const deadline = performance.now() + 20_000;
    while (consumer.records.length === 0 && performance.now() < deadline) await consumer.poll({ wait_ms: 1_000 });
    expect(consumer.values).toEqual(['a']);
  }, 30_000);
});

describe('a member that vanishes', () => {
  test('loses its partitions when its session is over, and what it had not committed is delivered again', async () => {
    const topic = await target.topic({ partitions: 2 });
    await target.produce(
      topic,
      [0, 1].map((partition) => ({ partition, value: `v${partition}` })),
    );
    const group = freshGroup();
    const options = { topics: [topic], session_timeout_ms: 6_000 };
    const [a, b] = [new Consumer(group, options), new Consumer(group, options)];
    await a.poll();
    await b.poll();
    await a.poll();
    await a.poll();
    await b.poll();
    expect([a.partitions.length, b.partitions.length]).toEqual([1, 1]);
    const begun = performance.now();
    while (b.partitions.length < 2 && performance.now() - begun < 25_000) await b.poll({ wait_ms: 1_000 });
    expect(b.partitions).toEqual([0, 1]);
    expect(performance.now() - begun).toBeGreaterThan(4_000);
    const { member, generation } = a.last as AnswerJson;
    expect(await post(group, 'poll', { member })).toMatchObject({ status: 409, json: { code: 'UNKNOWN_MEMBER_ID' } });
    const offsets = [{ topic, partition: 0, offset: 1 }];
    expect(await post(group, 'commit', { member, generation, offsets })).toMatchObject({ status: 409 });
  }, 40_000);
});

describe.runIf(target.wantsKeys)('a key', () => {
  test('that is bound to a prefix consumes as groups, and of topics, whose names begin with it', async () => {
    const prefix = target.freshName();
    const [own, foreign] = [`${prefix}-t`, await target.topic()];
    target.discard(own);
    await target.call('POST', '/v1/topics', { body: { name: own } });
    await target.produce(own, [{ value: 'a' }]);
    const { json } = await target.call('POST', '/v1/keys', { body: { scopes: ['consume'], topic_prefix: prefix } });
    const key = json.secret;
    const ask = (method: string, path: string, body?: unknown) =>
      target.call(method, `/v1/groups${path}`, { key, ...(body !== undefined && { body }) });
    const topics = [own];
    const group = `${prefix}-g`;
    const joined = await ask('POST', `/${group}/poll`, { topics, auto_offset_reset: 'earliest' });
    expect(joined).toMatchObject({ status: 200, json: { records: [{ value: 'a' }] } });
    const forbidden = { status: 403, json: { code: 'FORBIDDEN' } };
    expect(await ask('POST', `/${freshGroup()}/poll`, { topics })).toMatchObject(forbidden);
    expect(await ask('POST', `/${group}/poll`, { topics: [own, foreign] })).toMatchObject(forbidden);
    expect(await ask('POST', `/${group}/poll`, { topic_pattern: `${prefix}.*` })).toMatchObject(forbidden);
    const { member } = joined.json;
    const offsets = [{ topic: foreign, partition: 0, offset: 0 }];
    expect(await ask('POST', `/${group}/commit`, { member, offsets })).toMatchObject(forbidden);
    expect(await ask('PUT', `/${group}/offsets`, { offsets })).toMatchObject(forbidden);
    // A member that another key has made of more topics is not read by this one.
    const wide = await poll(group, { topics: [foreign] });
    expect(await ask('POST', `/${group}/poll`, { member: wide.member })).toMatchObject(forbidden);
    for (const [method, path] of [
      ['POST', '/leave'],
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/offsets'],
    ] as const) {
      const other = `/${freshGroup()}${path}`;
      expect(await ask(method, other, method === 'POST' ? { member } : undefined)).toMatchObject(forbidden);
    }
    expect((await ask('GET', '')).json.groups.map((listed) => listed.group)).toEqual([group]);
    expect((await ask('GET', `/${group}`)).status).toBe(200);
    expect((await ask('POST', `/${group}/leave`, { member })).status).toBe(204);
  });
});
