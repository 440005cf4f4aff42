/**
 * Requests that are wrong in as many ways as a seed can think of: good ones with bytes, fields, headers, parameters or
 * paths changed, and some that are bad by design. None of them deletes or alters the topic that it is given, and none
 * waits for long.
 */
import zlib from 'node:zlib';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';
import { batchOf } from './batches.ts';

export interface FuzzRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: Uint8Array;
}

const JSON_TYPE = 'application/json';
const NDJSON = 'application/x-ndjson';
const BATCHES = 'application/vnd.millrace.batches';

type Pick = <T>(options: readonly T[]) => T;

export function fuzzRequest(random: Random, topic: string): FuzzRequest {
  const pick: Pick = (options) => options[randomBelow(random, options.length)] as (typeof options)[number];
  const request = pick([goodRequest, goodRequest, strangeJson, badByDesign])(random, pick, topic);
  const changes = randomBelow(random, 4);
  for (let change = 0; change < changes; change++) pick(CHANGES)(request, random, pick);
  return request;
}

function goodRequest(random: Random, pick: Pick, topic: string): FuzzRequest {
  const partition = `/v1/topics/${topic}/partitions/${randomBelow(random, 3)}`;
  const records = Array.from({ length: 1 + randomBelow(random, 4) }, (_, index) => goodRecord(random, pick, index));
  return pick<() => FuzzRequest>([
    () => json('POST', `/v1/topics/${topic}/records`, { records }),
    () => json('POST', `/v1/topics/${topic}/records`, { records, acks: pick(['all', 'leader', 'none', 0, 1, -1]) }),
    () =>
      json('POST', `${partition}/records`, { records: records.map((record) => ({ ...record, partition: undefined })) }),
    () =>
      text(
        NDJSON,
        `${partition}/records`,
        records.map((record) => JSON.stringify({ ...record, partition: undefined })).join('\n'),
      ),
    () => ({
      ...text(BATCHES, `${partition}/records`, ''),
      body: batchOf(['a', 'b', 'c'].slice(randomBelow(random, 3))),
    }),
    () => ({
      method: 'GET',
      path: `${partition}/records?offset=${pick(['0', 'earliest', 'latest', '-3', '2'])}`,
      headers: {},
    }),
    () => ({
      method: 'GET',
      path: `${partition}/records?offset=0&max_bytes=100&encoding=json`,
      headers: { accept: pick([NDJSON, BATCHES, '*/*']) },
    }),
    () => ({
      method: 'GET',
      path: `${partition}/records?offset=0&wait_ms=0`,
      headers: { accept: 'text/event-stream', 'last-event-id': '0' },
    }),
    () => ({
      method: 'GET',
      path: `${partition}/offsets?timestamp=${pick(['earliest', 'latest', '1700000000000'])}`,
      headers: {},
    }),
    () => ({ method: 'GET', path: `${partition}/plan?offset=0&max_bytes=1000`, headers: {} }),
    () => ({ method: 'GET', path: `/v1/topics${pick(['', `/${topic}`, '?limit=3', '?cursor=YQ'])}`, headers: {} }),
    () =>
      json('POST', '/v1/topics', {
        name: `${topic}-x${randomBelow(random, 50)}`,
        partitions: 1,
        config: { 'retention.ms': 1_000 },
      }),
    () => json('POST', '/v1/erasures', { topics: [topic], key: 'nobody' }),
    () => json('POST', '/v1/keys', { scopes: ['consume'], topic_prefix: 'fuzz' }),
    () => ({ method: 'DELETE', path: '/v1/keys/0123456789abcdef', headers: {} }),
    () => ({ method: 'GET', path: '/healthz', headers: {} }),
    ...transactions(random, pick, topic, () => undefined),
  ])();
}

