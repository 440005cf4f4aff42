import { describe, expect, test } from 'vitest';
import { useTarget } from './support/target.ts';

const target = useTarget();
const create = (body: unknown) => target.call('POST', '/v1/keys', { body });

/** A new key; what it may not do is asked with it. */
async function keyWith(scopes: string[], topicPrefix?: string): Promise<{ id: string; secret: string }> {
  const { status, json } = await create({
    scopes,
    ...(topicPrefix === undefined ? {} : { topic_prefix: topicPrefix }),
  });
  expect(status).toBe(201);
  return json;
}

const as = async (key: string | null, method: string, path: string, body?: unknown, headers = {}) =>
  (await target.call(method, path, { key, headers, ...(body === undefined ? {} : { body }) })).status;

describe.runIf(target.wantsKeys)('a key', () => {
  test('shows its secret once', async () => {
    const created = await create({ scopes: ['produce', 'consume'], topic_prefix: 'orders.' });
    expect(created.status).toBe(201);
    const { secret, ...key } = created.json;
    expect(secret.length).toBeGreaterThanOrEqual(32);
    expect(key).toEqual({
      id: expect.any(String) as string,
      scopes: ['produce', 'consume'],
      topic_prefix: 'orders.',
      created_at: expect.any(Number) as number,
    });
    const listed = await target.call('GET', '/v1/keys?limit=1000');
    expect(listed.json.keys).toContainEqual(key);
    expect(listed.text).not.toContain(secret);
    expect(await as(null, 'DELETE', `/v1/keys/${key.id}`)).toBe(401);
    expect(await as(target.key ?? null, 'DELETE', `/v1/keys/${key.id}`)).toBe(204);
  });

  test('is known as a bearer and by Basic, with its own id only', async () => {
    const { id, secret } = await keyWith(['consume']);
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    expect(await as(secret, 'GET', '/v1/topics')).toBe(200);
    expect(await as(null, 'GET', '/v1/topics', undefined, basic(`${id}:${secret}`))).toBe(200);
    expect(await as(null, 'GET', '/v1/topics', undefined, basic(`other:${secret}`))).toBe(401);
    expect(await as(null, 'GET', '/v1/topics', undefined, basic(`${id}:wrong`))).toBe(401);
    expect(await as(`${secret}x`, 'GET', '/v1/topics')).toBe(401);
    expect(await as(secret.slice(0, -1), 'GET', '/v1/topics')).toBe(401);
  });

  test('ends when it is deleted', async () => {
    const { id, secret } = await keyWith(['consume']);
    expect(await as(secret, 'GET', '/v1/topics')).toBe(200);
    expect(await as(target.key ?? null, 'DELETE', `/v1/keys/${id}`)).toBe(204);
    // Another process may know it from memory for a little while.
    await expect.poll(() => as(secret, 'GET', '/v1/topics'), { timeout: 30_000, interval: 1_000 }).toBe(401);
    expect(await as(target.key ?? null, 'DELETE', `/v1/keys/${id}`)).toBe(404);
  });

  test.each([
    [{}, 'scopes'],
    [{ scopes: [] }, 'scopes'],
    [{ scopes: 'admin' }, 'scopes'],
    [{ scopes: ['root'] }, 'scopes[0]'],
    [{ scopes: { length: { toString: 0 } } }, 'scopes'],
    [{ scopes: ['admin'], topic_prefix: 5 }, 'topic_prefix'],
    [{ scopes: ['admin'], secret: 'mine' }, 'secret'],
  ])('is not made of %j', async (body, field) => {
    expect(await create(body)).toMatchObject({ status: 400, json: { code: 'INVALID_REQUEST', field } });
  });

  test('is not made with a prefix that no topic can have', async () => {
    for (const prefix of ['', 'a b', 'ä', 'x'.repeat(250)]) {
      expect((await create({ scopes: ['produce'], topic_prefix: prefix })).status).toBe(400);
    }
  });
});

describe.runIf(target.wantsKeys)('scopes', () => {
  test('allow their own part, on the topics of their prefix', async () => {
    const [inside, outside] = [await target.topic(), await target.topic()];
    const producer = (await keyWith(['produce'], inside)).secret;
    const consumer = (await keyWith(['consume'])).secret;
    const record = { records: [{ value: 'x' }] };
    const partition = (topic: string) => `/v1/topics/${topic}/partitions/0`;
    expect(await as(producer, 'POST', `/v1/topics/${inside}/records`, record)).toBe(200);
    expect(await as(producer, 'POST', `/v1/topics/${outside}/records`, record)).toBe(403);
    for (const path of ['records?offset=0', 'offsets?timestamp=latest', 'plan?offset=0']) {
      expect(await as(producer, 'GET', `${partition(inside)}/${path}`)).toBe(403);
      expect(await as(consumer, 'GET', `${partition(inside)}/${path}`)).toBe(200);
    }
    expect(await as(consumer, 'POST', `/v1/topics/${inside}/records`, record)).toBe(403);
    for (const key of [producer, consumer]) {
      expect(await as(key, 'POST', '/v1/topics', { name: target.freshName() })).toBe(403);
      expect(await as(key, 'PATCH', `/v1/topics/${inside}`, { partitions: 2 })).toBe(403);
      expect(await as(key, 'DELETE', `/v1/topics/${inside}`)).toBe(403);
      expect(await as(key, 'POST', '/v1/keys', { scopes: ['admin'] })).toBe(403);
      expect(await as(key, 'GET', '/v1/keys')).toBe(403);
      expect(await as(key, 'GET', '/v1/openapi.json')).toBe(200);
    }
    expect(await as(producer, 'GET', `/v1/topics/${inside}`)).toBe(200);
    expect(await as(producer, 'GET', `/v1/topics/${outside}`)).toBe(403);
  });

  test('are told apart from wrong keys: 401 says how to authenticate, 403 does not', async () => {
    const { secret } = await keyWith(['consume']);
    const unknown = await target.call('GET', '/v1/keys', { key: 'wrong' });
    expect(unknown).toMatchObject({ status: 401, json: { code: 'UNAUTHENTICATED', effect: 'none' } });
    expect(unknown.headers.get('www-authenticate')).toMatch(/Bearer/);
    const forbidden = await target.call('GET', '/v1/keys', { key: secret });
    expect(forbidden).toMatchObject({ status: 403, json: { code: 'FORBIDDEN', effect: 'none' } });
    expect(forbidden.headers.has('www-authenticate')).toBe(false);
  });
});

describe.runIf(target.wantsKeys)('without a key', () => {
  test('health is told, and nothing else', async () => {
    const topic = await target.topic();
    expect((await target.call('GET', '/healthz', { key: null })).json).toEqual({ status: 'ok' });
    for (const [method, path] of [
      ['GET', '/v1/topics'],
      ['POST', '/v1/topics'],
      ['GET', `/v1/topics/${topic}`],
      ['DELETE', `/v1/topics/${topic}`],
      ['POST', `/v1/topics/${topic}/records`],
      ['GET', `/v1/topics/${topic}/partitions/0/records?offset=0`],
      ['GET', `/v1/topics/${topic}/partitions/0/plan?offset=0`],
      ['POST', '/v1/keys'],
      ['GET', '/v1/openapi.json'],
      ['GET', '/v1/nothing'],
    ] as const) {
      expect(await as(null, method, path), `${method} ${path}`).toBe(401);
    }
    expect((await target.call('GET', `/v1/topics/${topic}`)).status).toBe(200);
  });
});
