import { describe, expect, it } from 'vitest';
import { MillraceClientError } from '../../lib/client/errors.ts';
import { type ApiRequest, createTransport, type TransportOptions } from '../../lib/client/transport.ts';
import type { Clock } from '../../lib/kernel/clock.ts';
import { seededRandom } from '../../lib/kernel/random.ts';

const READ: ApiRequest = { method: 'GET', path: ['v1', 'topics'] };
const WRITE: ApiRequest = { method: 'POST', path: ['v1', 'topics'], body: '{}' };

function problem(status: number, code: string, facts: Record<string, unknown> = {}, headers = {}): Response {
  const body = { title: code, status, detail: `${code} happened`, code, retriable: true, effect: 'none', ...facts };
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });
}

/**
 * A transport whose server gives these answers one after the other, and what it was asked and paused. The time that a
 * request may take is over only when `expire` says so.
 */
function scripted(answers: (Response | Error)[], options: Partial<TransportOptions> = {}) {
  const requests: { url: string; init: RequestInit }[] = [];
  const pauses: number[] = [];
  const deadlines: { ms: number; signal: AbortSignal; expire: () => void }[] = [];
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    // Only a deadline can be called off: no request here has a signal and is sent again.
    sleep: async (ms, signal) => {
      if (signal === undefined) return void pauses.push(ms);
      return new Promise((resolve) => {
        deadlines.push({ ms, signal, expire: resolve });
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
  };
  const transport = createTransport({
    url: 'http://api.test',
    fetch: async (url, init) => {
      requests.push({ url: url as string, init: init as RequestInit });
      const answer = answers.shift();
      if (answer === undefined) throw new Error('asked once more than expected');
      if (answer instanceof Error) throw answer;
      return answer;
    },
    requestMsMax: 30_000,
    attemptsMax: 3,
    clock,
    random: seededRandom(1),
    ...options,
  });
  return { transport, requests, pauses, deadlines };
}

async function failureOf(promise: Promise<unknown>): Promise<MillraceClientError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MillraceClientError);
  return error as MillraceClientError;
}

describe('where a request goes', () => {
  it('keeps a base path and escapes every segment and parameter', async () => {
    const { transport, requests } = scripted([new Response('{}')], { url: 'https://api.test/stage/' });
    await transport({ method: 'GET', path: ['v1', 'topics', 'a/b?c'], query: { offset: -3, gone: undefined } });
    expect(requests[0]?.url).toBe('https://api.test/stage/v1/topics/a%2Fb%3Fc?offset=-3');
  });

  it.each(['', '.', '..'])('refuses the segment "%s", which a URL would drop', async (segment) => {
    const { transport, requests } = scripted([]);
    await expect(transport({ method: 'DELETE', path: ['v1', 'topics', segment] })).rejects.toThrow(TypeError);
    expect(requests).toEqual([]);
  });

  it.each(['', 'api.test', 'ftp://api.test'])('refuses the address "%s"', (url) => {
    expect(() => scripted([], { url })).toThrow(TypeError);
  });

  it('sends a secret as bearer token and id:secret as Basic', async () => {
    const bearer = scripted([new Response('{}')], { apiKey: 'secret' });
    await bearer.transport(READ);
    expect(bearer.requests[0]?.init.headers).toMatchObject({ authorization: 'Bearer secret' });
    const basic = scripted([new Response('{}')], { apiKey: 'admin:geheim' });
    await basic.transport(READ);
    expect(basic.requests[0]?.init.headers).toMatchObject({
      authorization: `Basic ${Buffer.from('admin:geheim').toString('base64')}`,
    });
  });
});

