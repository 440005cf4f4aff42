import { describe, expect, test } from 'vitest';
import { typeOf, useDialect, V2 } from './support/dialect.ts';
import { useTarget } from './support/target.ts';

const target = useTarget();
const { call, send } = useDialect(target);

const any: unknown = expect.anything();
const error = (code: number) => ({
  status: code < 1_000 ? code : Math.floor(code / 100),
  contentType: V2,
  json: { error_code: code, message: any },
});

describe('topics', () => {
  test('are created, listed and described', async () => {
    const name = target.freshName();
    const created = await call('POST', '/admin/topics', {
      body: { topic_name: name, partitions_count: 3, replication_factor: 1 },
      headers: { 'content-type': typeOf('json') },
    });
    expect(created).toMatchObject({ status: 201, contentType: V2, json: {} });
    expect((await call('GET', '/topics')).json).toContain(name);
    const partition = (number: number) => ({
      partition: number,
      leader: 0,
      replicas: expect.arrayContaining([{ broker: 0, leader: true, in_sync: true }]) as unknown,
    });
    const partitions = [partition(0), partition(1), partition(2)];
    expect((await call('GET', `/topics/${name}`)).json).toEqual({ name, configs: {}, partitions });
    expect((await call('GET', `/topics/${name}/partitions`)).json).toEqual(partitions);
    expect((await call('GET', `/topics/${name}/partitions/2`)).json).toEqual(partition(2));
  });

  test('have defaults for what is null or not there', async () => {
    for (const more of [{}, { partitions_count: null, replication_factor: null }]) {
      const name = target.freshName();
      expect((await call('POST', '/admin/topics', { body: { topic_name: name, ...more } })).status).toBe(201);
      expect((await call('GET', `/topics/${name}/partitions`)).json).toHaveLength(1);
    }
  });

  test('show the configs that were set', async () => {
    const name = await target.topic({ config: { 'retention.ms': 5_000 } });
    expect((await call('GET', `/topics/${name}`)).json).toMatchObject({ configs: { 'retention.ms': '5000' } });
  });

  test('are not created twice, nor with what no topic can have', async () => {
    const name = await target.topic();
    const create = async (body: unknown) => call('POST', '/admin/topics', { body });
    expect(await create({ topic_name: name })).toMatchObject(error(409));
    expect(await create({ topic_name: 'no/slash' })).toMatchObject(error(422));
    expect(await create({ topic_name: `${name}-x`, partitions_count: 0 })).toMatchObject(error(422));
    expect(await create({ topic_name: `${name}-x`, replication_factor: 99 })).toMatchObject(error(422));
    expect(await create({ topic_name: `${name}-x`, partitions: 1 })).toMatchObject(error(422));
    expect(await create({ topic_name: 5 })).toMatchObject(error(422));
    expect(await create({})).toMatchObject(error(422));
    expect(await create('{')).toMatchObject(error(422));
    expect((await call('GET', '/topics')).json).not.toContain(`${name}-x`);
  });

  test('that are not there, or can never be, are 40401; so are their partitions', async () => {
    for (const name of [target.freshName(), 'a%20b', 'caf%C3%A9', 'x'.repeat(250)]) {
      for (const path of ['', '/partitions', '/partitions/0', '/partitions/0/offsets']) {
        expect(await call('GET', `/topics/${name}${path}`)).toMatchObject(error(40401));
      }
      const body = { records: [{ value: null }] };
      expect(await call('POST', `/topics/${name}`, { body })).toMatchObject(error(40401));
      expect(await call('POST', `/topics/${name}/partitions/0`, { body })).toMatchObject(error(40401));
    }
  });

  test('of names with tricks in them lead nowhere', async () => {
    for (const name of ['..%2f', '%00', '%ff', '%zz']) {
      for (const path of ['', '/partitions', '/partitions/0/offsets']) {
        const response = await target.send('GET', `/topics/${name}${path}`);
        expect(response.status, name).toBe(404);
        await response.arrayBuffer();
      }
    }
  });

  test('have no other partitions than theirs: 40402', async () => {
    const name = await target.topic({ partitions: 2 });
    for (const partition of ['2', '-1', 'x', '0x0', '1e0', '99999999999999999999', '%00']) {
      expect(await call('GET', `/topics/${name}/partitions/${partition}`)).toMatchObject(error(40402));
      expect(await call('GET', `/topics/${name}/partitions/${partition}/offsets`)).toMatchObject(error(40402));
      const body = { records: [{ value: null }] };
      expect(await call('POST', `/topics/${name}/partitions/${partition}`, { body })).toMatchObject(error(40402));
    }
  });
});

