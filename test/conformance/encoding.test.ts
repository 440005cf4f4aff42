import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { batchOf, read } from './support/batches.ts';
import { useTarget } from './support/target.ts';

const target = useTarget();
const gzip = promisify(zlib.gzip);
const zstd = promisify(zlib.zstdCompress);
const BATCHES = 'application/vnd.millrace.batches';

const get = (topic: string, query: string, headers: Record<string, string> = {}) =>
  target.call('GET', `/v1/topics/${topic}/partitions/0/records${query}`, { headers });
const post = (topic: string, body: unknown, headers: Record<string, string> = {}) =>
  target.call('POST', `/v1/topics/${topic}/partitions/0/records`, { body, headers });

describe('keys and values', () => {
  const notText = Buffer.from([0xff, 0xfe, 0x00]).toString('base64');

  test('that are bytes go in and out as base64', async () => {
    const topic = await target.topic();
    await target.produce(topic, [
      { key_base64: notText, value_base64: notText, headers: [{ key: 'h', value_base64: notText }] },
    ]);
    for (const encoding of ['utf8', 'base64', 'json']) {
      const { json } = await get(topic, `?offset=0&encoding=${encoding}`);
      expect(json.records[0]).toEqual({
        offset: 0,
        timestamp: expect.any(Number) as number,
        key_base64: notText,
        value_base64: notText,
        headers: [{ key: 'h', value_base64: notText }],
      });
    }
  });

  test('that are text are strings, base64 or JSON, as asked', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ key: 'k', value: { a: [1, true] } }, { key: '7', value: 'plain' }, { value: null }]);
    const fields = async (encoding: string) =>
      (await get(topic, `?offset=0&encoding=${encoding}`)).json.records.map(
        ({ offset: _o, timestamp: _t, headers: _h, ...rest }) => rest,
      );
    expect(await fields('utf8')).toEqual([
      { key: 'k', value: '{"a":[1,true]}' },
      { key: '7', value: 'plain' },
      { key: null, value: null },
    ]);
    expect(await fields('json')).toEqual([
      { key: 'k', value: { a: [1, true] } },
      { key: 7, value: 'plain' },
      { key: null, value: null },
    ]);
    expect(await fields('base64')).toEqual([
      { key_base64: 'aw==', value_base64: Buffer.from('{"a":[1,true]}').toString('base64') },
      { key_base64: 'Nw==', value_base64: Buffer.from('plain').toString('base64') },
      { key_base64: null, value_base64: null },
    ]);
    expect((await get(topic, '?offset=0&encoding=hex')).status).toBe(400);
  });

  test('that are numbers keep every digit', async () => {
    const topic = await target.topic();
    const body = '{"records":[{"value":123456789012345678901234567890.50,"key":1e400}]}';
    expect((await post(topic, body)).status).toBe(200);
    expect((await get(topic, '?offset=0')).json.records[0]).toMatchObject({
      value: '123456789012345678901234567890.50',
      key: '1e400',
    });
    expect((await get(topic, '?offset=0&encoding=json')).text).toContain(
      '"key":1e400,"value":123456789012345678901234567890.50',
    );
  });

  test('of every plane of Unicode come back whole', async () => {
    const topic = await target.topic();
    const value = '\u0000\u0007é€😀\u2028\ufeff"\\/';
    await target.produce(topic, [{ value, headers: { [value]: value } }]);
    expect((await get(topic, '?offset=0')).json.records[0]).toMatchObject({ value, headers: [{ key: value, value }] });
  });
});

describe('request bodies', () => {
  test('keep half of a surrogate pair inside JSON as it was sent, and are refused where it is all of a string', async () => {
    const topic = await target.topic();
    const send = (value: string) => post(topic, `{"records":[{"value":${value}}]}`);
    for (const value of ['"\\ud800"', '"a\\udc00"']) {
      expect(await send(value)).toMatchObject({ status: 400, json: { field: 'records[0].value' } });
    }
    const kept = ['{"a":"\\ud800"}', '["\\udc00"]', '{"\\uD800":1}'];
    for (const value of kept) expect((await send(value)).status).toBe(200);
    const { json } = await get(topic, '?offset=0');
    expect(json.records.map(({ value }) => value)).toEqual(kept);
    const { text } = await get(topic, '?offset=0&encoding=json');
    for (const value of kept) expect(text).toContain(`"value":${value}`);
  });

  test('may be gzip or zstd', async () => {
    const topic = await target.topic();
    const body = JSON.stringify({ records: [{ value: 'x'.repeat(10_000) }] });
    for (const [encoding, bytes] of [
      ['gzip', await gzip(body)],
      ['zstd', await zstd(body)],
      ['identity', Buffer.from(body)],
    ] as const) {
      expect((await post(topic, bytes, { 'content-encoding': encoding })).status).toBe(200);
    }
    expect(await target.fetchAll(topic)).toHaveLength(3);
  });

  test.each(['br', 'deflate', 'compress', 'gzip, gzip', 'gzip, zstd', 'nonsense'])(
    'in %s are 415',
    async (encoding) => {
      const topic = await target.topic();
      expect(await post(topic, Buffer.from('x'), { 'content-encoding': encoding })).toMatchObject({
        status: 415,
        json: { code: 'UNSUPPORTED_MEDIA_TYPE' },
      });
    },
  );

  test('that are not what their encoding says are 400', async () => {
    const topic = await target.topic();
    const cut = (await gzip('{"records":[{}]}')).subarray(0, 20);
    for (const [encoding, bytes] of [
      ['gzip', Buffer.from('{"records":[{}]}')],
      ['zstd', Buffer.from('no')],
      ['gzip', cut],
    ] as const) {
      expect(await post(topic, bytes, { 'content-encoding': encoding })).toMatchObject({
        status: 400,
        json: { code: 'INVALID_REQUEST' },
      });
    }
    expect(await target.fetchAll(topic)).toEqual([]);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-16',
    'application/problem+json',
  ])('of the type %s are 415', async (type) => {
    const topic = await target.topic();
    expect(await post(topic, '{"records":[{}]}', { 'content-type': type })).toMatchObject({
      status: 415,
      json: { code: 'UNSUPPORTED_MEDIA_TYPE' },
    });
    expect(
      (await target.call('POST', '/v1/topics', { body: '{"name":"x"}', headers: { 'content-type': type } })).status,
    ).toBe(415);
  });
});