/** Some that are right; where `odd` gives something, that is in the place of a part that would be. */
function transactions(random: Random, pick: Pick, topic: string, odd: () => unknown): (() => FuzzRequest)[] {
  const id = `${topic}-${randomBelow(random, 3)}`;
  const record = () => ({ topic: odd() ?? topic, ...goodRecord(random, pick, 0) });
  const offset = () => ({ topic, partition: odd() ?? 0, offset: odd() ?? 3, metadata: odd() ?? 'm' });
  const contents = () => ({
    records: odd() ?? [record(), record()],
    offsets: odd() ?? pick([undefined, { group: odd() ?? topic, offsets: odd() ?? [offset()] }]),
  });
  const numbered = (request: FuzzRequest): FuzzRequest => {
    const headers = { 'producer-epoch': `${randomBelow(random, 3)}`, 'producer-seq': `${randomBelow(random, 4)}` };
    return { ...request, headers: { ...request.headers, ...headers } };
  };
  const part = () => ({ part: odd() ?? randomBelow(random, 3), ...contents() });
  return [
    () => json('POST', '/v1/transactions', contents()),
    () => numbered(json('POST', '/v1/transactions', { transactional_id: odd() ?? id, ...contents() })),
    () => json('POST', `/v1/transactions/${id}/init`, { timeout_ms: odd() ?? pick([undefined, 1, 60_000]) }),
    () => numbered(json('POST', `/v1/transactions/${id}/parts`, odd() ?? part())),
    () => numbered({ method: 'POST', path: `/v1/transactions/${id}/${pick(['commit', 'abort'])}`, headers: {} }),
    () => ({ method: 'GET', path: `/v1/transactions/${id}`, headers: {} }),
    () => ({ method: 'GET', path: `/v1/groups/${topic}/offsets?limit=3`, headers: {} }),
  ];
}

function goodRecord(random: Random, pick: Pick, index: number) {
  return {
    key: pick([undefined, null, `k${index}`, { id: index }]),
    value: pick([null, 'text', `é😀${index}`, { nested: [index] }, 12.5, 'x'.repeat(randomBelow(random, 2_000))]),
    headers: pick([
      undefined,
      {},
      { h: 'v' },
      [
        { key: 'h', value: null },
        { key: 'h', value_base64: 'AA==' },
      ],
    ]),
    partition: pick([undefined, 0, 1, 2]),
    timestamp: pick([undefined, 1_700_000_000_000]),
  };
}

/** Requests whose JSON is well formed and of a wrong shape somewhere. */
function strangeJson(random: Random, pick: Pick, topic: string): FuzzRequest {
  const odd = () => strangeValue(random, pick, 3);
  const record: Record<string, unknown> = goodRecord(random, pick, 0);
  record[
    pick(['key', 'value', 'headers', 'partition', 'timestamp', 'value_base64', 'key_base64', 'extra', '__proto__'])
  ] = odd();
  return pick<() => FuzzRequest>([
    () => json('POST', `/v1/topics/${topic}/records`, { records: [goodRecord(random, pick, 0), record] }),
    () =>
      json('POST', `/v1/topics/${topic}/records`, {
        records: pick([odd(), [odd()], [record, odd()]]),
        [pick(['acks', 'expected_offset', 'x'])]: odd(),
      }),
    () => json('POST', `/v1/topics/${topic}/records`, odd()),
    () =>
      text(
        NDJSON,
        `/v1/topics/${topic}/records`,
        [record, odd(), record].map((line) => JSON.stringify(line)).join('\n'),
      ),
    () =>
      json('POST', '/v1/topics', {
        name: pick([odd(), `${topic}-odd`]),
        [pick(['partitions', 'config', 'replication_factor', 'x'])]: odd(),
      }),
    () =>
      json('POST', '/v1/topics', {
        name: `${topic}-odd`,
        config: { [pick(['retention.ms', 'cleanup.policy', 'x', '__proto__', 'constructor'])]: odd() },
      }),
    () => json('PATCH', `/v1/topics/${topic}-none`, { [pick(['partitions', 'config', 'x'])]: odd() }),
    () =>
      json('POST', '/v1/erasures', {
        [pick(['topics', 'topic_pattern'])]: pick([odd(), [odd()]]),
        [pick(['key', 'key_base64', 'header'])]: pick([odd(), { key: odd(), value: odd() }]),
      }),
    () => json('POST', '/v1/keys', { scopes: pick([odd(), [odd()]]), topic_prefix: odd() }),
    ...transactions(random, pick, topic, () => pick([undefined, undefined, odd()])),
  ])();
}