describe('records', () => {
  const sent = (partition: unknown, offset: unknown) => ({ partition, offset, error_code: null, error: null });

  test.each([
    ['binary', 'a2V5', 'dmFsdWU=', 'key', 'value'],
    ['json', { id: 1 }, [1, 'two', null], '{"id":1}', '[1,"two",null]'],
    ['json', 'key', 'value', '"key"', '"value"'],
    ['text', 'kéy', 'value', 'kéy', 'value'],
  ] as const)('are written as %s', async (format, key, value, storedKey, storedValue) => {
    const topic = await target.topic();
    const headers = [{ key: 'h', value: 'aGVhZGVy' }];
    const answer = await call('POST', `/topics/${topic}`, {
      body: { records: [{ key, value, headers, timestamp: 1_700_000_000_000 }, { value: null }] },
      headers: { 'content-type': typeOf(format) },
    });
    expect(answer).toMatchObject({
      status: 200,
      contentType: V2,
      json: { offsets: [sent(0, 0), sent(0, 1)], key_schema_id: null, value_schema_id: null },
    });
    const [first, second] = await target.fetchAll(topic);
    expect(first).toMatchObject({
      key: storedKey,
      value: storedValue,
      headers: [{ key: 'h', value: 'header' }],
      timestamp: 1_700_000_000_000,
    });
    expect(second).toMatchObject({ key: null, value: null, headers: [] });
  });

  test('are binary where the type says nothing of them', async () => {
    const topic = await target.topic();
    for (const type of [V2, 'application/vnd.kafka+json', 'application/json; charset=utf-8']) {
      const body = { records: [{ value: 'dg==' }] };
      expect((await call('POST', `/topics/${topic}`, { body, headers: { 'content-type': type } })).status).toBe(200);
    }
    expect((await target.fetchAll(topic)).map(({ value }) => value)).toEqual(['v', 'v', 'v']);
  });

  test('go to the partition of the path, to their own, or to that of their key', async () => {
    const topic = await target.topic({ partitions: 4 });
    const path = `/topics/${topic}/partitions/3`;
    expect((await call('POST', path, { body: { records: [{ value: null }] } })).json).toMatchObject({
      offsets: [sent(3, 0)],
    });
    const records = [
      { value: null, partition: 3 },
      { value: null, partition: 1 },
    ];
    expect((await call('POST', `/topics/${topic}`, { body: { records } })).json).toMatchObject({
      offsets: [sent(3, 1), sent(1, 0)],
    });
    const keyed = { records: [{ key: 'a2V5', value: null }] };
    const [first, second] = [
      (await call('POST', `/topics/${topic}`, { body: keyed })).json,
      (await call('POST', `/topics/${topic}`, { body: keyed })).json,
    ] as { offsets: { partition: number }[] }[];
    expect(first?.offsets[0]?.partition).toBe(second?.offsets[0]?.partition);
  });

  test('fail one by one, in an answer that went well', async () => {
    const topic = await target.topic({ config: { 'max.message.bytes': 1_000 } });
    const records = [{ value: 'ok' }, { value: 'x', partition: 7 }, { value: 'x'.repeat(2_000) }];
    const answer = await call('POST', `/topics/${topic}`, {
      body: { records },
      headers: { 'content-type': typeOf('text') },
    });
    const failed = (code: number) => ({ partition: null, offset: null, error_code: code, error: any, message: any });
    expect(answer).toMatchObject({ status: 200, json: { offsets: [sent(0, 0), failed(40402), failed(413)] } });
    expect(await target.fetchAll(topic)).toHaveLength(1);
  });

  test('that are not waited for are answered without offsets, and stored', async () => {
    const topic = await target.topic();
    const answer = await call('POST', `/topics/${topic}?async=true`, {
      body: { records: [{ value: 'later' }] },
      headers: { 'content-type': typeOf('text') },
    });
    expect(answer).toMatchObject({ status: 200, json: { offsets: [{ partition: 0, error_code: null }] } });
    await expect.poll(async () => (await target.fetchAll(topic)).length).toBe(1);
  });

  test('that are wrong are 422, and nothing is written', async () => {
    const topic = await target.topic();
    for (const path of [`/topics/${topic}`, `/topics/${topic}/partitions/0`]) {
      for (const body of ['', '{', '[]', '{}', '{"records":[{"value":"ok=="},{}]}', '{"records":[{"value":{}}]}']) {
        expect(await call('POST', path, { body })).toMatchObject(error(422));
      }
      const body = { records: [{ value: null }] };
      expect(await call('POST', `${path}?async=maybe`, { body })).toMatchObject(error(422));
      expect(await call('POST', path, { body, headers: { 'content-type': 'text/plain' } })).toMatchObject(error(415));
      const avro = { 'content-type': 'application/vnd.kafka.avro.v2+json' };
      expect(await call('POST', path, { body, headers: avro })).toMatchObject(error(415));
    }
    const both = { records: [{ value: null, partition: 0 }] };
    expect(await call('POST', `/topics/${topic}/partitions/0`, { body: both })).toMatchObject(error(422));
    expect(await target.fetchAll(topic)).toEqual([]);
  });

  test('none at all are written as none', async () => {
    const topic = await target.topic();
    expect(await call('POST', `/topics/${topic}`, { body: { records: [] } })).toMatchObject({
      status: 200,
      json: { offsets: [] },
    });
  });

  test('move the end of their partition', async () => {
    const topic = await target.topic({ partitions: 2 });
    await send(topic, 'text', [
      { value: 'a', partition: 1 },
      { value: 'b', partition: 1 },
    ]);
    const offsets = async (partition: number) =>
      (await call('GET', `/topics/${topic}/partitions/${partition}/offsets`)).json;
    expect(await offsets(0)).toEqual({ beginning_offset: 0, end_offset: 0 });
    expect(await offsets(1)).toEqual({ beginning_offset: 0, end_offset: 2 });
  });
});

