import { describe, expect, test } from 'vitest';
import { createAuthenticator } from '../../lib/broker/keys/authenticate.ts';
import { NATIVE_PATHS } from '../../lib/http/native/paths.ts';
import type { Problem } from '../../lib/http/problems.ts';
import { httpWorld } from '../support/http-world.ts';

const problem = async (response: Response | Promise<Response>) => {
  const answer = await response;
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  const body = (await answer.json()) as Problem;
  expect(body.status).toBe(answer.status);
  return body;
};

describe('paths and methods', () => {
  test('a path that is none gives 404, a wrong method 405 with Allow', async () => {
    const { call } = httpWorld();
    for (const path of [
      '/nothing',
      '/v1',
      '/v1/',
      '/v1/topic',
      '/v1/topics/',
      '/v1/topics/t/records/',
      '/v2/topics',
      '//v1/topics',
    ]) {
      expect(await problem(call('GET', path))).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    }
    for (const [path, methods] of Object.entries(NATIVE_PATHS)) {
      const concrete = path.replaceAll(/\{\w+\}/g, '0');
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        if ((methods as readonly string[]).includes(method)) continue;
        const answer = await call(method, concrete);
        expect(answer.headers.get('allow')?.split(', ')).toEqual(expect.arrayContaining([...methods]));
        expect(await problem(answer)).toMatchObject({ status: 405, code: 'METHOD_NOT_ALLOWED' });
      }
    }
  });

  test('HEAD answers as GET does, without a body', async () => {
    const { call } = httpWorld();
    await call('POST', '/v1/topics', { name: 't' });
    for (const path of [
      '/v1/topics',
      '/v1/topics/t',
      '/v1/topics/t/partitions/0/records?offset=0',
      '/healthz',
      '/v1/openapi.json',
    ]) {
      const answer = await call('HEAD', path);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('application/json');
      expect(await answer.text()).toBe('');
    }
    expect((await call('HEAD', '/v1/topics/missing')).status).toBe(404);
  });

  test('topics whose names no path can carry are refused, not looked for', async () => {
    const { call } = httpWorld();
    for (const name of ['a%2Fb', 'a%00b', '%E2%82%AC', 'a%20b', '%FF', '%zz', 'x'.repeat(250), '%252e%252e', 'a%0Ab']) {
      expect(await problem(call('GET', `/v1/topics/${name}`))).toMatchObject({ status: 400, code: 'INVALID_TOPIC' });
    }
  });
});