describe('record batches', () => {
  test('go in and out as they are, with the offsets that they were given', async () => {
    const topic = await target.topic();
    const first = await post(topic, batchOf(['a', 'b']), { 'content-type': BATCHES });
    expect(first).toMatchObject({ status: 200, json: { partition: 0, base_offset: 0, record_count: 2 } });
    const second = await post(topic, Buffer.concat([batchOf(['c']), batchOf(['d', 'e'])]), { 'content-type': BATCHES });
    expect(second.json).toEqual({ partition: 0, base_offset: 2, record_count: 3 });
    const answer = await get(topic, '?offset=0', { accept: BATCHES });
    expect(answer.contentType).toBe(BATCHES);
    expect(read(answer.bytes)).toEqual([
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
      [3, 'd'],
      [4, 'e'],
    ]);
    expect(answer.headers.get('millrace-next-offset')).toBe('5');
    expect(answer.headers.get('millrace-high-watermark')).toBe('5');
    expect((await target.fetchAll(topic)).map(({ value }) => value)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('are whole: the first may begin before the offset', async () => {
    const topic = await target.topic();
    await post(topic, batchOf(['a', 'b', 'c']), { 'content-type': BATCHES });
    const answer = await get(topic, '?offset=2', { accept: BATCHES });
    expect(read(answer.bytes).map(([offset]) => offset)).toContain(2);
    expect(answer.headers.get('millrace-next-offset')).toBe('3');
  });

  test('of records that came as JSON are there too', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'a' }, { value: 'b' }]);
    expect(read((await get(topic, '?offset=0', { accept: BATCHES })).bytes)).toEqual([
      [0, 'a'],
      [1, 'b'],
    ]);
  });

  test('with acks=none are answered 202 without an offset', async () => {
    const topic = await target.topic();
    const answer = await target.call('POST', `/v1/topics/${topic}/partitions/0/records?acks=none`, {
      body: batchOf(['a']),
      headers: { 'content-type': BATCHES },
    });
    expect(answer.status).toBe(202);
    expect(answer.json).toEqual({ partition: 0, record_count: 1 });
  });

  test('that are damaged are refused, and nothing of the request is written', async () => {
    const topic = await target.topic();
    const good = batchOf(['a', 'b', 'c']);
    const flipped = (position: number) => {
      const bytes = Buffer.from(good);
      bytes[position] = (bytes[position] as number) ^ 0x55;
      return bytes;
    };
    const bad = [
      flipped(8), // length
      flipped(16), // magic
      flipped(17), // checksum
      flipped(22), // attributes
      flipped(57), // count of records
      flipped(good.length - 1),
      good.subarray(0, good.length - 1),
      good.subarray(0, 30),
      Buffer.concat([good, good.subarray(0, 10)]),
      Buffer.concat([good, flipped(40)]),
      Buffer.alloc(0),
      Buffer.alloc(1_000),
      Buffer.from('{"records":[{}]}'),
    ];
    for (const [index, body] of bad.entries()) {
      const answer = await post(topic, body, { 'content-type': BATCHES });
      expect([400, 422], `damage ${index}: ${answer.text}`).toContain(answer.status);
      expect(answer.json).toMatchObject({ effect: 'none', retriable: false });
    }
    expect(await target.fetchAll(topic)).toEqual([]);
  });

  test('have no place where no partition is named', async () => {
    const topic = await target.topic();
    const answer = await target.call('POST', `/v1/topics/${topic}/records`, {
      body: batchOf(['a']),
      headers: { 'content-type': BATCHES },
    });
    expect(answer.status).toBe(415);
  });
});