describe('the server', () => {
  test('says its version and that it is well, without a key', async () => {
    expect(await call('GET', '/', { key: null })).toMatchObject({
      status: 200,
      contentType: 'application/json',
      json: { bridge_version: any },
    });
    for (const path of ['/healthy', '/ready']) {
      expect(await call('GET', path, { key: null })).toMatchObject({ status: 200, text: '' });
    }
  });

  test('describes the dialect', async () => {
    const { json } = await call('GET', '/openapi');
    expect(json).toMatchObject({ openapi: '3.1.0', paths: { '/topics': any } });
    expect((await call('GET', '/openapi/v3')).json).toEqual(json);
  });

  test.runIf(target.wantsKeys)('asks for a key, as /v1 does', async () => {
    const topic = await target.topic();
    for (const path of ['/topics', `/topics/${topic}`, `/topics/${topic}/partitions/0/offsets`, '/openapi']) {
      const answer = await call('GET', path, { key: null });
      expect(answer).toMatchObject(error(40101));
      expect(answer.headers.get('www-authenticate')).toContain('Basic');
      expect(await call('GET', path, { key: 'wrong' })).toMatchObject(error(40101));
    }
  });

  test.runIf(target.wantsKeys)('lets a key do what it may do, and no more', async () => {
    const topic = await target.topic();
    const other = await target.topic();
    const made = await target.call('POST', '/v1/keys', { body: { scopes: ['produce'], topic_prefix: topic } });
    const { id, secret: key } = made.json;
    const body = { records: [{ value: null }] };
    try {
      expect((await call('POST', `/topics/${topic}`, { body, key })).status).toBe(200);
      expect((await call('GET', '/topics', { key })).json).toEqual([topic]);
      expect(await call('POST', `/topics/${other}`, { body, key })).toMatchObject(error(40301));
      expect(await call('GET', `/topics/${other}`, { key })).toMatchObject(error(40301));
      expect(await call('GET', `/topics/${topic}/partitions/0/offsets`, { key })).toMatchObject(error(40301));
      expect(await call('POST', '/admin/topics', { body: { topic_name: `${topic}-2` }, key })).toMatchObject(
        error(40301),
      );
    } finally {
      await target.call('DELETE', `/v1/keys/${id}`);
    }
  });

  test('refuses other methods on its paths with 405 and Allow', async () => {
    const topic = await target.topic();
    for (const [path, allow] of [
      ['/topics', 'GET, HEAD'],
      [`/topics/${topic}`, 'GET, HEAD, POST'],
      ['/admin/topics', 'POST'],
      ['/', 'GET, HEAD'],
    ] as const) {
      const answer = await call('DELETE', path);
      expect(answer).toMatchObject(error(405));
      expect(answer.headers.get('allow')).toBe(allow);
    }
  });

  test.each([
    ['*/*', V2],
    ['application/vnd.kafka.v2+json, application/vnd.kafka+json, application/json', V2],
    ['application/json', 'application/json'],
    ['application/vnd.kafka+json', 'application/vnd.kafka+json'],
    ['image/png', V2],
  ])('answers Accept %s with %s', async (accept, type) => {
    const response = await target.send('GET', '/topics', { headers: { accept } });
    expect(response.headers.get('content-type')).toBe(type);
    await response.arrayBuffer();
  });

  test('passes over what it does not know in the query string', async () => {
    expect((await call('GET', '/topics?limit=x&limit=y')).status).toBe(200);
  });
});