function strangeValue(random: Random, pick: Pick, depth: number): unknown {
  const inner = () => (depth === 0 ? 0 : strangeValue(random, pick, depth - 1));
  return pick<() => unknown>([
    () => null,
    () => pick([true, false]),
    () => pick([0, -1, 1.5, 1e308, -1e-308, 2 ** 53, 2 ** 31, 99_999, -0]),
    () =>
      pick([
        '',
        'a',
        '0',
        '\u0000',
        '../..',
        '\ud800',
        '😀',
        'AA==',
        'A',
        '%',
        'null',
        '__proto__',
        'x'.repeat(10_000),
      ]),
    () => Array.from({ length: randomBelow(random, 4) }, inner),
    () => ({ [pick(['key', 'value', 'a', '', '__proto__', 'constructor', 'toString', 'length'])]: inner() }),
  ])();
}

function badByDesign(random: Random, pick: Pick, topic: string): FuzzRequest {
  const records = `/v1/topics/${topic}/records`;
  const raw = `/v1/topics/${topic}/partitions/0/records`;
  const deep = 10_000;
  return pick<() => FuzzRequest>([
    () => text(JSON_TYPE, records, '['.repeat(deep) + ']'.repeat(deep)),
    () => text(JSON_TYPE, records, `{"records":[{"value":${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}}]}`),
    () => text(JSON_TYPE, records, `{"records":[{"headers":${'['.repeat(deep)}`),
    () => text(NDJSON, records, '{"value":'.repeat(deep)),
    () => text(JSON_TYPE, records, ' '.repeat(4 * 1024 * 1024 + 1)),
    () => text(JSON_TYPE, records, `{"records":[${'{},'.repeat(10_001)}{}]}`),
    () => ({
      ...text(JSON_TYPE, records, ''),
      headers: { 'content-type': JSON_TYPE, 'content-encoding': 'gzip' },
      body: bomb(),
    }),
    () => ({
      ...text(JSON_TYPE, records, ''),
      headers: { 'content-type': JSON_TYPE, 'content-encoding': pick(['br', 'zstd', 'deflate', 'x']) },
      body: random.bytes(100),
    }),
    () => ({ ...text(BATCHES, raw, ''), body: random.bytes(randomBelow(random, 500)) }),
    () => ({ ...text(pick([JSON_TYPE, NDJSON]), records, ''), body: random.bytes(randomBelow(random, 500)) }),
    () =>
      text(
        pick(['text/plain', 'application/xml', '', 'application/json;charset=latin1', '/', 'x'.repeat(5_000)]),
        records,
        '{"records":[{}]}',
      ),
    () => ({
      method: 'GET',
      path: `/v1/topics/${topic}/partitions/${pick(['-1', 'x', '99', '1e9', '999999999999', '%30', '0x0', ' '])}/records?offset=0`,
      headers: {},
    }),
    () => ({
      method: 'GET',
      path: `${raw}?offset=${pick(['999', '-0', 'x', '', '1.5', '9007199254740993', '99999999999999999999', '0&offset=1', '0&limit=1'])}`,
      headers: {},
    }),
    () => ({
      method: 'GET',
      path: `/v1/${pick(['..%2f..%2fetc/passwd', 'topics/%00', 'topics/%ff', 'topics/../../x', 'topics//records', 'topics/a%2fb', '%76%31', 'topics/%zz', 'topics/é'])}`,
      headers: {},
    }),
    () => ({
      method: 'GET',
      path: raw,
      headers: { 'last-event-id': pick(['x', '-1', '9'.repeat(30)]), accept: 'text/event-stream' },
    }),
    () => ({
      method: 'GET',
      path: '/v1/topics',
      headers: Object.fromEntries(
        Array.from({ length: pick([50, 2_000]) }, (_, index) => [`x-flood-${index}`, 'x'.repeat(20)]),
      ),
    }),
    () => ({
      method: 'GET',
      path: '/v1/topics',
      headers: { authorization: pick(['Bearer', 'Bearer x', 'Basic x', 'Basic', '', 'x'.repeat(10_000)]) },
    }),
    () => ({
      method: pick(['PUT', 'OPTIONS', 'HEAD', 'PROPFIND']),
      path: pick([raw, records, '/v1/topics', '/healthz']),
      headers: {},
    }),
  ])();
}

