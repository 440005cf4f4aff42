/** The fetch function behind a function URL that streams. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ExecutionEnvironment } from '../support/execution-environment.ts';
import { ADMIN_KEY, type Functions, functionsMissing, makeFunctions } from '../support/functions.ts';
import { httpApiEvent } from '../support/http-api.ts';
import { describeWithPeer } from '../support/peer.ts';
import type { Outcome } from '../support/runtime-api.ts';

const ADMIN = `Basic ${Buffer.from(`${ADMIN_KEY.id}:${ADMIN_KEY.secret}`).toString('base64')}`;

describeWithPeer(functionsMissing())('a function that streams its answers', () => {
  let functions: Functions;
  let topics: ExecutionEnvironment;
  let produce: ExecutionEnvironment;
  let fetch: ExecutionEnvironment;
  let authorization: string;

  beforeAll(async () => {
    functions = await makeFunctions();
    topics = await functions.start('topics');
    produce = await functions.start('produce');
    fetch = await functions.start('fetch', { MILLRACE_STREAMING: 'true' });
    await topics.invoke(post('/v1/topics', { name: 'tail' }, ADMIN));
    const key = (await topics.invoke(post('/v1/keys', { scopes: ['admin'] }, ADMIN))) as { payload: { body: string } };
    authorization = `Bearer ${(JSON.parse(key.payload.body) as { secret: string }).secret}`;
  });

  afterAll(() => functions?.close());

  function post(path: string, body: unknown, authorization: string) {
    const headers = { 'content-type': 'application/json', authorization };
    return httpApiEvent({ method: 'POST', path, headers, body: JSON.stringify(body) });
  }

  function get(query: string, accept: string) {
    const path = `/v1/topics/tail/partitions/0/records?${query}`;
    return httpApiEvent({ method: 'GET', path, headers: { accept, authorization } });
  }

  it('sends records of a live tail as they are written, and ends cleanly', async () => {
    const tail = fetch.invoke(get('offset=0&max_records=3', 'text/event-stream'));
    for (const value of ['one', 'two', 'three']) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      await produce.invoke(post('/v1/topics/tail/records', { records: [{ value }] }, authorization));
    }
    const outcome = await tail;
    const { status, headers, body, chunks } = streamOf(outcome);
    expect(status).toBe(200);
    expect(headers['content-type']).toContain('text/event-stream');
    expect(body).toMatch(/^retry: \d+\n\nid: 0\n[^]*"one"[^]*"two"[^]*"three"[^]*retry: \d+\n\n$/);
    const [one, three] = ['"one"', '"three"'].map((value) => chunks.find(({ text }) => text.includes(value))?.afterMs);
    expect((three ?? 0) - (one ?? 0)).toBeGreaterThan(300);
  });

  it('sends JSON and errors with their status and headers', async () => {
    const records = streamOf(await fetch.invoke(get('offset=0', 'application/json')));
    expect(records.status).toBe(200);
    expect(JSON.parse(records.body)).toMatchObject({ next_offset: 3 });
    const error = streamOf(await fetch.invoke(get('offset=99', 'application/json')));
    expect(error.status).toBe(416);
    expect(error.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(error.body)).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
  });
});

/** What Lambda makes of a streamed answer: a prelude of JSON, eight zero bytes, the body. */
function streamOf(outcome: Outcome) {
  if (outcome.kind !== 'stream') throw new Error(JSON.stringify(outcome));
  expect(outcome.contentType).toBe('application/vnd.awslambda.http-integration-response');
  expect(outcome.error).toBeUndefined();
  const bytes = Buffer.concat(outcome.chunks.map((chunk) => chunk.bytes));
  const delimiter = bytes.indexOf(Buffer.alloc(8));
  const prelude = JSON.parse(bytes.subarray(0, delimiter).toString()) as {
    statusCode: number;
    headers: Record<string, string>;
  };
  return {
    status: prelude.statusCode,
    headers: prelude.headers,
    body: bytes.subarray(delimiter + 8).toString(),
    chunks: outcome.chunks.map((chunk) => ({ text: chunk.bytes.toString(), afterMs: chunk.afterMs })),
  };
}
