/**
 * Thousands of requests that are wrong in some way. Whatever comes: no 500, no answer but the API's own, none later
 * than a request may take, nothing changed but by what was accepted, and the server goes on.
 *
 * A failure names its seed; `MILLRACE_FUZZ_SEED` repeats a run, `MILLRACE_FUZZ_REQUESTS` makes a longer one.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ERROR_CODES, type ErrorCode, errorRow } from '../../lib/kernel/errors.ts';
import { type Random, randomBelow, seededRandom } from '../../lib/kernel/random.ts';
import { RawConnection, rawRequest } from '../support/raw-http.ts';
import { type FuzzRequest, fuzzRequest } from './support/fuzz-requests.ts';
import { type AnswerJson, useTarget } from './support/target.ts';

const target = useTarget();
const seed = Number(process.env['MILLRACE_FUZZ_SEED'] ?? Date.now() % 1_000_000_007);
const requestsMax = Number(process.env['MILLRACE_FUZZ_REQUESTS'] ?? 4_000);

/** The longest a request may take: a long poll, or a body that does not come. */
const TIME_LIMIT_MS = 40_000;
const CONCURRENCY = 12;
const PARTITIONS = 3;

/** What a client saw accepted. */
class Accepted {
  readonly counts = Array.from({ length: PARTITIONS }, () => 0);
  readonly keys: string[] = [];

  note(request: FuzzRequest, text: string): void {
    if (request.method !== 'POST' || text === '') return;
    if (request.path.startsWith('/v1/transactions')) return this.noteTransaction(request, text);
    const lines = text.split('\n').filter((line) => line !== '');
    for (const line of lines) this.noteJson(JSON.parse(line) as Partial<AnswerJson & { partition: number }>);
  }

  /** What is added in parts counts when it is committed. */
  private noteTransaction({ path }: FuzzRequest, text: string): void {
    const { records = [], partitions = [] } = JSON.parse(text) as {
      records?: { partition: number }[];
      partitions?: { partition: number; records: number }[];
    };
    if (path.startsWith('/v1/transactions/'))
      for (const { partition, records: count } of partitions) this.add(partition, count);
    else for (const { partition } of records) this.add(partition, 1);
  }

  private noteJson(json: Partial<AnswerJson & { partition: number }>): void {
    if (json.secret !== undefined && json.id !== undefined) this.keys.push(json.id);
    if (json.record_count !== undefined) this.add(json.partition, json.record_count);
    else if (Array.isArray(json.records)) for (const record of json.records) this.add(record.partition, 1);
    else if (json.partition_details === undefined) this.add(json.partition, 1);
  }

  /** A record that failed names no partition. */
  private add(partition: number | undefined, count: number): void {
    if (partition !== undefined) this.counts[partition] = (this.counts[partition] as number) + count;
  }
}

async function highWatermarks(topic: string): Promise<number[]> {
  const { json } = await target.call('GET', `/v1/topics/${topic}`);
  return json.partition_details.map(({ high_watermark }) => high_watermark);
}

/** Of the REST dialect's answers, by what was accepted. */
const DIALECT_TYPES: ReadonlySet<string | null> = new Set(['application/vnd.kafka.v2+json', 'application/json']);

function checkProblem(text: string, status: number, contentType: string | null, what: string): void {
  expect(contentType, what).toBe('application/problem+json');
  const problem = JSON.parse(text) as AnswerJson;
  expect(ERROR_CODES, what).toContain(problem.code);
  expect(problem, what).toMatchObject({ status, effect: expect.stringMatching(/^(?:none|unknown)$/) as string });
  expect(errorRow(problem.code as ErrorCode).status, what).toBe(status);
  expect(problem.detail.length, what).toBeLessThan(2_000);
}

test(`thousands of bad requests change nothing and break nothing (seed ${seed})`, { timeout: 300_000 }, async () => {
  const random = seededRandom(seed);
  const topic = await target.topic({ partitions: PARTITIONS });
  for (let index = 0; index < 50; index++) target.discard(`${topic}-x${index}`);
  target.discard(`${topic}-odd`);
  const accepted = new Accepted();
  const slow = target.url.startsWith('http:') ? slowClients(topic) : [];
  const statuses = new Map<number, number>();
  let sent = 0;
  const worker = async () => {
    while (sent < requestsMax) {
      const number = sent++;
      const request = fuzzRequest(random, topic);
      const what = `seed ${seed}, request ${number}: ${request.method} ${request.path.slice(0, 200)} ${JSON.stringify(request.headers).slice(0, 200)} ${Buffer.from(
        request.body ?? [],
      )
        .toString('latin1', 0, 300)
        .replaceAll(/[^ -~]/g, '.')}`;
      const status = await exchange(request, accepted, what);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all([...Array.from({ length: CONCURRENCY }, worker), ...slow]);
  // Both kinds were among them: a fuzzer that is always refused at the door finds nothing behind it.
  for (const status of [200, 201, 207, 400, 404, 405, 413, 415, 416, 422])
    expect(statuses.get(status) ?? 0, `${status}`).toBeGreaterThan(0);

  for (const id of accepted.keys) await target.call('DELETE', `/v1/keys/${id}`);
  await expect.poll(() => highWatermarks(topic), { timeout: 20_000 }).toEqual(accepted.counts);
  for (const [partition, count] of accepted.counts.entries()) {
    const records = await target.fetchAll(topic, partition, '&max_records=10000');
    expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: count }, (_, index) => index));
  }
  expect((await target.call('GET', '/healthz')).status).toBe(200);
  expect((await target.produce(topic, [{ value: 'still here', partition: 0 }]))[0]?.offset).toBe(accepted.counts[0]);
});