function bomb(): Uint8Array {
  return zlib.gzipSync(Buffer.alloc(16 * 1024 * 1024, ' '));
}

type Change = (request: FuzzRequest, random: Random, pick: Pick) => void;

const CHANGES: readonly Change[] = [
  changeBytes,
  changeBytes,
  changeBytes,
  cutBody,
  doubleBody,
  changeHeader,
  changeQuery,
  changePath,
];

function changeBytes(request: FuzzRequest, random: Random, pick: Pick): void {
  if (request.body === undefined || request.body.length === 0) return;
  const body = Buffer.from(request.body);
  for (let count = 1 + randomBelow(random, 3); count > 0; count--) {
    body[randomBelow(random, body.length)] = pick([randomBelow(random, 256), 0, 0xff, 0x22, 0x5c, 0x7b, 0x2c, 0x30]);
  }
  request.body = body;
}

function cutBody(request: FuzzRequest, random: Random): void {
  request.body = request.body?.subarray(0, randomBelow(random, request.body.length + 1));
}

function doubleBody(request: FuzzRequest, random: Random): void {
  if (request.body === undefined || request.body.length > 100_000) return;
  const from = randomBelow(random, request.body.length + 1);
  request.body = Buffer.concat([request.body, request.body.subarray(from)]);
}

function changeHeader(request: FuzzRequest, random: Random, pick: Pick): void {
  const name = pick([
    'content-type',
    'content-encoding',
    'accept',
    'last-event-id',
    'producer-id',
    'range',
    'expect-ct',
    'origin',
    'x-millrace',
  ]);
  request.headers[name] = pick([
    '',
    'x',
    '*/*',
    JSON_TYPE,
    NDJSON,
    BATCHES,
    'gzip',
    'identity',
    '0',
    'text/event-stream;q=0',
    '"',
    'a'.repeat(randomBelow(random, 3_000)),
  ]);
}

function changeQuery(request: FuzzRequest, random: Random, pick: Pick): void {
  const name = pick([
    'offset',
    'timestamp',
    'max_records',
    'max_bytes',
    'min_bytes',
    'encoding',
    'acks',
    'expected_offset',
    'limit',
    'cursor',
    'x',
    '',
  ]);
  const value = pick([
    '',
    '0',
    '-1',
    '1',
    'none',
    'json',
    '1e3',
    '%00',
    '%',
    '٣',
    '99999999999999999999',
    ' ',
    String(randomBelow(random, 1_000)),
  ]);
  request.path += `${request.path.includes('?') ? '&' : '?'}${name}=${value}`;
}

/** Never within the topic's name before its first change: no request is to hit another topic's deletion. */
function changePath(request: FuzzRequest, random: Random, pick: Pick): void {
  if (request.method === 'DELETE' || request.method === 'PATCH') return;
  const at = 1 + randomBelow(random, request.path.length);
  request.path =
    request.path.slice(0, at) +
    pick(['/', '%', '%2f', '..', '?', '#', '\\', ';', '%00', 'é', '', '.', '0']) +
    request.path.slice(at);
}

function json(method: string, path: string, value: unknown): FuzzRequest {
  return {
    method,
    path,
    headers: { 'content-type': JSON_TYPE },
    body: Buffer.from(JSON.stringify(value) ?? 'undefined'),
  };
}

function text(type: string, path: string, body: string): FuzzRequest {
  return { method: 'POST', path, headers: { 'content-type': type }, body: Buffer.from(body) };
}
