import { describe, expect, test } from 'vitest';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import { useTarget } from './support/target.ts';

const target = useTarget();

const NDJSON = 'application/x-ndjson';
const BATCHES = 'application/vnd.millrace.batches';

const producer = (seq: number | string, { id = 'p', epoch = 0 }: { id?: string; epoch?: number | string } = {}) => ({
  'producer-id': id,
  'producer-epoch': String(epoch),
  'producer-seq': String(seq),
});

const post = (path: string, body: unknown, headers: Record<string, string>) =>
  target.call('POST', `/v1/topics/${path}`, { body, headers });

const send = (topic: string, seq: number, values: unknown[], options: { id?: string; epoch?: number } = {}) =>
  post(`${topic}/partitions/0/records`, { records: values.map((value) => ({ value })) }, producer(seq, options));

const offsetsOf = (answer: Awaited<ReturnType<typeof post>>) => answer.json.records.map(({ offset }) => offset);

const valuesIn = async (topic: string, partition = 0) =>
  (await target.fetchAll(topic, partition)).map(({ value }) => value);

describe('a request with a sequence', () => {
  test('is written once, and repeated is answered with the offsets that its records have', async () => {
    const topic = await target.topic();
    const first = await send(topic, 0, ['a', 'b']);
    expect([first.status, offsetsOf(first), first.headers.get('producer-duplicate')]).toEqual([200, [0, 1], null]);
    await send(topic, 2, ['c']);
    for (let times = 0; times < 3; times++) {
      const again = await send(topic, 0, ['a', 'b']);
      expect([again.status, offsetsOf(again)]).toEqual([200, [0, 1]]);
      expect(again.headers.get('producer-duplicate')).toBe('true');
    }
    expect(await valuesIn(topic)).toEqual(['a', 'b', 'c']);
  });

  test('names its partition by the path or in every record', async () => {
    const topic = await target.topic({ partitions: 2 });
    const named = [
      { value: 'a', partition: 1 },
      { value: 'b', partition: 1 },
    ];
    expect((await post(`${topic}/records`, { records: named }, producer(0))).status).toBe(200);
    for (const records of [
      [{ value: 'x' }],
      [{ value: 'x', partition: 1 }, { value: 'y' }],
      [
        { value: 'x', partition: 0 },
        { value: 'y', partition: 1 },
      ],
    ]) {
      const refused = await post(`${topic}/records`, { records }, producer(2));
      expect([refused.status, refused.json.code]).toEqual([400, 'INVALID_REQUEST']);
    }
    expect(await valuesIn(topic, 1)).toEqual(['a', 'b']);
  });

  test('is counted per partition', async () => {
    const topic = await target.topic({ partitions: 3 });
    for (const partition of [0, 1, 2]) {
      const answer = await post(`${topic}/partitions/${partition}/records`, { records: [{ value: 'v' }] }, producer(0));
      expect(offsetsOf(answer)).toEqual([0]);
    }
  });

  test('is all or nothing', async () => {
    const topic = await target.topic({ config: { 'max.message.bytes': 1_000 } });
    const refused = await send(topic, 0, ['small', 'x'.repeat(2_000)]);
    expect([refused.status, refused.json.code]).toEqual([413, 'MESSAGE_TOO_LARGE']);
    expect(await valuesIn(topic)).toEqual([]);
    expect((await send(topic, 0, ['small'])).status).toBe(200);
  });

  test('may be lines, all or nothing too', async () => {
    const topic = await target.topic();
    const headers = { ...producer(0), 'content-type': NDJSON };
    const path = `${topic}/partitions/0/records`;
    const bad = await post(path, '{"value":"a"}\nnonsense\n', headers);
    expect([bad.status, bad.json.code]).toEqual([400, 'INVALID_REQUEST']);
    const lines = '{"value":"a"}\n{"value":"b"}\n';
    const first = await post(path, lines, headers);
    const again = await post(path, lines, headers);
    expect([first.status, first.headers.get('producer-duplicate')]).toEqual([200, null]);
    expect([again.status, again.headers.get('producer-duplicate')]).toEqual([200, 'true']);
    const offsets = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { offset: number }).offset);
    expect(offsets(again.text)).toEqual(offsets(first.text));
    expect(await valuesIn(topic)).toEqual(['a', 'b']);
  });

  test('keeps the timestamps that it names in the answer to a repetition', async () => {
    const topic = await target.topic();
    const timestamp = Date.now() - 10_000;
    const records = [{ value: 'a', timestamp }];
    const path = `${topic}/partitions/0/records`;
    const [first, again] = [await post(path, { records }, producer(0)), await post(path, { records }, producer(0))];
    expect(again.json.records).toEqual(first.json.records);
  });

  test('may be sent with acks=none', async () => {
    const topic = await target.topic();
    const path = `${topic}/partitions/0/records?acks=none`;
    for (let times = 0; times < 2; times++) {
      expect((await post(path, { records: [{ value: 'a' }] }, producer(0))).status).toBe(202);
    }
    expect((await send(topic, 1, ['b'])).status).toBe(200);
    expect(await valuesIn(topic)).toEqual(['a', 'b']);
  });
});

