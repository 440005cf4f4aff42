import { describe, expect, test } from 'vitest';
import { ERROR_CODES, type ErrorCode, errorRow } from '../../lib/kernel/errors.ts';
import { useTarget } from './support/target.ts';

const target = useTarget();

describe('a problem', () => {
  test('says type, title, status, detail, code, Kafka code, whether to retry and what happened', async () => {
    const answer = await target.call('GET', '/v1/topics/there-is-none');
    expect(answer.contentType).toBe('application/problem+json');
    expect(answer.json).toEqual({
      type: expect.stringMatching(/^[a-z]+:/) as string,
      title: expect.any(String) as string,
      status: 404,
      detail: expect.stringContaining('there-is-none') as string,
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      kafka_code: 3,
      retriable: true,
      effect: 'none',
    });
  });

  test('is what the error table says, whichever comes', async () => {
    const topic = await target.topic();
    const requests: [string, string, unknown?, Record<string, string>?][] = [
      ['PUT', '/v1/topics'],
      ['POST', '/v1/topics', '{'],
      ['POST', '/v1/topics', { name: '..' }],
      ['POST', '/v1/topics', { name: topic }],
      ['POST', '/v1/topics', { name: 'x', partitions: 0 }],
      ['POST', '/v1/topics', { name: 'x', replication_factor: 9 }],
      ['POST', '/v1/topics', { name: 'x', config: { x: 1 } }],
      ['POST', '/v1/topics', 'x', { 'content-type': 'text/plain' }],
      ['GET', `/v1/topics/${topic}/partitions/0/records?offset=5`],
      ['GET', `/v1/topics/${topic}/partitions/0/records?offset=0`, undefined, { accept: 'image/png' }],
      ['POST', `/v1/topics/${topic}/partitions/0/records`, { records: [{}], expected_offset: 9 }],
      ['POST', `/v1/topics/${topic}/partitions/0/records`, 'x', { 'content-type': 'application/vnd.millrace.batches' }],
      ['DELETE', '/v1/keys/none'],
    ];
    const seen = new Set<string>();
    for (const [method, path, body, headers] of requests) {
      const { json } = await target.call(method, path, {
        ...(body === undefined ? {} : { body }),
        ...(headers && { headers }),
      });
      const row = errorRow(json.code as ErrorCode);
      expect(json).toMatchObject({
        status: row.status,
        title: row.title,
        kafka_code: row.kafkaCode,
        retriable: row.retriable,
      });
      seen.add(json.code);
    }
    expect(seen.size).toBe(requests.length);
    expect(ERROR_CODES).toEqual(expect.arrayContaining([...seen]));
  });
});

describe('malformed JSON', () => {
  test.each([
    ['', 'byte 0'],
    ['{', 'byte 1'],
    ['{"name":}', 'byte 8'],
    ["{'name':'x'}", 'byte 1'],
    ['{"name":"x",}', 'byte 12'],
    ['{"name":"x"} {}', 'byte 13'],
    ['{"name":NaN}', 'byte 8'],
    ['{"name":Infinity}', 'byte 8'],
    ['{"name":"a\nb"}', 'byte 10'],
    ['{"name":01}', 'byte 9'],
    ['\ufeff{}', 'byte 0'],
    ['[]', 'The body'],
    ['null', 'The body'],
    ['"x"', 'The body'],
    ['{"name":"a","name":"b"}', 'name'],
    ['{"name":"x","__proto__":{}}', '__proto__'],
    ['{"name":"x","constructor":{}}', 'constructor'],
    ['{"name":"\\ud800"}', 'name'],
    ['{"name":"x","partitions":9007199254740993}', 'partitions'],
    ['{"name":"x","partitions":1e400}', 'partitions'],
    ['{"name":"x","partitions":-0.5}', 'partitions'],
    [`${'['.repeat(10_000)}${']'.repeat(10_000)}`, 'deeper'],
    [`{"name":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`, 'deeper'],
  ])('%j is 400, saying where', async (body, where) => {
    const answer = await target.call('POST', '/v1/topics', { body });
    expect(answer).toMatchObject({ status: 400, json: { code: 'INVALID_REQUEST', effect: 'none', retriable: false } });
    expect(answer.json.detail).toContain(where);
    expect(answer.json.detail.length).toBeLessThan(1_000);
  });

  test('that is not UTF-8 is 400', async () => {
    const body = Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
    expect(await target.call('POST', '/v1/topics', { body })).toMatchObject({
      status: 400,
      json: { detail: expect.stringContaining('UTF-8') as string },
    });
  });

  test('of records changes nothing, however far it came', async () => {
    const topic = await target.topic();
    const path = `/v1/topics/${topic}/records`;
    for (const records of [
      '[{"value":"good"},{"valu":"bad"}]',
      '[{"value":"good"},{"value":"bad"]',
      '[{"value":"good"},5]',
      '[{"value":"good"},{"value_base64":"!"}]',
      '[{"value":"good"},{"value":1,"value":2}]',
      '[{"value":"good"},{"headers":{"a":1}}]',
      '[{"value":"good"},{"headers":{"a":"1","a":"2"}}]',
      '[{"value":"good"},{"partition":-1}]',
      '[{"value":"good"},{"timestamp":"now"}]',
      '[{"value":"good"},{"value":"\\udc00"}]',
      `[{"value":"good"},{"value":${'['.repeat(10_000)}${']'.repeat(10_000)}}]`,
    ]) {
      expect((await target.call('POST', path, { body: `{"records":${records}}` })).status).toBe(400);
    }
    expect(await target.fetchAll(topic)).toEqual([]);
  });

  test('names the record and the field', async () => {
    const topic = await target.topic();
    const body = { records: [{}, { headers: [{ key: 'a' }, { key: 'b', value: 7 }] }] };
    const { json } = await target.call('POST', `/v1/topics/${topic}/records`, { body });
    expect(json).toMatchObject({ status: 400, field: 'records[1].headers[1].value' });
    expect(json.detail).toContain('records[1].headers[1].value must be a string or null');
  });
});