describe('failures', () => {
  it('turn a problem into its code, effect and facts', async () => {
    const facts = { retriable: false, log_start_offset: 3, high_watermark: 9 };
    const { transport } = scripted([problem(416, 'OFFSET_OUT_OF_RANGE', facts)]);
    const error = await failureOf(transport(READ));
    expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', status: 416, retriable: false, effect: 'none' });
    expect(error.message).toBe('OFFSET_OUT_OF_RANGE happened.');
    expect(error.facts).toEqual({ logStartOffset: 3, highWatermark: 9 });
  });

  it('keep the name of a code that this client does not know', async () => {
    const { transport } = scripted([problem(409, 'NEWER_CODE', { retriable: false })]);
    const error = await failureOf(transport(WRITE));
    expect(error).toMatchObject({ code: 'UNEXPECTED_ANSWER', status: 409 });
    expect(error.message).toContain('NEWER_CODE');
  });

  it('leave a lost answer to a write unknown and unsent', async () => {
    const { transport, requests } = scripted([new TypeError('fetch failed')]);
    const error = await failureOf(transport(WRITE));
    expect(error).toMatchObject({ code: 'NETWORK_ERROR', effect: 'unknown', retriable: true, status: undefined });
    expect(requests).toHaveLength(1);
  });

  it("take a gateway's 503 to a write as unknown: the function may have run", async () => {
    const { transport, requests } = scripted([new Response('{"message":"Service Unavailable"}', { status: 503 })]);
    const error = await failureOf(transport(WRITE));
    expect(error).toMatchObject({ code: 'UNEXPECTED_ANSWER', effect: 'unknown', status: 503 });
    expect(requests).toHaveLength(1);
  });

  it('end with the reason of the signal that aborted the call', async () => {
    const { transport } = scripted([new Error('aborted')]);
    const reason = new Error('enough');
    await expect(transport({ ...READ, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('end when the time is over, by the clock that was given', async () => {
    const { transport, deadlines } = scripted([], {
      attemptsMax: 1,
      requestMsMax: 10,
      fetch: (_url, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error));
        }),
    });
    const failure = failureOf(transport({ ...READ, waitMs: 5 }));
    expect(deadlines.map(({ ms }) => ms)).toEqual([15]);
    deadlines[0]?.expire();
    const error = await failure;
    expect(error).toMatchObject({ code: 'NETWORK_ERROR', effect: 'none' });
    expect(error.message).toContain('in time');
  });

  it('and answers call the deadline off, without aborting what has ended', async () => {
    const { transport, requests, deadlines } = scripted([new TypeError('x'), new Response('{}')]);
    await transport(READ);
    expect(deadlines.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    expect(requests.map(({ init }) => init.signal?.aborted)).toEqual([false, false]);
  });
});

describe('sending again', () => {
  it('repeats a read after a network error, with growing pauses', async () => {
    const { transport, requests, pauses } = scripted([new TypeError('x'), new TypeError('x'), new Response('{}')]);
    await transport(READ);
    expect(requests).toHaveLength(3);
    expect(pauses).toHaveLength(2);
    expect(pauses[1]).toBeGreaterThan(pauses[0] ?? Infinity);
  });

  it('repeats a write only where nothing has changed', async () => {
    const none = scripted([problem(503, 'KAFKA_STORAGE_ERROR'), new Response('{}')]);
    await none.transport(WRITE);
    expect(none.requests).toHaveLength(2);
    const unknown = scripted([problem(503, 'KAFKA_STORAGE_ERROR', { effect: 'unknown' })]);
    expect(await failureOf(unknown.transport(WRITE))).toMatchObject({ effect: 'unknown' });
    expect(unknown.requests).toHaveLength(1);
  });

  it('repeats a write that does no harm twice, and remembers that an attempt may have done it', async () => {
    const repeatable: ApiRequest = { ...WRITE, repeatable: true };
    const done = scripted([new TypeError('x'), new Response('{}')]);
    await done.transport(repeatable);
    expect(done.requests).toHaveLength(2);
    const refused = scripted([new TypeError('x'), problem(409, 'TOPIC_ALREADY_EXISTS', { retriable: false })]);
    expect(await failureOf(refused.transport(repeatable))).toMatchObject({
      code: 'TOPIC_ALREADY_EXISTS',
      effect: 'unknown',
    });
  });

  it('waits as long as the server asks', async () => {
    const throttled = problem(429, 'THROTTLING_QUOTA_EXCEEDED', {}, { 'retry-after': '2' });
    const { transport, pauses } = scripted([throttled, new Response('{}')]);
    await transport(WRITE);
    expect(pauses[0]).toBeGreaterThanOrEqual(2_000);
    expect(pauses[0]).toBeLessThan(3_000);
  });

  it('gives up after the last attempt', async () => {
    const { transport, requests } = scripted([
      problem(503, 'KAFKA_STORAGE_ERROR'),
      problem(503, 'KAFKA_STORAGE_ERROR'),
      problem(503, 'KAFKA_STORAGE_ERROR'),
    ]);
    expect(await failureOf(transport(READ))).toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(requests).toHaveLength(3);
  });

  it('does not ask again for a topic that is not there', async () => {
    const { transport, requests } = scripted([problem(404, 'UNKNOWN_TOPIC_OR_PARTITION')]);
    expect(await failureOf(transport(READ))).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true });
    expect(requests).toHaveLength(1);
  });
});
