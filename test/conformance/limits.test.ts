import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { useTarget } from './support/target.ts';

const target = useTarget();
const gzip = promisify(zlib.gzip);
const MIB = 1024 * 1024;
const produce = (topic: string, body: unknown, headers: Record<string, string> = {}) =>
  target.call('POST', `/v1/topics/${topic}/records`, { body, headers });

describe('a body', () => {
  test('of 4 MiB is taken, of one byte more not', async () => {
    const topic = await target.topic({ config: { 'max.message.bytes': 4 * MIB } });
    const frame = '{"records":[{"value":""}]}'.length;
    const body = (length: number) => `{"records":[{"value":"${'x'.repeat(length - frame)}"}]}`;
    const padded = `{"records":[{"value":"x"}]}`.padEnd(4 * MIB, ' ');
    expect((await produce(topic, padded)).status).toBe(200);
    expect((await produce(topic, body(4 * MIB - 1_000))).status).toBe(200);
    expect(await produce(topic, body(4 * MIB + 1))).toMatchObject({
      status: 413,
      json: { code: 'REQUEST_TOO_LARGE', effect: 'none' },
    });
    expect((await target.fetchAll(topic)).map(({ value }) => String(value).length)).toEqual([
      1,
      4 * MIB - 1_000 - frame,
    ]);
  });

  test('is measured after inflation', async () => {
    const topic = await target.topic();
    for (const [encoding, bomb] of [
      ['gzip', await gzip(Buffer.alloc(100 * MIB, ' '))],
      ['zstd', zlib.zstdCompressSync(Buffer.alloc(100 * MIB, ' '))],
    ] as const) {
      expect(await produce(topic, bomb, { 'content-encoding': encoding })).toMatchObject({
        status: 413,
        json: { code: 'REQUEST_TOO_LARGE' },
      });
    }
  });

  test('of 64 levels is taken, of 65 not', async () => {
    const topic = await target.topic();
    // The request, its records and the record itself are three.
    const nested = (depth: number) => `{"records":[{"value":${'['.repeat(depth)}${']'.repeat(depth)}}]}`;
    expect((await produce(topic, nested(61))).status).toBe(200);
    expect((await produce(topic, nested(62))).status).toBe(400);
    expect((await target.fetchAll(topic)).map(({ value }) => value)).toEqual([`${'['.repeat(61)}${']'.repeat(61)}`]);
  });
});

describe('a request', () => {
  test('has 10,000 records at most', async () => {
    const topic = await target.topic();
    const records = (count: number) => ({ records: Array.from({ length: count }, () => ({ value: 'x' })) });
    expect(await produce(topic, records(10_001))).toMatchObject({ status: 400, json: { field: 'records' } });
    expect((await produce(topic, records(10_000))).json.records).toHaveLength(10_000);
    expect((await target.call('GET', `/v1/topics/${topic}`)).json.partition_details[0]?.high_watermark).toBe(10_000);
  });

  test('has 100 headers a record at most', async () => {
    const topic = await target.topic();
    const headers = (count: number) => Array.from({ length: count }, (_, index) => ({ key: `h${index}`, value: 'x' }));
    expect((await produce(topic, { records: [{ headers: headers(100) }] })).status).toBe(200);
    expect(await produce(topic, { records: [{ headers: headers(101) }] })).toMatchObject({
      status: 400,
      json: { field: 'records[0].headers' },
    });
    const object = Object.fromEntries(headers(101).map(({ key, value }) => [key, value]));
    expect((await produce(topic, { records: [{ headers: object }] })).status).toBe(400);
  });

  test('has a record or more', async () => {
    const topic = await target.topic();
    expect(await produce(topic, { records: [] })).toMatchObject({ status: 400, json: { field: 'records' } });
    expect(await produce(topic, {})).toMatchObject({ status: 400, json: { field: 'records' } });
  });
});

test('a record is as large as the topic says', async () => {
  const topic = await target.topic({ config: { 'max.message.bytes': 10_000 } });
  expect((await produce(topic, { records: [{ value: 'x'.repeat(9_000) }] })).status).toBe(200);
  expect(await produce(topic, { records: [{ value: 'x'.repeat(10_001) }] })).toMatchObject({
    status: 413,
    json: { code: 'MESSAGE_TOO_LARGE' },
  });
  const many = await produce(topic, { records: Array.from({ length: 20 }, () => ({ value: 'x'.repeat(9_000) })) });
  expect(many.status).toBe(200);
  expect(await target.fetchAll(topic)).toHaveLength(21);
});

test('an answer is 4 MiB at most, whatever is asked', async () => {
  const topic = await target.topic({ config: { 'max.message.bytes': 2 * MIB } });
  for (let index = 0; index < 4; index++) await target.produce(topic, [{ value: '\u0001'.repeat(300_000) }]);
  const answer = await target.call('GET', `/v1/topics/${topic}/partitions/0/records?offset=0&max_bytes=999999999`);
  expect(answer.bytes.length).toBeLessThanOrEqual(4 * MIB);
  expect(answer.json.records).toHaveLength(2);
  expect(answer.json.next_offset).toBe(2);
});
