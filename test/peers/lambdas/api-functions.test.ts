/** The three functions behind an HTTP API, as built bundles under the official runtime interface client. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { noCompression } from '../../../lib/log/record-batch/compression.ts';
import { decodeBatch } from '../../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import type { ExecutionEnvironment } from '../support/execution-environment.ts';
import { ADMIN_KEY, type Functions, functionsMissing, makeFunctions } from '../support/functions.ts';
import { type EventRequest, type HttpAnswer, httpAnswerOf, httpApiEvent } from '../support/http-api.ts';
import { describeWithPeer } from '../support/peer.ts';

const BATCHES_TYPE = 'application/vnd.millrace.batches';
const ADMIN = `Basic ${Buffer.from(`${ADMIN_KEY.id}:${ADMIN_KEY.secret}`).toString('base64')}`;

const MIB = 1024 * 1024;
const LARGE = { 'max.message.bytes': 4 * MIB };

describeWithPeer(functionsMissing())('the functions of an HTTP API', () => {
  let functions: Functions;
  let produce: ExecutionEnvironment;
  let fetch: ExecutionEnvironment;
  let topics: ExecutionEnvironment;
  /** Of a key with the scopes produce and consume. */
  let authorization: string;

  beforeAll(async () => {
    functions = await makeFunctions();
    [produce, fetch, topics] = await Promise.all([
      functions.start('produce'),
      functions.start('fetch'),
      functions.start('topics'),
    ]);
    const created = await ask(topics, {
      method: 'POST',
      path: '/v1/keys',
      headers: { authorization: ADMIN, 'content-type': 'application/json' },
      body: JSON.stringify({ scopes: ['produce', 'consume'] }),
    });
    authorization = `Bearer ${(json(created) as { secret: string }).secret}`;
  });

  afterAll(() => functions?.close());

  async function ask(environment: ExecutionEnvironment, request: EventRequest): Promise<HttpAnswer> {
    const headers = { authorization, ...request.headers };
    return httpAnswerOf(await environment.invoke(httpApiEvent({ ...request, headers })));
  }

  async function createTopic(name: string, partitions = 1, config = {}): Promise<void> {
    const answer = await ask(topics, {
      method: 'POST',
      path: '/v1/topics',
      headers: { authorization: ADMIN, 'content-type': 'application/json' },
      body: JSON.stringify({ name, partitions, config }),
    });
    if (answer.status !== 201) throw new Error(answer.body.toString());
  }

  function produceTo(topic: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
    return ask(produce, {
      method: 'POST',
      path: `/v1/topics/${topic}/records`,
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
  }

  function fetchFrom(topic: string, query: string, headers: Record<string, string> = {}) {
    return ask(fetch, { method: 'GET', path: `/v1/topics/${topic}/partitions/0/records?${query}`, headers });
  }

  it('create a topic, write to it and read it back', async () => {
    await createTopic('orders', 3);
    const records = Array.from({ length: 50 }, (_, index) => ({ key: `k${index}`, value: { index } }));
    const written = json(await produceTo('orders', JSON.stringify({ records }))) as {
      records: { partition: number; offset: number }[];
    };
    const read: unknown[] = [];
    for (let partition = 0; partition < 3; partition++) {
      const path = `/v1/topics/orders/partitions/${partition}/records?offset=earliest&encoding=json`;
      const answer = json(await ask(fetch, { method: 'GET', path })) as {
        records: { offset: number; key: string; value: unknown }[];
      };
      for (const { offset, key, value } of answer.records) read.push({ partition, offset, key, value });
    }
    const expected = records.map(({ key, value }, index) => ({
      partition: written.records[index]?.partition,
      offset: written.records[index]?.offset,
      key,
      value,
    }));
    expect(sorted(read)).toEqual(sorted(expected));
    const described = json(await ask(topics, { method: 'GET', path: '/v1/topics/orders' }));
    expect(described).toMatchObject({ name: 'orders', partitions: 3 });
  });

  it('serve the event that AWS documents', async () => {
    const event = eventOf('http-api-v2.json');
    event.headers['authorization'] = authorization;
    const answer = httpAnswerOf(await produce.invoke(event));
    expect(answer.status, answer.body.toString()).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.base64).toBe(false);
  });

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const)('take a body compressed with %s, which comes as base64', async (encoding, compress) => {
    await createTopic(`compressed-${encoding}`);
    const body = compress(Buffer.from(JSON.stringify({ records: [{ value: 'größer' }] })));
    const answer = await produceTo(`compressed-${encoding}`, body, { 'content-encoding': encoding });
    expect(answer.status, answer.body.toString()).toBe(200);
    const read = json(await fetchFrom(`compressed-${encoding}`, 'offset=0')) as { records: { value: string }[] };
    expect(read.records.map(({ value }) => value)).toEqual(['größer']);
  });

  it('carry raw record batches both ways, byte by byte', async () => {
    await createTopic('raw');
    const value = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 7) & 0xff);
    const batch = encodeBatch([{ timestamp: 1_767_225_600_000, key: null, value, headers: [] }]);
    const written = await ask(produce, {
      method: 'POST',
      path: '/v1/topics/raw/partitions/0/records',
      headers: { 'content-type': BATCHES_TYPE },
      body: batch,
    });
    expect(json(written)).toEqual({ partition: 0, base_offset: 0, record_count: 1 });
    const read = await fetchFrom('raw', 'offset=0', { accept: BATCHES_TYPE });
    expect(read.base64).toBe(true);
    expect(read.headers['millrace-next-offset']).toBe('1');
    expect(decodeBatch(read.body, 0, noCompression)[0]?.value).toEqual(value);
  });

  it('take and give lines of JSON as text', async () => {
    await createTopic('lines');
    const lines = '{"value":"a"}\n{"value":"b"}\nno json\n';
    const answer = await produceTo('lines', lines, { 'content-type': 'application/x-ndjson' });
    expect(answer.status).toBe(207);
    const outcomes = answer.body.toString().trimEnd().split('\n').map(parse) as { error?: { code: string } }[];
    expect(outcomes.map(({ error }) => error?.code)).toEqual([undefined, undefined, 'INVALID_REQUEST']);
    const read = await fetchFrom('lines', 'offset=0', { accept: 'application/x-ndjson' });
    expect(read.base64).toBe(false);
    expect(read.body.toString().trimEnd().split('\n').map(parse)).toMatchObject([{ value: 'a' }, { value: 'b' }]);
  });

  it('answer a live tail like a long poll, and close', async () => {
    await createTopic('tail');
    await produceTo('tail', JSON.stringify({ records: [{ value: 'a' }] }));
    const read = await fetchFrom('tail', 'offset=0', { accept: 'text/event-stream' });
    expect(read.headers['content-type']).toContain('text/event-stream');
    expect(read.base64).toBe(false);
    expect(read.body.toString()).toMatch(/^id: 0\ndata: \{.*"value":"a".*\}\n\nretry: \d+\n\n$/);
    const startedAt = performance.now();
    const nothing = await fetchFrom('tail', 'offset=1&wait_ms=300', { accept: 'text/event-stream' });
    expect(nothing.body.toString()).toMatch(/^retry: \d+\n\n$/);
    expect(performance.now() - startedAt).toBeGreaterThan(250);
  });

  it('wake a long poll by what another function has written', async () => {
    await createTopic('wake');
    const waiting = fetchFrom('wake', 'offset=0&wait_ms=10000');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await produceTo('wake', JSON.stringify({ records: [{ value: 'there' }] }));
    expect(json(await waiting)).toMatchObject({ records: [{ value: 'there' }] });
  });

  it.each([
    ['malformed JSON', 'orders', '{"records":[', 400, 'INVALID_REQUEST'],
    ['an unknown field', 'orders', '{"records":[{"value":1}],"nope":1}', 400, 'INVALID_REQUEST'],
    ['an unknown topic', 'nowhere', '{"records":[{"value":1}]}', 404, 'UNKNOWN_TOPIC_OR_PARTITION'],
  ])('answer %s with a problem', async (_name, topic, body, status, code) => {
    const answer = await produceTo(topic, body);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(json(answer)).toMatchObject({ code, status, effect: 'none' });
  });

  it('let nobody in without a key, or with the scopes of another route', async () => {
    for (const environment of [produce, fetch, topics]) {
      const answer = await ask(environment, {
        method: 'GET',
        path: '/v1/topics',
        headers: { authorization: 'Bearer x' },
      });
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toContain('Bearer');
    }
    const forbidden = await ask(topics, { method: 'DELETE', path: '/v1/topics/orders' });
    expect(json(forbidden)).toMatchObject({ status: 403, code: 'FORBIDDEN' });
  });

  it('serve only their own routes', async () => {
    const elsewhere = await ask(produce, { method: 'GET', path: '/v1/topics/orders' });
    expect(json(elsewhere)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    const wrongMethod = await ask(topics, { method: 'PUT', path: '/v1/topics/orders' });
    expect(json(wrongMethod)).toMatchObject({ status: 405, code: 'METHOD_NOT_ALLOWED' });
    expect((await ask(topics, { method: 'GET', path: '/healthz', headers: { authorization: '' } })).status).toBe(200);
    expect(json(await ask(topics, { method: 'GET', path: '/v1/openapi.json' }))).toMatchObject({ openapi: '3.1.0' });
  });

  it.each([
    '/v1/topics/..%2Fkeys',
    '/v1/topics/%2e%2e/keys',
    '/v1/topics/orders%3Fx',
    '/v1/topics/orders%23x',
    '/v1/topics/a%5Cb',
  ])('take the path %s for what the gateway has routed', async (path) => {
    const answer = await ask(topics, { method: 'GET', path, headers: { authorization: ADMIN } });
    expect([400, 404]).toContain(answer.status);
  });

  it('answer within the limits of an event whatever is in the records', async () => {
    await createTopic('quotes');
    // Each quote takes two bytes in JSON and four in the event's JSON, which alone would be 6 MiB and more.
    const value = '"'.repeat(400_000);
    for (let count = 0; count < 6; count++) {
      expect((await produceTo('quotes', JSON.stringify({ records: [{ value }] }))).status).toBe(200);
    }
    const read = await fetchFrom('quotes', `offset=0&max_bytes=${4 * MIB}`);
    expect(read.status).toBe(200);
    expect(read.base64).toBe(true);
    expect((json(read) as { records: unknown[] }).records.length).toBeGreaterThanOrEqual(4);
  });

  it('say what to ask for where a record alone is too long for an event', async () => {
    await createTopic('controls', 1, LARGE);
    const batch = encodeBatch([{ timestamp: 1, key: null, value: new Uint8Array(2_000_000).fill(1), headers: [] }]);
    const path = '/v1/topics/controls/partitions/0/records';
    await ask(produce, { method: 'POST', path, headers: { 'content-type': BATCHES_TYPE }, body: batch });
    const refused = await fetchFrom('controls', 'offset=0');
    expect(json(refused)).toMatchObject({ status: 413, code: 'MESSAGE_TOO_LARGE', effect: 'none' });
    const read = json(await fetchFrom('controls', 'offset=0&encoding=base64')) as {
      records: { value_base64: string }[];
    };
    expect(Buffer.from(read.records[0]?.value_base64 ?? '', 'base64')).toHaveLength(2_000_000);
  });

  it('take the largest body that a request may have', async () => {
    await createTopic('large', 1, LARGE);
    const value = Buffer.alloc(4 * MIB - 100, 'x');
    const batch = encodeBatch([{ timestamp: 1, key: null, value, headers: [] }]);
    const path = '/v1/topics/large/partitions/0/records';
    const written = await ask(produce, {
      method: 'POST',
      path,
      headers: { 'content-type': BATCHES_TYPE },
      body: batch,
    });
    expect(written.status, written.body.toString()).toBe(200);
    const read = await fetchFrom('large', 'offset=0', { accept: BATCHES_TYPE });
    expect(read.body).toHaveLength(batch.length);
  });
});

function eventOf(name: string): APIGatewayProxyEventV2 {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'events', name), 'utf8')) as APIGatewayProxyEventV2;
}

function parse(text: string): unknown {
  return JSON.parse(text);
}

function json(answer: HttpAnswer): unknown {
  return parse(answer.body.toString());
}

function sorted(values: readonly unknown[]): string[] {
  return values.map((value) => JSON.stringify(value)).toSorted();
}
