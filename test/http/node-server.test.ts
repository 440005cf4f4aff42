import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createHttpServer } from '../../lib/http/node-server.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { requestLimits } from '../../lib/kernel/limits/requests.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { listeningWorld } from '../support/http-world.ts';
import { type RawAnswer, RawConnection, rawRequest } from '../support/raw-http.ts';

const JSON_TYPE = { 'Content-Type': 'application/json' };

const code = (answer: RawAnswer | undefined) => {
  expect(answer?.headers['content-type']).toBe('application/problem+json');
  return (JSON.parse(answer?.body ?? '') as { code: string }).code;
};

async function exchange(url: string, bytes: string | Uint8Array): Promise<RawAnswer | undefined> {
  const connection = await RawConnection.open(url);
  await connection.send(bytes);
  const answer = await connection.answer();
  connection.destroy();
  return answer;
}

describe('what no request is', () => {
  test.each([
    ['no HTTP', 'nonsense\r\n\r\n', 400],
    ['an unknown method', rawRequest('FETCH /v1/topics'), 400],
    ['a method in small letters', rawRequest('get /v1/topics'), 400],
    ['another version', 'GET /v1/topics HTTP/9.9\r\n\r\n', 400],
    ['no Host', 'GET /v1/topics HTTP/1.1\r\n\r\n', 400],
    [
      'two lengths',
      rawRequest('POST /v1/topics', { ...JSON_TYPE, 'Content-Length': '1', 'Transfer-Encoding': 'chunked' }),
      400,
    ],
    ['a length that is none', rawRequest('POST /v1/topics', { ...JSON_TYPE, 'Content-Length': '1e3' }), 400],
    ['a header with a line break', 'GET /v1/topics HTTP/1.1\r\nHost: localhost\r\nA\u0000: b\r\n\r\n', 400],
    ['a Host that is none', rawRequest('GET /v1/topics', { Host: 'a b' }), 400],
    ['a backslash in the path', rawRequest('GET /v1\\topics'), 400],
    ['a path without a slash', rawRequest('GET v1/topics'), 400],
    ['headers without end', rawRequest('GET /v1/topics', { A: 'x'.repeat(requestLimits.requestHeaderBytesMax) }), 431],
    [
      'many headers',
      rawRequest('GET /v1/topics', Object.fromEntries(Array.from({ length: 4_000 }, (_, i) => [`H${i}`, 'x']))),
      431,
    ],
    ['a path without end', rawRequest(`GET /${'x'.repeat(100_000)}`), 431],
  ])('%s is answered with a problem', async (_what, bytes, status) => {
    const { url, call } = await listeningWorld();
    const answer = await exchange(url, bytes);
    expect(answer?.status).toBe(status);
    expect(code(answer)).toBe(status === 431 ? 'REQUEST_HEADERS_TOO_LARGE' : 'INVALID_REQUEST');
    expect((await call('GET', '/healthz')).status).toBe(200);
  });

  test.each([
    ['/v1/topics/../../etc/passwd', 404],
    ['/v1/topics/%2e%2e/%2e%2e/etc/passwd', 404],
    ['/v1/%2e%2e/healthz', 200],
    ['/v1/topics/..%2f..%2fetc', 400],
    ['/v1/topics/%00', 400],
    ['/v1/topics/%ff', 400],
    ['/v1/topics/\u00e9', 400],
    ['http://localhost/healthz', 200],
    ['http://evil.example/v1/topics', 200],
    ['*', 400],
  ])('the path %j leads nowhere it should not', async (path, status) => {
    const { url } = await listeningWorld();
    const answer = await exchange(url, Buffer.from(rawRequest(`GET ${path}`), 'latin1'));
    expect(answer?.status).toBe(status);
    expect(answer?.body).not.toContain('root:');
  });
});

test('CONNECT is answered with 405 and what is allowed, and the connection is closed', async () => {
  const { url, call } = await listeningWorld();
  const connection = await RawConnection.open(url);
  await connection.send(rawRequest('CONNECT example.com:443'));
  const answer = await connection.answer();
  expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, POST, PATCH, DELETE' } });
  expect(code(answer)).toBe('METHOD_NOT_ALLOWED');
  await connection.until(() => false);
  expect((await call('GET', '/healthz')).status).toBe(200);
});