/** Sends one request and checks its answer. Paths and headers that no client library sends go over a bare socket. */
async function exchange(request: FuzzRequest, accepted: Accepted, what: string): Promise<number> {
  const beganMs = performance.now();
  const leave = new AbortController();
  const answer = await target
    .send(request.method, request.path, { headers: request.headers, body: request.body, signal: leave.signal })
    .catch((error: Error) => error);
  if (answer instanceof Error) return unsendable(answer, what);
  const { status } = answer;
  const contentType = answer.headers.get('content-type');
  if (contentType === 'text/event-stream') {
    leave.abort();
    return status;
  }
  const text = Buffer.from(await answer.arrayBuffer()).toString();
  expect(performance.now() - beganMs, what).toBeLessThan(TIME_LIMIT_MS);
  expect(status, `${what}\n${text}`).not.toBe(500);
  if (status >= 400 && request.method !== 'HEAD') {
    if (DIALECT_TYPES.has(contentType) && isOutsideOfTheApi(request.path)) checkDialectError(text, status, what);
    else checkProblem(text, status, contentType, what);
  } else if (!answer.headers.has('producer-duplicate')) accepted.note(request, text);
  return status;
}

/** What damage made of the path may be one of the REST dialect, which has errors of its own form. */
function isOutsideOfTheApi(path: string): boolean {
  return !new URL(path, 'http://127.0.0.1').pathname.startsWith('/v1/');
}

function checkDialectError(text: string, status: number, what: string): void {
  const { error_code: code, message } = JSON.parse(text) as { error_code: number; message: string };
  expect(String(code), what).toMatch(new RegExp(`^${status}`));
  expect(message.length, what).toBeLessThan(2_000);
}

/** The client library itself refused, or the server closed while it was still sending; neither is an answer. */
function unsendable(error: Error, what: string): number {
  const cause = `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`;
  expect(cause, what).toMatch(
    /invalid|ByteString|Header|EPIPE|ECONNRESET|other side closed|URL|HeadersOverflow|method/i,
  );
  return 0;
}

/** Clients over bare sockets, all at once beside the others: half requests, dripping ones, floods, and noise. */
function slowClients(topic: string): Promise<void>[] {
  const random = seededRandom(seed + 1);
  const authorization = `Bearer ${target.key ?? ''}`;
  const path = `/v1/topics/${topic}/records`;
  const json = { Authorization: authorization, 'Content-Type': 'application/json' };
  const half = rawRequest(`POST ${path}`, { ...json, 'Content-Length': '1000' }, '{"records":[{"value":"half');
  return [
    ...Array.from({ length: 5 }, () => ends(half, 408)),
    ...Array.from({ length: 5 }, () => ends(`POST ${path} HTTP/1.1\r\nHost: local`, 408)),
    ...Array.from({ length: 5 }, () => drips(half, random)),
    ...Array.from({ length: 5 }, () => leaves(half)),
    ends(rawRequest('GET /v1/topics', { Authorization: authorization, Flood: 'x'.repeat(100_000) }), 431),
    ends(rawRequest(`POST ${path}`, { ...json, 'Transfer-Encoding': 'chunked' }, 'zz\r\nnothing\r\n'), 400),
    ...Array.from({ length: 20 }, () =>
      ends(Buffer.concat([random.bytes(1 + randomBelow(random, 300)), Buffer.from('\r\n\r\n')]), 400),
    ),
  ];
}

/** Sends this and no more, and gets a problem of this status. */
async function ends(bytes: string | Uint8Array, status: number): Promise<void> {
  const connection = await RawConnection.open(target.url);
  await connection.send(bytes);
  const beganMs = performance.now();
  const answer = await connection.answer();
  const what = `seed ${seed}: ${Buffer.from(bytes).toString('latin1', 0, 200)}`;
  expect(performance.now() - beganMs, what).toBeLessThan(TIME_LIMIT_MS);
  expect(answer?.status, what).toBe(status);
  checkProblem(answer?.body ?? '', status, answer?.headers['content-type'] ?? null, what);
  connection.destroy();
}

/** A byte now and then does not keep a request alive. */
async function drips(bytes: string, random: Random): Promise<void> {
  const connection = await RawConnection.open(target.url);
  await connection.send(bytes);
  const beganMs = performance.now();
  while (!connection.isClosed && performance.now() - beganMs < TIME_LIMIT_MS) {
    await connection.send('x');
    const answered = connection.answer();
    const dripped = pause(200 + randomBelow(random, 500), undefined);
    const answer = await Promise.race([answered, dripped]);
    if (answer === undefined) continue;
    expect(answer.status).toBe(408);
    connection.destroy();
    return;
  }
  throw new Error(`seed ${seed}: a dripping client was served for ${TIME_LIMIT_MS} ms`);
}

async function leaves(bytes: string): Promise<void> {
  const connection = await RawConnection.open(target.url);
  await connection.send(bytes);
  connection.destroy();
}