describe('keys', () => {
  const world = () => {
    const authenticator = { authenticate: (credentials: { secret: string }) => real.authenticate(credentials) };
    const opened = httpWorld({ authenticator });
    const real = createAuthenticator({ broker: opened.broker, staticKeys: [{ id: 'root', secret: 'root-secret' }] });
    const as = (secret: string) => ({ authorization: `Bearer ${secret}` });
    const root = as('root-secret');
    const newKey = async (body: unknown) => {
      const answer = await opened.call('POST', '/v1/keys', body, root);
      return as(((await answer.json()) as { secret: string }).secret);
    };
    return { ...opened, root, as, newKey };
  };

  test('without one, or with a wrong one, everything but health is 401', async () => {
    const { call, as } = world();
    expect((await call('GET', '/healthz')).status).toBe(200);
    const closed = Object.keys(NATIVE_PATHS).filter((path) => path !== '/healthz');
    for (const path of [...closed, '/v1/nothing']) {
      for (const headers of [
        {},
        as('wrong'),
        as('mr_0000000000000000_x'),
        { authorization: 'Basic cm9vdDp3cm9uZw==' },
      ]) {
        const answer = await call('GET', path.replaceAll(/\{\w+\}/g, '0'), undefined, headers);
        expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
        expect(await problem(answer)).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
      }
    }
  });

  test('a foreign Host or Origin means nothing to who has a key', async () => {
    const { call, root } = world();
    const answer = await call('GET', '/v1/topics', undefined, {
      ...root,
      host: 'evil.example',
      origin: 'https://evil.example',
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.has('access-control-allow-origin')).toBe(false);
  });

  test('scopes and prefixes decide what a key may do', async () => {
    const { call, root, newKey } = world();
    for (const name of ['a.one', 'b.one']) await call('POST', '/v1/topics', { name }, root);
    const producer = await newKey({ scopes: ['produce'], topic_prefix: 'a.' });
    const consumer = await newKey({ scopes: ['consume'] });
    const record = { records: [{ value: 'x' }] };
    const read = '/partitions/0/records?offset=0';
    const status = async (...request: Parameters<typeof call>) => (await call(...request)).status;
    expect(await status('POST', '/v1/topics/a.one/records', record, producer)).toBe(200);
    expect(await status('POST', '/v1/topics/b.one/records', record, producer)).toBe(403);
    expect(await status('POST', '/v1/topics/b.missing/records', record, producer)).toBe(403);
    expect(await status('GET', `/v1/topics/a.one${read}`, undefined, producer)).toBe(403);
    expect(await status('GET', `/v1/topics/a.one${read}`, undefined, consumer)).toBe(200);
    expect(await status('POST', '/v1/topics/a.one/records', record, consumer)).toBe(403);
    for (const key of [producer, consumer]) {
      expect(await status('POST', '/v1/topics', { name: 'a.two' }, key)).toBe(403);
      expect(await status('PATCH', '/v1/topics/a.one', { partitions: 2 }, key)).toBe(403);
      expect(await status('DELETE', '/v1/topics/a.one', undefined, key)).toBe(403);
      expect(await status('GET', '/v1/keys', undefined, key)).toBe(403);
      expect(await status('POST', '/v1/keys', { scopes: ['admin'] }, key)).toBe(403);
    }
    expect(await status('GET', '/v1/topics/a.one', undefined, producer)).toBe(200);
    expect(await status('GET', '/v1/topics/b.one', undefined, producer)).toBe(403);
    const names = async (key: Record<string, string>) => {
      const page = (await (await call('GET', '/v1/topics', undefined, key)).json()) as { topics: { name: string }[] };
      return page.topics.map(({ name }) => name);
    };
    expect(await names(producer)).toEqual(['a.one']);
    expect(await names(consumer)).toEqual(['a.one', 'b.one']);
  });

  test('with a prefix see full pages of their own topics, and cursors that name no other', async () => {
    const { call, root, newKey } = world();
    const hidden = ['a', 'b', 'c', 'ma', 'x'];
    for (const name of [...hidden, 'm.1', 'm.2', 'm.3']) await call('POST', '/v1/topics', { name }, root);
    const key = await newKey({ scopes: ['consume'], topic_prefix: 'm.' });
    const pages: string[][] = [];
    let query = 'limit=2';
    for (;;) {
      const answer = await call('GET', `/v1/topics?${query}`, undefined, key);
      const page = (await answer.json()) as { topics: { name: string }[]; next?: string };
      pages.push(page.topics.map(({ name }) => name));
      if (page.next === undefined) break;
      expect(Buffer.from(page.next, 'base64url').toString()).toMatch(/^m\./);
      query = `limit=2&cursor=${page.next}`;
    }
    expect(pages).toEqual([['m.1', 'm.2'], ['m.3']]);
  });
});

describe('pages of other sites', () => {
  test('are kept out of a server without keys', async () => {
    const { call } = httpWorld();
    expect(await problem(call('GET', '/v1/topics', undefined, { host: 'evil.example' }))).toMatchObject({
      status: 403,
    });
    expect(await problem(call('GET', '/v1/topics', undefined, { origin: 'https://evil.example' }))).toMatchObject({
      status: 403,
    });
    expect(await problem(call('GET', '/nothing', undefined, { host: 'evil.example' }))).toMatchObject({ status: 403 });
    expect((await call('GET', '/healthz', undefined, { host: 'evil.example' })).status).toBe(200);
  });

  test('CORS is off unless configured', async () => {
    const { call } = httpWorld();
    const preflight = { origin: 'http://localhost:3000', 'access-control-request-method': 'POST' };
    const answer = await call('OPTIONS', '/v1/topics', undefined, preflight);
    expect(answer.status).toBe(405);
    expect([...answer.headers.keys()].some((name) => name.startsWith('access-control'))).toBe(false);
  });

  test('are let in where CORS names them, and see the headers of answers and errors', async () => {
    const { call } = httpWorld({ cors: { origins: ['https://app.example'] } });
    const origin = 'https://app.example';
    const preflight = await call('OPTIONS', '/v1/topics/t/records', undefined, {
      origin,
      'access-control-request-method': 'POST',
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    for (const path of ['/v1/topics', '/v1/topics/missing']) {
      const answer = await call('GET', path, undefined, { origin });
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      expect(answer.headers.get('access-control-expose-headers')).toContain('Millrace-Next-Offset');
    }
    const stranger = await call('GET', '/v1/topics', undefined, { origin: 'https://evil.example' });
    expect(stranger.status).toBe(403);
    expect(stranger.headers.has('access-control-allow-origin')).toBe(false);
  });

  test('are let in from everywhere with * and a key; without keys a stranger stays out', async () => {
    const origin = 'https://app.example';
    const preflight = { origin, 'access-control-request-method': 'POST' };
    const keyed = httpWorld({
      cors: { origins: ['*'] },
      authenticator: { authenticate: () => Promise.resolve({ id: 'root', grants: [{ scope: 'admin' }] }) },
    });
    const asked = await keyed.call('OPTIONS', '/v1/topics/t/records', undefined, preflight);
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-origin')).toBe('*');
    expect(asked.headers.has('access-control-allow-credentials')).toBe(false);
    for (const path of ['/v1/topics', '/v1/topics/missing']) {
      const headers = { origin, authorization: 'Bearer any' };
      const answer = await keyed.call('GET', path, undefined, headers);
      expect(answer.status).toBe(path === '/v1/topics' ? 200 : 404);
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    }
    const open = httpWorld({ cors: { origins: ['*'] } });
    for (const stranger of [origin, '*']) {
      expect((await open.call('GET', '/v1/topics', undefined, { origin: stranger })).status).toBe(403);
    }
  });
});

describe('what is wrong with a request', () => {
  const detail = async (method: string, path: string, body?: unknown) =>
    problem(httpWorld().call(method, path, body, { 'content-type': 'application/json' }));

  test('is told with advice that helps', async () => {
    const partitions = await detail('POST', '/v1/topics', '{"name":"t","partitions":1e300}');
    expect(partitions).toMatchObject({ code: 'INVALID_REQUEST', field: 'partitions' });
    expect(partitions.detail).not.toContain('as a string');
    const config = await detail('POST', '/v1/topics', '{"name":"t","config":{"retention.ms":9223372036854775807}}');
    expect(config).toMatchObject({ field: 'config["retention.ms"]' });
    expect(config.detail).toContain('send it as a string');
  });

  test.each([
    ['/v1/topics/t/partitions/1000000000/records?offset=0', 'from 0 to 999999999'],
    ['/v1/topics/t/partitions/0/records?offset=0&max_bytes=99999999999999999999', 'from 0 to 2^53 − 1'],
    ['/v1/topics/t/partitions/0/records?offset=0&max_bytes=9007199254740993', 'from 0 to 2^53 − 1'],
    ['/v1/topics/t/partitions/0/records?offset=0&max_records=0', 'from 1 to 2^53 − 1'],
  ])('of %s: a whole number %s', async (path, range) => {
    expect((await detail('GET', path)).detail.endsWith(`a whole number ${range}.`)).toBe(true);
  });

  test.each(['[]', '5', '"text"', 'null', '1e300', '"\\ud800"'])(
    'names no field where it is the whole body: %s',
    async (body) => {
      const found = await detail('POST', '/v1/topics', body);
      expect(found).toMatchObject({ status: 400, code: 'INVALID_REQUEST' });
      expect(found.detail).toMatch(/^The body /);
      expect(found).not.toHaveProperty('field');
    },
  );
});

describe('faults', () => {
  test('of the server have an id that is in the log, and nothing internal', async () => {
    const logged: Record<string, unknown>[] = [];
    const log = {
      info: () => {},
      warn: () => {},
      error: (_message: string, facts: Record<string, unknown>) => logged.push(facts),
    };
    const { call, broker } = httpWorld({ log });
    const bug = new Error('secret internals');
    Object.assign(broker.metadata, { query: () => Promise.reject(bug) });
    const body = await problem(call('GET', '/v1/topics'));
    expect(body).toMatchObject({ status: 500, code: 'UNKNOWN_SERVER_ERROR', effect: 'unknown', retriable: false });
    expect(JSON.stringify(body)).not.toContain('internals');
    expect(logged).toEqual([{ id: body.id, method: 'GET', path: '/v1/topics', error: bug }]);
  });

  test('of storage say when to come back', async () => {
    const { call, broker } = httpWorld();
    await broker.metadata.close();
    for (const path of ['/healthz', '/v1/topics']) {
      const answer = await call('GET', path);
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(await problem(answer)).toMatchObject({ status: 503, code: 'KAFKA_STORAGE_ERROR', retriable: true });
    }
  });
});
