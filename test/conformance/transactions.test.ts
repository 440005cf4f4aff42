import { describe, expect, test } from 'vitest';
import { transactionLimits } from '../../lib/kernel/limits/transactions.ts';
import { freshGroup, groupsOf } from './support/groups.ts';
import { useTarget } from './support/target.ts';

const target = useTarget();
const groups = groupsOf(target);
const post = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
  target.call('POST', `/v1/transactions${path}`, { body, headers });
const named = (epoch: number, seq: number) => ({ 'producer-epoch': `${epoch}`, 'producer-seq': `${seq}` });
const highWatermarks = async (topic: string) =>
  (await target.call('GET', `/v1/topics/${topic}`)).json.partition_details.map(({ high_watermark }) => high_watermark);
const committed = async (group: string) => (await target.call('GET', `/v1/groups/${group}/offsets`)).json.offsets;

let names = 0;
const freshId = () => `transactional-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}-${names++}`;

/** Two topics with a ledger for each partition. */
async function topics(): Promise<[string, string]> {
  const settings = { partitions: 3, config: { 'ledger.partitions': 1 } };
  return [await target.topic(settings), await target.topic(settings)];
}

describe('a transaction in one request', () => {
  test('writes records to several topics and commits offsets of a group', async () => {
    const [a, b] = await topics();
    const group = freshId();
    const answer = await post('', {
      records: [
        { topic: a, partition: 0, key: 'k', value: { n: 1.5 }, headers: { h: 'v' } },
        { topic: b, partition: 2, value: 'text' },
        { topic: a, partition: 0, value_base64: 'AAE=' },
      ],
      offsets: { group, offsets: [{ topic: b, partition: 1, offset: 7, leader_epoch: 0, metadata: 'm' }] },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('producer-duplicate')).toBeNull();
    expect(answer.json.records).toMatchObject([
      { topic: a, partition: 0, offset: 0 },
      { topic: b, partition: 2, offset: 0 },
      { topic: a, partition: 0, offset: 1 },
    ]);
    expect((await target.fetchAll(a, 0)).map(({ key, value }) => [key, value])).toEqual([
      ['k', '{"n":1.5}'],
      [null, '\u0000\u0001'],
    ]);
    expect((await target.fetchAll(a, 0))[0]?.headers).toEqual([{ key: 'h', value: 'v' }]);
    expect((await target.fetchAll(b, 2)).map(({ value }) => value)).toEqual(['text']);
    expect(await committed(group)).toMatchObject([
      { topic: b, partition: 1, offset: 7, leader_epoch: 0, metadata: 'm' },
    ]);
  });

  test('may be of offsets alone, and the last one of a partition counts', async () => {
    const [a] = await topics();
    const group = freshId();
    for (const offset of [3, 2]) {
      const offsets = { group, offsets: [{ topic: a, partition: 0, offset }] };
      expect(await post('', { offsets })).toMatchObject({ status: 200, json: { records: [] } });
    }
    expect(await committed(group)).toMatchObject([{ topic: a, partition: 0, offset: 2 }]);
  });

  test('repeated under its number gives the first answer and writes nothing', async () => {
    const [a, b] = await topics();
    const body = {
      transactional_id: freshId(),
      records: [
        { topic: a, partition: 1 },
        { topic: b, value: 'x' },
      ],
    };
    const first = await post('', body, named(0, 0));
    await post('', { records: [{ topic: a, partition: 1 }] });
    const again = await post('', body, named(0, 0));
    expect(again).toMatchObject({ status: 200, json: first.json });
    expect(again.headers.get('producer-duplicate')).toBe('true');
    expect((await highWatermarks(a))[1]).toBe(2);
    expect((await post('', body, named(0, 1))).status).toBe(200);
    expect((await highWatermarks(a))[1]).toBe(3);
  });

  test('is refused with an old epoch, a number that skips or went by', async () => {
    const [a] = await topics();
    const body = { transactional_id: freshId(), records: [{ topic: a, partition: 0 }] };
    await post('', body, named(1, 0));
    await post('', body, named(1, 1));
    expect(await post('', body, named(0, 2))).toMatchObject({
      status: 403,
      json: { code: 'INVALID_PRODUCER_EPOCH', kafka_code: 47, effect: 'none' },
    });
    expect(await post('', body, named(1, 3))).toMatchObject({
      status: 409,
      json: { code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', kafka_code: 45, expected_seq: 2 },
    });
    expect(await post('', body, named(1, 0))).toMatchObject({
      status: 409,
      json: { code: 'DUPLICATE_SEQUENCE_NUMBER' },
    });
    expect(await post('', body, named(2, 1))).toMatchObject({ status: 409, json: { expected_seq: 0 } });
    expect((await highWatermarks(a))[0]).toBe(2);
  });

  test('of many writers at once under one id are all committed, one after the other', async () => {
    const [a, b] = await topics();
    const body = {
      transactional_id: freshId(),
      records: [
        { topic: a, partition: 0 },
        { topic: b, partition: 0 },
      ],
    };
    const answers = await Promise.all(Array.from({ length: 8 }, () => post('', body)));
    const offsets = answers.map(({ json }) => json.records.map(({ offset }) => offset));
    expect(offsets.sort(([x = 0], [y = 0]) => x - y)).toEqual(Array.from({ length: 8 }, (_, index) => [index, index]));
  });

  test('is refused whole for one bad record or offset, which is named', async () => {
    const [a, b] = await topics();
    const group = freshId();
    const good = { topic: a, partition: 0 };
    const offset = { topic: a, partition: 0, offset: 1 };
    const cases: [object, number, string, string | undefined][] = [
      [{ records: [good, { topic: 'nope-nope', value: 1 }] }, 404, 'UNKNOWN_TOPIC_OR_PARTITION', undefined],
      [{ records: [good, { topic: b, partition: 3 }] }, 404, 'UNKNOWN_TOPIC_OR_PARTITION', 'records[1]'],
      [{ records: [good, { topic: 'not/a/topic' }] }, 400, 'INVALID_TOPIC', undefined],
      [{ records: [good, { ...good, timestamp: 2 ** 50 }] }, 422, 'INVALID_TIMESTAMP', 'records[1]'],
      [{ records: [good, { value: 1 }] }, 400, 'INVALID_REQUEST', 'records[1].topic'],
      [{ records: [good, { topic: 7 }] }, 400, 'INVALID_REQUEST', 'records[1].topic'],
      [
        { records: [good], offsets: { group, offsets: [{ ...offset, topic: 'nope-nope' }] } },
        404,
        'UNKNOWN_TOPIC_OR_PARTITION',
        undefined,
      ],
      [
        { records: [good], offsets: { group, offsets: [{ ...offset, partition: 9 }] } },
        404,
        'UNKNOWN_TOPIC_OR_PARTITION',
        undefined,
      ],
      [{ records: [good], offsets: { group: '', offsets: [offset] } }, 400, 'INVALID_GROUP_ID', undefined],
      [{ records: [good], offsets: { group, offsets: [offset, offset] } }, 400, 'INVALID_REQUEST', undefined],
      [
        { records: [good], offsets: { group, offsets: [{ ...offset, metadata: 'm'.repeat(5_000) }] } },
        413,
        'OFFSET_METADATA_TOO_LARGE',
        undefined,
      ],
      [
        { records: [good], offsets: { group, offsets: [{ ...offset, offset: -1 }] } },
        400,
        'INVALID_REQUEST',
        'offsets.offsets[0].offset',
      ],
      [{ records: [good], offsets: { group, offsets: [offset], member: 'm' } }, 409, 'UNKNOWN_MEMBER_ID', undefined],
      [
        { records: [good], offsets: { group, offsets: [offset], generation: 1 } },
        400,
        'INVALID_REQUEST',
        'offsets.generation',
      ],
      [{ records: [good], offsets: [offset] }, 400, 'INVALID_REQUEST', 'offsets'],
      [{ offsets: { group, offsets: { length: { toString: 0 } } } }, 400, 'INVALID_REQUEST', 'offsets.offsets'],
      [{ records: [good], acks: 'all' }, 400, 'INVALID_REQUEST', 'acks'],
      [{ records: [good], transactional_id: '' }, 400, 'INVALID_REQUEST', 'transactional_id'],
      [{ records: [good], transactional_id: 'x'.repeat(256) }, 400, 'INVALID_REQUEST', 'transactional_id'],
      [{ records: {} }, 400, 'INVALID_REQUEST', 'records'],
      [{ records: [] }, 400, 'INVALID_REQUEST', undefined],
      [{}, 400, 'INVALID_REQUEST', undefined],
    ];
    for (const [body, status, code, field] of cases) {
      const { json } = await post('', body);
      expect({ body, ...json }).toMatchObject({ body, status, code, effect: 'none', ...(field && { field }) });
    }
    expect([...(await highWatermarks(a)), ...(await highWatermarks(b))]).toEqual(Array(6).fill(0));
    expect(await committed(group)).toEqual([]);
  });

  test('needs both headers or none, whole numbers, a transactional id, and no producer id', async () => {
    const [a] = await topics();
    const body = { transactional_id: freshId(), records: [{ topic: a }] };
    const cases: [object, Record<string, string>, string][] = [
      [body, { 'producer-epoch': '0' }, 'Producer-Seq'],
      [body, { 'producer-seq': '0' }, 'Producer-Epoch'],
      [body, { 'producer-epoch': '-1', 'producer-seq': '0' }, 'Producer-Epoch'],
      [body, { 'producer-epoch': '0', 'producer-seq': '1.5' }, 'Producer-Seq'],
      [body, { 'producer-epoch': '0', 'producer-seq': '9007199254740992' }, 'Producer-Seq'],
      [body, { ...named(0, 0), 'producer-id': 'p' }, 'Producer-Id'],
      [{ records: body.records }, named(0, 0), 'transactional_id'],
    ];
    for (const [given, headers, field] of cases) {
      expect(await post('', given, headers)).toMatchObject({ status: 400, json: { code: 'INVALID_REQUEST', field } });
    }
    expect(await highWatermarks(a)).toEqual([0, 0, 0]);
  });

  test('is as strict about its JSON as produce is', async () => {
    const [a] = await topics();
    const bodies = [
      '{"records":[],"records":[]}',
      `{"records":[{"topic":"${a}","topic":"${a}"}]}`,
      '{"__proto__":{}}',
      '{"records":[{}]}',
      `{"records":[{"topic":"${a}"}]`,
      '[]',
      'null',
      '',
    ];
    for (const body of bodies) expect(await post('', body)).toMatchObject({ status: 400 });
    expect((await post('', 'x', { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await target.call('GET', '/v1/transactions')).status).toBe(405);
    expect(await highWatermarks(a)).toEqual([0, 0, 0]);
  });

  test('beyond the items of one write is refused by name of the limit', async () => {
    const topic = await target.topic({ partitions: 101, config: { 'ledger.partitions': 1 } });
    const records = Array.from({ length: 101 }, (_, partition) => ({ topic, partition }));
    const { status, json } = await post('', { records });
    expect(status).toBe(422);
    expect(json).toMatchObject({ code: 'POLICY_VIOLATION', effect: 'none' });
    expect(json.detail).toMatch(/101 ledgers.*transactionItemsMax/);
    expect((await highWatermarks(topic)).every((offset) => offset === 0)).toBe(true);
  });
});

describe('a transaction in parts', () => {
  const begin = async () => {
    const id = freshId();
    const { json } = await post(`/${id}/init`, {});
    return { id, epoch: json.epoch ?? -1, path: `/${id}` };
  };

  test('of several hundred parts over several partitions appears at once, in order, with right offsets and times', async () => {
    const [a, b] = [await target.topic({ partitions: 3 }), await target.topic({ partitions: 2 })];
    const { epoch, path } = await begin();
    const begun = Date.now() - 1_000_000;
    const recordsOf = (part: number) => [
      { topic: a, partition: part % 3, value: `${part}`, timestamp: begun + part },
      ...(part % 7 === 0 ? [{ topic: b, partition: 1, value: `${part}`, timestamp: begun + part }] : []),
    ];
    const PARTS = 320;
    // One that is aborted first: it must leave nothing.
    for (let part = 0; part < 20; part++) {
      const { status } = await post(`${path}/parts`, { part, records: recordsOf(part) }, named(epoch, 0));
      expect(status).toBe(200);
    }
    expect(await post(`${path}/abort`, undefined, named(epoch, 0))).toMatchObject({ status: 204 });
    for (let part = 0; part < PARTS; part++) {
      const { status } = await post(`${path}/parts`, { part, records: recordsOf(part) }, named(epoch, 1));
      expect(status).toBe(200);
    }
    expect([...(await highWatermarks(a)), ...(await highWatermarks(b))]).toEqual([0, 0, 0, 0, 0]);
    const done = await post(`${path}/commit`, undefined, named(epoch, 1));
    const partitions = [
      { topic: a, partition: 0, base_offset: 0, records: 107 },
      { topic: b, partition: 1, base_offset: 0, records: 46 },
      { topic: a, partition: 1, base_offset: 0, records: 107 },
      { topic: a, partition: 2, base_offset: 0, records: 106 },
    ];
    expect(done.status).toBe(200);
    const byPlace = (place: { topic: string; partition: number }) => `${place.topic}/${place.partition}`;
    const sorted = (places: typeof partitions) =>
      [...places].sort((one, other) => byPlace(one).localeCompare(byPlace(other)));
    expect(sorted(done.json.partitions as unknown as typeof partitions)).toEqual(sorted(partitions));
    const again = await post(`${path}/commit`, undefined, named(epoch, 1));
    expect(again.json.partitions).toEqual(done.json.partitions);
    const all = Array.from({ length: PARTS }, (_, part) => recordsOf(part)).flat();
    for (const { topic, partition } of partitions) {
      const sent = all.filter((record) => record.topic === topic && record.partition === partition);
      const found = await target.fetchAll(topic, partition);
      expect(found.map(({ offset, value, timestamp }) => ({ offset, value, timestamp }))).toEqual(
        sent.map(({ value, timestamp }, offset) => ({ offset, value, timestamp })),
      );
      const [offset, { timestamp } = { timestamp: 0 }] = [40, sent[40]];
      const looked = await target.call(
        'GET',
        `/v1/topics/${topic}/partitions/${partition}/offsets?timestamp=${timestamp}`,
      );
      expect(looked.json).toMatchObject({ offset, timestamp });
    }
  });

  test('is seen by nobody until it is committed, whatever the isolation', async () => {
    const [a, b] = await topics();
    const group = freshId();
    const { id, epoch, path } = await begin();
    const records = [
      { topic: a, partition: 0, value: '1' },
      { topic: b, partition: 1, value: '2' },
    ];
    const offsets = { group, offsets: [{ topic: a, partition: 2, offset: 9 }] };
    const added = await post(`${path}/parts`, { part: 0, records, offsets }, named(epoch, 0));
    expect(added).toMatchObject({
      status: 200,
      json: {
        records: [
          { topic: a, partition: 0 },
          { topic: b, partition: 1 },
        ],
      },
    });
    await post(`${path}/parts`, { part: 1, records: [{ topic: a, partition: 0, value: '3' }] }, named(epoch, 0));
    for (const isolation of ['read_committed', 'read_uncommitted']) {
      expect(await target.fetchAll(a, 0, `&isolation=${isolation}`)).toEqual([]);
    }
    expect(await committed(group)).toEqual([]);
    expect((await target.call('GET', `/v1/transactions/${id}`)).json).toMatchObject({
      transactional_id: id,
      epoch,
      seq: 0,
      status: 'ongoing',
      parts: 2,
    });
    const done = await post(`${path}/commit`, undefined, named(epoch, 0));
    expect(done).toMatchObject({
      status: 200,
      json: {
        partitions: [
          { topic: a, partition: 0, base_offset: 0, records: 2 },
          { topic: b, partition: 1, base_offset: 0, records: 1 },
        ],
      },
    });
    for (const isolation of ['read_committed', 'read_uncommitted']) {
      const read = await target.fetchAll(a, 0, `&isolation=${isolation}`);
      expect(read.map(({ value }) => value)).toEqual(['1', '3']);
    }
    expect(await committed(group)).toMatchObject([{ topic: a, partition: 2, offset: 9 }]);
    const again = await post(`${path}/commit`, undefined, named(epoch, 0));
    expect(again).toMatchObject({ status: 200, json: done.json });
    expect(again.headers.get('producer-duplicate')).toBe('true');
  });

  test('refuses what comes after its end, and what is not its turn', async () => {
    const [a] = await topics();
    const { epoch, path } = await begin();
    const part = (number: number, seq: number) =>
      post(`${path}/parts`, { part: number, records: [{ topic: a, partition: 0 }] }, named(epoch, seq));
    const refused = (code: string) => ({ status: 409, json: { code, effect: 'none' } });
    expect(await post(`${path}/commit`, undefined, named(epoch, 0))).toMatchObject(refused('INVALID_TXN_STATE'));
    expect(await part(1, 0)).toMatchObject(refused('OUT_OF_ORDER_SEQUENCE_NUMBER'));
    expect((await part(0, 0)).status).toBe(200);
    expect((await part(0, 0)).headers.get('producer-duplicate')).toBe('true');
    expect(await part(0, 1)).toMatchObject(refused('CONCURRENT_TRANSACTIONS'));
    expect((await post(`${path}/abort`, undefined, named(epoch, 0))).status).toBe(204);
    expect((await post(`${path}/abort`, undefined, named(epoch, 0))).status).toBe(204);
    expect(await post(`${path}/commit`, undefined, named(epoch, 0))).toMatchObject(refused('INVALID_TXN_STATE'));
    expect(await part(1, 0)).toMatchObject(refused('INVALID_TXN_STATE'));
    await part(0, 1);
    await post(`${path}/commit`, undefined, named(epoch, 1));
    expect(await post(`${path}/abort`, undefined, named(epoch, 1))).toMatchObject(refused('INVALID_TXN_STATE'));
    expect((await highWatermarks(a))[0]).toBe(1);
  });

  test('is fenced by the next init, and by any epoch that is not its own', async () => {
    const [a] = await topics();
    const { id, epoch, path } = await begin();
    const body = { part: 0, records: [{ topic: a, partition: 0 }] };
    await post(`${path}/parts`, body, named(epoch, 0));
    expect(await post(`${path}/init`, { timeout_ms: 5_000 })).toMatchObject({
      status: 200,
      json: { transactional_id: id, epoch: epoch + 1, timeout_ms: 5_000 },
    });
    for (const other of [epoch, epoch + 2]) {
      const fenced = { status: 403, json: { code: 'PRODUCER_FENCED', kafka_code: 90, effect: 'none' } };
      expect(await post(`${path}/parts`, body, named(other, 0))).toMatchObject(fenced);
      expect(await post(`${path}/commit`, undefined, named(other, 0))).toMatchObject(fenced);
      expect(await post(`${path}/abort`, undefined, named(other, 0))).toMatchObject(fenced);
    }
    expect(await highWatermarks(a)).toEqual([0, 0, 0]);
  });

  test('is over when its time is', async () => {
    const [a] = await topics();
    const { path } = await begin();
    const { json } = await post(`${path}/init`, { timeout_ms: 1 });
    const epoch = json.epoch ?? -1;
    await post(`${path}/parts`, { part: 0, records: [{ topic: a, partition: 0 }] }, named(epoch, 0));
    await expect
      .poll(async () => (await target.call('GET', `/v1/transactions${path}`)).json)
      .toMatchObject({ status: 'aborted', abort_reason: 'timed-out' });
    expect(await post(`${path}/commit`, undefined, named(epoch, 0))).toMatchObject({
      status: 409,
      json: { code: 'INVALID_TXN_STATE' },
    });
    expect(await highWatermarks(a)).toEqual([0, 0, 0]);
  });

  test('needs an id that was initialized, its two headers, and a timeout that is allowed', async () => {
    const [a] = await topics();
    const id = freshId();
    const body = { part: 0, records: [{ topic: a }] };
    expect(await post(`/${id}/parts`, body, named(0, 0))).toMatchObject({
      status: 409,
      json: { code: 'INVALID_PRODUCER_ID_MAPPING' },
    });
    expect(await post(`/${id}/commit`, undefined, named(0, 0))).toMatchObject({
      json: { code: 'INVALID_PRODUCER_ID_MAPPING' },
    });
    expect(await target.call('GET', `/v1/transactions/${id}`)).toMatchObject({
      status: 404,
      json: { code: 'TRANSACTIONAL_ID_NOT_FOUND' },
    });
    for (const path of ['parts', 'commit', 'abort']) {
      expect(await post(`/${id}/${path}`, body)).toMatchObject({ status: 400, json: { field: 'Producer-Epoch' } });
    }
    for (const timeout_ms of [0, transactionLimits.transactionTimeoutMsMax + 1]) {
      expect(await post(`/${id}/init`, { timeout_ms })).toMatchObject({
        status: 400,
        json: { code: 'INVALID_TRANSACTION_TIMEOUT' },
      });
    }
    expect(await post(`/${id}/init`, { timeout_ms: 1.5 })).toMatchObject({
      status: 400,
      json: { field: 'timeout_ms' },
    });
    expect(await post(`/${id}/init`, { other: 1 })).toMatchObject({ status: 400, json: { field: 'other' } });
    expect((await target.call('GET', `/v1/transactions/${id}`)).status).toBe(404);
    const { epoch, path } = await begin();
    expect(await post(`${path}/parts`, { records: [{ topic: a }] }, named(epoch, 0))).toMatchObject({
      json: { field: 'part' },
    });
    expect(await post(`${path}/parts`, { part: 0 }, named(epoch, 0))).toMatchObject({ status: 400 });
  });

  test('commits what a member has read only as long as the member may, and can be aborted where it may not', async () => {
    const [input, output] = await topics();
    const group = freshGroup();
    const { member, generation } = await groups.poll(group, { topics: [input] });
    const { epoch, path } = await begin();
    const part = (by: object) => ({
      part: 0,
      records: [{ topic: output, partition: 0, value: 'x' }],
      offsets: { group, ...by, offsets: [{ topic: input, partition: 1, offset: 1 }] },
    });
    const refusals: [object, number, string][] = [
      [{ member: 'm-nobody', generation }, 409, 'UNKNOWN_MEMBER_ID'],
      [{ member, generation: generation + 1 }, 409, 'FENCED_MEMBER_EPOCH'],
      [{ generation }, 400, 'INVALID_REQUEST'],
    ];
    for (const [by, status, code] of refusals) {
      const refused = await post(`${path}/parts`, part(by), named(epoch, 0));
      expect(refused).toMatchObject({ status, json: { code, effect: 'none' } });
    }
    for (const [seq, leaves] of [false, true].entries()) {
      expect((await post(`${path}/parts`, part({ member, generation }), named(epoch, seq))).status).toBe(200);
      if (leaves) await groups.post(group, 'leave', { member });
      const committing = await post(`${path}/commit`, undefined, named(epoch, seq));
      const expected = leaves
        ? { status: 409, json: { code: 'UNKNOWN_MEMBER_ID', effect: 'none' } }
        : { status: 200, json: { partitions: [{ topic: output, base_offset: 0, records: 1 }] } };
      expect(committing).toMatchObject(expected);
      expect((await highWatermarks(output))[0]).toBe(1);
      expect(await groups.committed(group)).toEqual([[1, 1]]);
    }
    expect((await post(`${path}/abort`, undefined, named(epoch, 1))).status).toBe(204);
    expect((await post(`${path}/commit`, undefined, named(epoch, 1))).json.code).toBe('INVALID_TXN_STATE');
  });

  test('takes ids that a path must escape', async () => {
    const id = `${freshId()} ä+b`;
    const path = `/${encodeURIComponent(id)}`;
    expect(await post(`${path}/init`, {})).toMatchObject({ status: 200, json: { transactional_id: id, epoch: 0 } });
    expect((await target.call('GET', `/v1/transactions${path}`)).json).toMatchObject({
      transactional_id: id,
      status: 'empty',
      seq: null,
    });
  });
});

describe('isolation', () => {
  test('is one of two words', async () => {
    const [a] = await topics();
    const path = `/v1/topics/${a}/partitions/0/records?offset=0&isolation=`;
    expect((await target.call('GET', `${path}read_committed`)).status).toBe(200);
    expect(await target.call('GET', `${path}serializable`)).toMatchObject({
      status: 400,
      json: { field: 'isolation' },
    });
  });
});

describe('scopes', () => {
  const key = async (scopes: string[], topic_prefix?: string) => {
    const { json } = await target.call('POST', '/v1/keys', { body: { scopes, ...(topic_prefix && { topic_prefix }) } });
    return json.secret;
  };

  test.skipIf(!target.wantsKeys)('bound to a prefix allow topics, ids and groups of that prefix only', async () => {
    const [a, b] = await topics();
    const bound = await key(['produce', 'consume'], a);
    const as = async (body: object, secret = bound) =>
      (await target.call('POST', '/v1/transactions', { body, key: secret })).status;
    const records = [{ topic: a, partition: 0 }];
    const offsets = [{ topic: a, partition: 0, offset: 0 }];
    expect(await as({ records, transactional_id: `${a}-1`, offsets: { group: a, offsets } })).toBe(200);
    expect(await as({ records: [...records, { topic: b }] })).toBe(403);
    expect(await as({ records, transactional_id: 'other' })).toBe(403);
    expect(await as({ records, offsets: { group: 'other', offsets } })).toBe(403);
    expect(await as({ records, offsets: { group: a, offsets: [{ topic: b, partition: 0, offset: 0 }] } })).toBe(403);
    expect(await as({ records, offsets: { group: a, offsets } }, await key(['produce']))).toBe(403);
    expect(await as({ records }, await key(['consume']))).toBe(403);
    for (const path of ['other/init', 'other/parts', 'other/commit', 'other/abort']) {
      const answer = await target.call('POST', `/v1/transactions/${path}`, {
        body: {},
        headers: named(0, 0),
        key: bound,
      });
      expect(answer.status).toBe(403);
    }
    expect((await target.call('GET', '/v1/transactions/other', { key: bound })).status).toBe(403);
    expect((await target.call('GET', `/v1/groups/${a}/offsets`, { key: bound })).json.offsets).toHaveLength(1);
    expect((await target.call('GET', '/v1/groups/other/offsets', { key: bound })).status).toBe(403);
    expect((await target.call('POST', '/v1/transactions', { body: { records }, key: null })).status).toBe(401);
    expect((await highWatermarks(a))[0]).toBe(1);
    expect(await highWatermarks(b)).toEqual([0, 0, 0]);
  });
});
