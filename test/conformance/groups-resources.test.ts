import { describe, expect, test } from 'vitest';
import { freshGroup, groupsOf } from './support/groups.ts';
import { type Answer, type AnswerJson, useTarget } from './support/target.ts';

const target = useTarget();
const { post, poll, committed, consumer: consumerOf } = groupsOf(target);

describe('a transaction', () => {
  test('commits offsets of a member together with records, and is fenced with it', async () => {
    const [from, to] = [await target.topic({ partitions: 2 }), await target.topic()];
    await target.produce(from, [{ partition: 0, value: 'a' }]);
    const group = freshGroup();
    const consumer = consumerOf(group, { topics: [from], commit: 'none' });
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
    const other = consumerOf(group, { topics: [from] });
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
    const consumer = consumerOf(group, { topics: [topic], max_records: 2, session_timeout_ms: 10_000 });
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
    const consumer = consumerOf(group, { topics: [topic] });
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
    const consumer = consumerOf(freshGroup(), { topics: [topic] });
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
    // Long enough that no member vanishes by the slowness of a busy machine.
    const options = { topics: [topic], session_timeout_ms: 10_000 };
    const [a, b] = [consumerOf(group, options), consumerOf(group, options)];
    for (let turn = 0; turn < 3; turn++) for (const consumer of [a, b]) await consumer.poll();
    expect([a.partitions.length, b.partitions.length]).toEqual([1, 1]);
    const begun = performance.now();
    while (b.partitions.length < 2 && performance.now() - begun < 30_000) await b.poll({ wait_ms: 1_000 });
    expect(b.partitions).toEqual([0, 1]);
    expect(performance.now() - begun).toBeGreaterThan(7_000);
    const { member, generation } = a.last as AnswerJson;
    expect(await post(group, 'poll', { member })).toMatchObject({ status: 409, json: { code: 'UNKNOWN_MEMBER_ID' } });
    const offsets = [{ topic, partition: 0, offset: 1 }];
    expect(await post(group, 'commit', { member, generation, offsets })).toMatchObject({ status: 409 });
  }, 60_000);
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