describe('requests that do not come', () => {
  test('a head gets its time and then 408', async () => {
    const { url } = await listeningWorld({ headersMsMax: 300 });
    const answer = await exchange(url, 'GET /v1/topics HTTP/1.1\r\nHost: loc');
    expect(answer?.status).toBe(408);
    expect(code(answer)).toBe('REQUEST_NOT_RECEIVED');
  });

  test.each(['/v1/topics', '/v1/topics/t/records'])('a body of %s gets its time and then 408', async (path) => {
    const { url, call } = await listeningWorld({ bodyMsMax: 300 });
    await call('POST', '/v1/topics', { name: 't' });
    const answer = await exchange(url, rawRequest(`POST ${path}`, { ...JSON_TYPE, 'Content-Length': '100' }, '{"na'));
    expect(answer?.status).toBe(408);
    expect(code(answer)).toBe('REQUEST_NOT_RECEIVED');
  });

  test.each(['GET', 'HEAD'])('the body of a %s, which nobody reads, gets its time and then the end', async (method) => {
    const { url } = await listeningWorld({ bodyMsMax: 300 });
    const connection = await RawConnection.open(url);
    await connection.send(rawRequest(`${method} /healthz`, { 'Content-Length': '100' }, '{"na'));
    const text = await connection.until(() => false);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  test('the body of a GET that comes in time leaves the connection open', async () => {
    const { url } = await listeningWorld({ bodyMsMax: 300 });
    const connection = await RawConnection.open(url);
    await connection.send(rawRequest('GET /healthz', { 'Content-Length': '4' }, '{"'));
    expect((await connection.answer())?.status).toBe(200);
    await connection.send('a"');
    await pause(700);
    await connection.send(rawRequest('GET /healthz'));
    expect((await connection.answer())?.status).toBe(200);
    connection.destroy();
  });

  test('a client that leaves inside its body leaves nothing behind', async () => {
    const errors: unknown[] = [];
    const log = { info: () => {}, warn: () => {}, error: (...logged: unknown[]) => errors.push(logged) };
    const { url, call, broker } = await listeningWorld({ log });
    await call('POST', '/v1/topics', { name: 't' });
    for (const type of ['application/json', 'application/x-ndjson']) {
      const connection = await RawConnection.open(url);
      const body = '{"records":[{"value":"x"}';
      await connection.send(
        rawRequest('POST /v1/topics/t/records', { 'Content-Type': type, 'Content-Length': '500' }, body),
      );
      connection.destroy();
    }
    await pause(100);
    expect(errors).toEqual([]);
    expect((await broker.topics.get('t')).name).toBe('t');
    const topic = (await (await call('GET', '/v1/topics/t')).json()) as {
      partition_details: { high_watermark: number }[];
    };
    expect(topic.partition_details[0]?.high_watermark).toBe(0);
  });
});

describe('bodies over the limit', () => {
  test('are refused by their announcement, and as they come', async () => {
    const { url } = await listeningWorld();
    const announced = rawRequest('POST /v1/topics', {
      ...JSON_TYPE,
      'Content-Length': String(requestLimits.requestBodyBytesMax + 1),
    });
    const answer = await exchange(url, announced);
    expect(answer?.status).toBe(413);
    expect(code(answer)).toBe('REQUEST_TOO_LARGE');

    const connection = await RawConnection.open(url);
    await connection.send(rawRequest('POST /v1/topics', { ...JSON_TYPE, 'Transfer-Encoding': 'chunked' }));
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    for (let sent = 0; sent <= requestLimits.requestBodyBytesMax && !connection.isClosed; sent += 0x10000)
      await connection.send(chunk);
    expect(code(await connection.answer())).toBe('REQUEST_TOO_LARGE');
    connection.destroy();
  });

  test('a body of exactly the limit is read', async () => {
    const { url } = await listeningWorld();
    const text = '{"name":"t"}'.padEnd(requestLimits.requestBodyBytesMax, ' ');
    const answer = await fetch(`${url}/v1/topics`, { method: 'POST', headers: JSON_TYPE, body: text });
    expect(answer.status).toBe(201);
  });
});

describe('a connection', () => {
  test('serves one request after the other, also after errors', async () => {
    const { url } = await listeningWorld();
    const connection = await RawConnection.open(url);
    for (const [request, status] of [
      [rawRequest('GET /healthz'), 200],
      [rawRequest('POST /v1/topics', JSON_TYPE, '{'), 400],
      [rawRequest('POST /v1/topics', { 'Content-Type': 'text/plain' }, 'x'), 415],
      [rawRequest('POST /v1/topics', JSON_TYPE, '{"name":"t"}'), 201],
      [rawRequest('GET /nothing'), 404],
    ] as const) {
      await connection.send(request);
      expect((await connection.answer())?.status).toBe(status);
    }
    connection.destroy();
  });

  test('is told to go on where it asks first, and anything else it expects is passed over', async () => {
    const { url } = await listeningWorld();
    const connection = await RawConnection.open(url);
    const headers = { ...JSON_TYPE, 'Content-Length': '12', Expect: '100-continue' };
    await connection.send(rawRequest('POST /v1/topics', headers));
    expect(await connection.until((text) => text.includes('\r\n\r\n'))).toMatch(/^HTTP\/1.1 100/);
    connection.destroy();
    expect((await exchange(url, rawRequest('GET /healthz', { Expect: 'nothing' })))?.status).toBe(200);
  });
});

test('closing lets what is under way end, and then no connection is left', async () => {
  const draining = new AbortController();
  const { url, http, call } = await listeningWorld({ draining: draining.signal });
  await call('POST', '/v1/topics', { name: 't' });
  const idle = await RawConnection.open(url);
  await idle.send(rawRequest('GET /healthz'));
  await idle.answer();
  const poll = await RawConnection.open(url);
  await poll.send(rawRequest('GET /v1/topics/t/partitions/0/records?offset=0&wait_ms=20000'));
  const tail = await RawConnection.open(url);
  await tail.send(rawRequest('GET /v1/topics/t/partitions/0/records?offset=0', { Accept: 'text/event-stream' }));
  await tail.until((text) => text.includes('retry:'));
  await pause(50);
  draining.abort();
  const closed = http.close();
  expect((await poll.answer())?.status).toBe(200);
  await tail.until(() => false);
  await closed;
  await expect(RawConnection.open(url)).rejects.toThrow(/ECONNREFUSED/);
});

describe('requests that are sent ahead of their answers', () => {
  /** An app that holds each request until it is let go. */
  const held = async () => {
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    let more = () => {};
    const app = {
      fetch: (request: Request) =>
        new Promise<Response>((resolve) => {
          const path = new URL(request.url).pathname;
          begun.push(path);
          ends.push(() => resolve(new Response(path)));
          more();
        }),
    };
    const http = createHttpServer({ app, clock: systemClock, random: seededRandom(1) });
    await new Promise<void>((resolve) => {
      http.server.listen(0, '127.0.0.1', resolve);
    });
    const until = async (count: number) => {
      while (begun.length < count) {
        await new Promise<void>((resolve) => {
          more = resolve;
        });
      }
    };
    const url = `http://127.0.0.1:${(http.server.address() as AddressInfo).port}`;
    return { server: http.server, url, begun, ends, until, close: () => http.close() };
  };
  const ahead = (count: number) => Array.from({ length: count }, (_, i) => rawRequest(`GET /${i}`)).join('');

  test('begin one after the other', async () => {
    const { url, begun, ends, until, close } = await held();
    const connection = await RawConnection.open(url);
    await connection.send(ahead(3));
    for (let i = 0; i < 3; i++) {
      await until(i + 1);
      expect(begun).toHaveLength(i + 1);
      ends[i]?.();
      expect((await connection.answer())?.body).toBe(`/${i}`);
    }
    connection.destroy();
    await close();
  });

  test('do not begin when their client has gone', async () => {
    const { server, url, begun, ends, until, close } = await held();
    const closed = new Promise<void>((resolve) => {
      server.once('connection', (socket) => socket.once('close', () => resolve()));
    });
    const connection = await RawConnection.open(url);
    await connection.send(ahead(50));
    await until(1);
    connection.destroy();
    // Where only the client's side is closed, it takes an answer to learn that nobody takes it.
    ends[0]?.();
    await Promise.race([closed, until(3)]);
    for (const end of ends) end();
    await closed;
    await pause(20);
    expect(begun.length).toBeLessThan(5);
    await close();
  });

  test('are not held without end', async () => {
    const { url, begun, until, close } = await held();
    const connection = await RawConnection.open(url);
    await connection.send(ahead(requestLimits.pipelinedRequestsMax + 2));
    await until(1);
    await connection.until(() => false);
    expect(connection.isClosed).toBe(true);
    expect(begun).toEqual(['/0']);
    await close();
  });
});