describe('sequences that are not the next', () => {
  test('are refused ahead, with the one that is expected', async () => {
    const topic = await target.topic();
    await send(topic, 0, ['a', 'b']);
    const gap = await send(topic, 3, ['d']);
    expect(gap).toMatchObject({
      status: 409,
      json: { code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', kafka_code: 45, expected_seq: 2, effect: 'none', retriable: false },
    });
    expect((await send(topic, 2, ['c'])).status).toBe(200);
    expect(await valuesIn(topic)).toEqual(['a', 'b', 'c']);
  });

  test('are refused where they overlap what was written in another way', async () => {
    const topic = await target.topic();
    await send(topic, 0, ['a', 'b', 'c']);
    for (const [seq, values] of [
      [0, ['a', 'b']],
      [1, ['b', 'c']],
      [2, ['c', 'd']],
    ] as const) {
      expect(await send(topic, seq, [...values])).toMatchObject({
        status: 409,
        json: { code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', expected_seq: 3 },
      });
    }
    expect(await valuesIn(topic)).toEqual(['a', 'b', 'c']);
  });

  test('are refused when they are older than the last five', async () => {
    const topic = await target.topic();
    for (let seq = 0; seq < 6; seq++) await send(topic, seq, [seq]);
    expect(await send(topic, 0, [0])).toMatchObject({
      status: 409,
      json: { code: 'DUPLICATE_SEQUENCE_NUMBER', kafka_code: 46, effect: 'none' },
    });
    for (let seq = 1; seq < 6; seq++) {
      const again = await send(topic, seq, [seq]);
      expect([offsetsOf(again), again.headers.get('producer-duplicate')]).toEqual([[seq], 'true']);
    }
  });

  test('wrap after 2^31 − 1', async () => {
    const topic = await target.topic();
    const last = 2 ** 31 - 1;
    expect(offsetsOf(await send(topic, last, ['a', 'b', 'c']))).toEqual([0, 1, 2]);
    expect(offsetsOf(await send(topic, 2, ['d']))).toEqual([3]);
    expect((await send(topic, last, ['a', 'b', 'c'])).headers.get('producer-duplicate')).toBe('true');
  });

  test('wait for those that they have overtaken', async () => {
    const topic = await target.topic();
    await send(topic, 0, ['0']);
    const answers = await Promise.all([3, 1, 2].map((seq) => send(topic, seq, [`${seq}`])));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await valuesIn(topic)).toEqual(['0', '1', '2', '3']);
  });

  test('sent twice at once are written once', async () => {
    const topic = await target.topic();
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(topic, 0, ['a'])));
    expect(answers.map(offsetsOf)).toEqual(answers.map(() => [0]));
    expect(answers.filter(({ headers }) => headers.get('producer-duplicate') === 'true')).toHaveLength(7);
    expect(await valuesIn(topic)).toEqual(['a']);
  });
});

describe('epochs', () => {
  test('begin at 0 and fence the older ones', async () => {
    const topic = await target.topic();
    await send(topic, 0, ['a']);
    expect((await send(topic, 0, ['b'], { epoch: 7 })).status).toBe(200);
    expect(await send(topic, 1, ['zombie'])).toMatchObject({
      status: 403,
      json: { code: 'INVALID_PRODUCER_EPOCH', kafka_code: 47, effect: 'none' },
    });
    expect(await send(topic, 0, ['a'])).toMatchObject({ status: 403 });
    expect(await send(topic, 4, ['x'], { epoch: 8 })).toMatchObject({
      status: 409,
      json: { code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', expected_seq: 0 },
    });
    expect((await send(topic, 1, ['c'], { epoch: 7 })).status).toBe(200);
    expect(await valuesIn(topic)).toEqual(['a', 'b', 'c']);
  });
});

describe('the headers', () => {
  test.each([
    ['Producer-Id', producer(0, { id: 'ä' })],
    ['Producer-Id', producer(0, { id: 'x'.repeat(129) })],
    ['Producer-Id', producer(0, { id: 'a b' })],
    ['Producer-Epoch', producer(0, { epoch: -1 })],
    ['Producer-Epoch', producer(0, { epoch: 32_768 })],
    ['Producer-Epoch', producer(0, { epoch: '1.5' })],
    ['Producer-Seq', producer(-1)],
    ['Producer-Seq', producer(2 ** 31)],
    ['Producer-Seq', producer('1e3')],
  ])('are refused with a %s that is none: %o', async (field, headers) => {
    const topic = await target.topic();
    const path = `${topic}/partitions/0/records`;
    const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, latin1(value)]));
    expect(await post(path, { records: [{ value: 'a' }] }, sent)).toMatchObject({ status: 400, json: { field } });
    expect(await valuesIn(topic)).toEqual([]);
  });

  test('are 1 to 128 letters, digits, dots, underscores and hyphens', async () => {
    const topic = await target.topic();
    for (const id of ['a', '0', '._-', 'Z'.repeat(128)]) expect((await send(topic, 0, ['a'], { id })).status).toBe(200);
  });

  test('are not for record batches, which have their own', async () => {
    const topic = await target.topic();
    const headers = { ...producer(0), 'content-type': BATCHES };
    const body = batch(0, ['a']);
    expect(await post(`${topic}/partitions/0/records`, body, headers)).toMatchObject({
      status: 400,
      json: { field: 'Producer-Id' },
    });
  });
});