describe('paths', () => {
  test('that are none are 404', async () => {
    for (const path of [
      '/nothing',
      '/v1',
      '/v1/',
      '/v1/topics/',
      '/v2/topics',
      '/v1/Topics',
      '//v1/topics',
      '/v1/topics/a/b/c',
      '/favicon.ico',
    ]) {
      expect(await target.call('GET', path), path).toMatchObject({ status: 404, json: { code: 'NOT_FOUND' } });
    }
  });

  test('with another method are 405 and say which are allowed', async () => {
    for (const [method, path, allow] of [
      ['PUT', '/v1/topics', 'GET, HEAD, POST'],
      ['POST', '/v1/topics/t', 'GET, HEAD, PATCH, DELETE'],
      ['GET', '/v1/topics/t/records', 'POST, DELETE'],
      ['DELETE', '/v1/topics/t/partitions/0/records', 'GET, HEAD, POST'],
      ['POST', '/healthz', 'GET, HEAD'],
      ['OPTIONS', '/v1/topics', 'GET, HEAD, POST'],
    ] as const) {
      const answer = await target.call(method, path);
      expect(answer, path).toMatchObject({ status: 405, json: { code: 'METHOD_NOT_ALLOWED' } });
      expect(answer.headers.get('allow')).toBe(allow);
    }
  });

  test('with tricks in them lead nowhere', async () => {
    for (const name of [
      'a%2Fb',
      '..%2f..%2fetc%2fpasswd',
      '%00',
      'a%20b',
      '%c3%a9',
      '%ff',
      '%zz',
      '%252e%252e',
      'a;b',
      "a'b",
      'a%0d%0aX: y',
    ]) {
      const answer = await target.call('GET', `/v1/topics/${name}`);
      expect(answer, name).toMatchObject({ status: 400, json: { code: 'INVALID_TOPIC' } });
      expect(answer.json.detail.length).toBeLessThan(1_000);
    }
    for (const name of ['%2e', '%2e%2e', '../topics'])
      expect([200, 404]).toContain((await target.call('GET', `/v1/topics/${name}`)).status);
  });

  test('HEAD is GET without a body', async () => {
    const topic = await target.topic();
    for (const [path, status] of [
      [`/v1/topics/${topic}`, 200],
      ['/v1/topics/there-is-none', 404],
      ['/nothing', 404],
    ] as const) {
      const answer = await target.call('HEAD', path);
      expect({ status: answer.status, text: answer.text }).toEqual({ status, text: '' });
      expect(answer.contentType).toBe((await target.call('GET', path)).contentType);
    }
  });
});

test('CORS is off', async () => {
  const answer = await target.call('GET', '/v1/topics', { headers: { origin: 'https://elsewhere.example' } });
  expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
});

test('unknown query parameters are refused by name on every route', async () => {
  const topic = await target.topic();
  for (const [method, path] of [
    ['GET', '/v1/topics'],
    ['GET', `/v1/topics/${topic}`],
    ['DELETE', `/v1/topics/${topic}`],
    ['GET', `/v1/topics/${topic}/partitions/0/records`],
    ['GET', `/v1/topics/${topic}/partitions/0/offsets`],
    ['GET', `/v1/topics/${topic}/partitions/0/plan`],
    ['POST', `/v1/topics/${topic}/records`],
    ['GET', '/v1/keys'],
    ['GET', '/healthz'],
    ['GET', '/v1/openapi.json'],
  ] as const) {
    const answer = await target.call(
      method,
      `${path}?surprise=1`,
      method === 'POST' ? { body: { records: [{}] } } : {},
    );
    expect(answer, path).toMatchObject({ status: 400, json: { code: 'INVALID_REQUEST' } });
    expect(answer.json.detail).toContain('surprise');
  }
  expect((await target.call('GET', `/v1/topics/${topic}`)).status).toBe(200);
});