describe('producer ids', () => {
  const init = (body?: unknown, key?: string) =>
    target.call('POST', '/v1/producers', { body, ...(key === undefined ? {} : { key }) });
  const json = (answer: { json: unknown }) => answer.json as { producer_id: number; producer_epoch: number };

  test('are handed out, each to one', async () => {
    const answers = [await init({}), await init(), await init({})];
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(new Set(answers.map((answer) => json(answer).producer_id)).size).toBe(3);
    expect(answers.map((answer) => json(answer).producer_epoch)).toEqual([0, 0, 0]);
  });

  test('get another epoch, which fences the older one with its first records', async () => {
    const topic = await target.topic();
    const { producer_id } = json(await init({}));
    const id = String(producer_id);
    await send(topic, 0, ['a'], { id });
    expect(json(await init({ producer_id }))).toEqual({ producer_id, producer_epoch: 1 });
    expect((await send(topic, 0, ['b'], { id, epoch: 1 })).status).toBe(200);
    expect((await send(topic, 1, ['zombie'], { id })).json.code).toBe('INVALID_PRODUCER_EPOCH');
  });

  test.each([[{ producer_id: 'a' }], [{ producer_id: -1 }], [{ id: 1 }], [[]]])(
    'are not asked for with %j',
    async (body) => {
      expect(await init(body)).toMatchObject({ status: 400, json: { code: 'INVALID_REQUEST' } });
    },
  );

  test('that were not handed out have no next epoch', async () => {
    expect(await init({ producer_id: 2 ** 52 })).toMatchObject({
      status: 409,
      json: { code: 'INVALID_PRODUCER_ID_MAPPING', effect: 'none' },
    });
  });

  test.runIf(target.wantsKeys)(
    "are a key's own: another can neither have their next epoch nor write as them",
    async () => {
      const topic = await target.topic();
      const other = (await target.call('POST', '/v1/keys', { body: { scopes: ['produce'] } })).json;
      const reader = (await target.call('POST', '/v1/keys', { body: { scopes: ['consume'] } })).json;
      const { producer_id } = json(await init({}));
      await send(topic, 0, ['a'], { id: String(producer_id) });
      expect((await init({ producer_id }, other.secret)).status).toBe(409);
      expect((await init({}, reader.secret)).status).toBe(403);
      const same = await target.call('POST', `/v1/topics/${topic}/partitions/0/records`, {
        body: { records: [{ value: 'b' }] },
        headers: producer(0, { id: String(producer_id), epoch: 5 }),
        key: other.secret,
      });
      expect(same.status).toBe(200);
      expect((await send(topic, 1, ['c'], { id: String(producer_id) })).status).toBe(200);
      expect(await valuesIn(topic)).toEqual(['a', 'b', 'c']);
      for (const { id } of [other, reader]) await target.call('DELETE', `/v1/keys/${id}`);
    },
  );

  test('are taken from record batches too, and are the same producer there', async () => {
    const topic = await target.topic();
    const { producer_id } = json(await init({}));
    const raw = (seq: number, values: string[], options: { transactional?: boolean } = {}) =>
      post(`${topic}/partitions/0/records`, batch(seq, values, { producer_id, ...options }), {
        'content-type': BATCHES,
      });
    const first = await raw(0, ['a', 'b']);
    const again = await raw(0, ['a', 'b']);
    expect([first.json.base_offset, first.headers.get('producer-duplicate')]).toEqual([0, null]);
    expect([again.json.base_offset, again.headers.get('producer-duplicate')]).toEqual([0, 'true']);
    expect((await send(topic, 2, ['c'], { id: String(producer_id) })).status).toBe(200);
    expect(await raw(5, ['x'])).toMatchObject({ status: 409, json: { expected_seq: 3 } });
    expect(await raw(3, ['x'], { transactional: true })).toMatchObject({
      status: 422,
      json: { code: 'INVALID_RECORD' },
    });
    expect(await valuesIn(topic)).toEqual(['a', 'b', 'c']);
  });
});

/** As a client must send what is no ASCII in a header. */
function latin1(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

function batch(
  baseSequence: number,
  values: readonly string[],
  { producer_id = 1, transactional = false }: { producer_id?: number; transactional?: boolean } = {},
): Uint8Array {
  const records = values.map((value) => ({
    timestamp: Date.now(),
    key: null,
    value: new Uint8Array(Buffer.from(value)),
    headers: [],
  }));
  const producerId = BigInt(producer_id);
  return encodeBatch(records, {
    compression: nodeCompression,
    producerId,
    producerEpoch: 0,
    baseSequence,
    transactional,
  });
}
