import { describe, expect, test } from 'vitest';
import { type DialectAnswer, typeOf, useDialect, V2 } from './support/dialect.ts';
import { useTarget } from './support/target.ts';

const target = useTarget();
const { call, send } = useDialect(target);

const any: unknown = expect.anything();
const error = (code: number) => ({
  status: code < 1_000 ? code : Math.floor(code / 100),
  contentType: V2,
  json: { error_code: code, message: any },
});

interface ConsumedRecord {
  topic: string;
  key: unknown;
  value: unknown;
  partition: number;
  offset: number;
  timestamp: number;
  headers?: { key: string; value: string | null }[];
}

type Settings = Record<string, unknown>;
type Format = 'binary' | 'json' | 'text';

/** An instance as a client of the dialect uses one; deleted by whoever wants to. */
async function consumer(group: string, settings: Settings = {}) {
  const format = (settings['format'] ?? 'binary') as Format;
  const body = { 'auto.offset.reset': 'earliest', ...settings };
  const created = await call('POST', `/consumers/${group}`, { body });
  expect(created, created.text).toMatchObject({ status: 200, contentType: V2 });
  const { instance_id: name, base_uri } = created.json as { instance_id: string; base_uri: string };
  const path = `/consumers/${group}/instances/${name}`;
  const post = async (what: string, given?: unknown) => call('POST', `${path}/${what}`, { body: given });
  const done = async (what: string, given?: unknown) => {
    const answer = await post(what, given);
    expect(answer, answer.text).toMatchObject({ status: 204, text: '' });
  };
  const poll = async (query = ''): Promise<DialectAnswer> =>
    call('GET', `${path}/records${query}`, { headers: { accept: typeOf(format) } });
  const records = async (query = '?timeout=1000'): Promise<ConsumedRecord[]> => {
    const answer = await poll(query);
    expect(answer, answer.text).toMatchObject({ status: 200, contentType: typeOf(format) });
    return answer.json as ConsumedRecord[];
  };
  /** Polls until so many are there, or until they don't come. */
  const take = async (count: number): Promise<ConsumedRecord[]> => {
    const taken: ConsumedRecord[] = [];
    for (let polls = 0; polls < 20 && taken.length < count; polls++) taken.push(...(await records()));
    return taken;
  };
  const subscribe = async (...topics: string[]) => done('subscription', { topics });
  const remove = async () => {
    expect(await call('DELETE', path)).toMatchObject({ status: 204, text: '' });
  };
  const subscription = async () => (await call('GET', `${path}/subscription`)).json;
  return { name, path, base_uri, post, done, poll, records, take, subscribe, subscription, remove };
}

const values = (records: readonly ConsumedRecord[]) => records.map(({ value }) => value);
const texts = (...given: string[]) => given.map((value) => ({ value }));

describe('a consumer instance', () => {
  test('loses no records to whoever asks for their headers', async () => {
    const topic = await target.topic();
    await send(topic, 'text', texts('a'));
    const one = await consumer(topic, { format: 'text' });
    await one.subscribe(topic);
    const head = await target.send('HEAD', `${one.path}/records?timeout=1000`);
    expect([head.status, head.headers.get('allow')]).toEqual([405, 'GET']);
    expect(values(await one.records())).toEqual(['a']);
    await one.remove();
  });

  test('waits for as many bytes as it wants, and no longer than it may', async () => {
    const topic = await target.topic();
    const one = await consumer(topic, { format: 'text', 'fetch.min.bytes': 2_000, 'enable.auto.commit': 'false' });
    await one.subscribe(topic);
    expect(await one.records('?timeout=0')).toEqual([]);
    const waiting = one.records('?timeout=15000');
    await send(topic, 'text', texts('few'));
    await send(topic, 'text', texts('x'.repeat(3_000)));
    expect(await waiting).toHaveLength(2);
    await send(topic, 'text', texts('few'));
    expect(values(await one.records('?timeout=300'))).toEqual(['few']);
    await one.remove();
  });

  test('reads what is in the topics that it subscribes to, then what comes', async () => {
    const topic = await target.topic();
    await send(topic, 'text', texts('a', 'b'));
    const one = await consumer(topic, { format: 'text' });
    await one.subscribe(topic);
    expect(values(await one.take(2))).toEqual(['a', 'b']);
    expect(await one.records('?timeout=0')).toEqual([]);
    await send(topic, 'text', texts('c'));
    expect(values(await one.take(1))).toEqual(['c']);
    await one.remove();
    expect(await one.poll()).toMatchObject(error(40403));
  });

  test('has a name of its own, or the one that is given, once in a group', async () => {
    const group = target.freshName();
    const [one, two] = [await consumer(group), await consumer(group)];
    expect(one.name).not.toBe(two.name);
    const named = await consumer(group, { name: 'mine' });
    expect(named.name).toBe('mine');
    expect(await call('POST', `/consumers/${group}`, { body: { name: 'mine' } })).toMatchObject(error(40902));
    const elsewhere = await consumer(`${group}-2`, { name: 'mine' });
    for (const each of [one, two, named, elsewhere]) await each.remove();
    await (await consumer(group, { name: 'mine' })).remove();
  });

  test('is where its base URI says', async () => {
    const topic = await target.topic();
    const one = await consumer(topic, { name: 'ä b' });
    expect(new URL(one.base_uri).pathname).toBe(`/consumers/${topic}/instances/%C3%A4%20b`);
    const response = await target.send('DELETE', new URL(one.base_uri).pathname);
    expect(response.status).toBe(204);
  });

  // A gateway in front of another server may know it by another name.
  test.runIf(target.isOurs)('is on the host that was asked', async () => {
    const one = await consumer(target.freshName());
    expect(new URL(one.base_uri).origin).toBe(target.url);
    await one.remove();
  });

  test('is made of nothing but what is given', async () => {
    const group = target.freshName();
    const answer = await call('POST', `/consumers/${group}`);
    expect(answer.status).toBe(200);
    const { instance_id } = answer.json as { instance_id: string };
    expect((await call('DELETE', `/consumers/${group}/instances/${instance_id}`)).status).toBe(204);
  });

  test('takes settings as numbers and booleans, or as text', async () => {
    const group = target.freshName();
    for (const settings of [
      { 'enable.auto.commit': false, 'fetch.min.bytes': 1, 'consumer.request.timeout.ms': 1_000 },
      { 'enable.auto.commit': 'false', 'fetch.min.bytes': '1', 'consumer.request.timeout.ms': '1000' },
      { 'auto.commit.enable': 'false' },
      { 'isolation.level': 'read_committed', 'auto.offset.reset': 'none', format: 'json' },
    ]) {
      const one = await consumer(group, settings);
      expect(one.base_uri).toContain(`/consumers/${group}/instances/`);
      await one.remove();
    }
  });

  test.each([
    [{ format: 'avro' }],
    [{ 'auto.offset.reset': 'first' }],
    [{ 'enable.auto.commit': 'maybe' }],
    [{ 'fetch.min.bytes': -1 }],
    [{ 'isolation.level': 1 }],
    [{ 'max.poll.records': 5 }],
    [{ name: '' }],
    [{ name: 'a\u0000' }],
    [{ name: '.' }],
    [{ name: '..' }],
    [{ name: 'x'.repeat(300) }],
    [[]],
  ])('is not made of %j', async (body) => {
    expect((await call('POST', `/consumers/${target.freshName()}`, { body })).status).toBe(422);
  });

  test('that is not there is 40403, whatever is asked of it', async () => {
    const group = target.freshName();
    for (const path of [`/consumers/${group}/instances/none`, `/consumers/${'g'.repeat(300)}/instances/none`]) {
      for (const [method, what, body] of [
        ['DELETE', ''],
        ['GET', '/subscription'],
        ['DELETE', '/subscription'],
        ['POST', '/subscription', { topics: ['t'] }],
        ['POST', '/assignments', { partitions: [] }],
        ['GET', '/records'],
        ['POST', '/offsets'],
        ['POST', '/offsets', { offsets: [] }],
        ['POST', '/positions', { offsets: [] }],
        ['POST', '/positions/beginning', { partitions: [] }],
        ['POST', '/positions/end', { partitions: [] }],
      ] as const) {
        expect(await call(method, path + what, { body }), `${method} ${what}`).toMatchObject(error(40403));
      }
    }
  });
});

describe('records', () => {
  test('have the format of the instance', async () => {
    const topic = await target.topic();
    const headers = [{ key: 'h', value: 'aGVhZGVy' }];
    await send(topic, 'json', [{ key: { id: 1 }, value: ['é', 1.5], headers, timestamp: 1_700_000_000_000 }]);
    const place = { topic, partition: 0, offset: 0, timestamp: 1_700_000_000_000, headers };
    for (const [format, key, value] of [
      ['json', { id: 1 }, ['é', 1.5]],
      ['text', '{"id":1}', '["é",1.5]'],
      ['binary', 'eyJpZCI6MX0=', Buffer.from('["é",1.5]').toString('base64')],
    ] as const) {
      const one = await consumer(`${topic}-${format}`, { format });
      await one.subscribe(topic);
      expect(await one.take(1)).toEqual([{ ...place, key, value }]);
      await one.remove();
    }
  });

  test('have null for no key and no value, and no headers where there are none', async () => {
    const topic = await target.topic();
    await send(topic, 'text', [{ value: null }]);
    const one = await consumer(topic);
    await one.subscribe(topic);
    const [record] = await one.take(1);
    expect(record).toMatchObject({ key: null, value: null });
    expect(record).not.toHaveProperty('headers');
    await one.remove();
  });

  test('are not answered in another format than the instance has', async () => {
    const topic = await target.topic();
    const one = await consumer(topic, { format: 'json' });
    await one.subscribe(topic);
    const accepting = async (accept: string) => call('GET', `${one.path}/records`, { headers: { accept } });
    expect(await accepting(typeOf('text'))).toMatchObject(error(40601));
    expect(await accepting(typeOf('binary'))).toMatchObject(error(40601));
    expect(await accepting('*/*')).toMatchObject({ status: 200, contentType: typeOf('json') });
    expect(await accepting(V2)).toMatchObject({ status: 200, contentType: V2 });
    await one.remove();
  });

  test('that are not JSON are 406, lose nothing before them, and can be passed over', async () => {
    const topic = await target.topic();
    await send(topic, 'text', texts('1', 'no JSON', '3'));
    const one = await consumer(topic, { format: 'json' });
    await one.subscribe(topic);
    expect(values(await one.take(1))).toEqual([1]);
    for (let times = 0; times < 2; times++) expect(await one.poll('?timeout=500')).toMatchObject(error(406));
    await one.done('positions', { offsets: [{ topic, partition: 0, offset: 2 }] });
    expect(values(await one.take(1))).toEqual([3]);
    await one.remove();
  });

  test('are no more than max_bytes allows, and 422 where one alone is', async () => {
    const topic = await target.topic();
    await send(topic, 'text', texts('x'.repeat(100), 'y'.repeat(100), 'z'.repeat(100)));
    const one = await consumer(topic, { format: 'text' });
    await one.subscribe(topic);
    expect((await one.records('?timeout=1000&max_bytes=250')).length).toBeLessThanOrEqual(2);
    expect(await one.poll('?timeout=1000&max_bytes=99')).toMatchObject(error(422));
    expect(values(await one.records()).at(-1)).toBe('z'.repeat(100));
    await one.remove();
  });

  test('are not waited for longer than it says', async () => {
    const topic = await target.topic();
    const one = await consumer(topic);
    await one.subscribe(topic);
    const started = Date.now();
    expect(await one.records('?timeout=300')).toEqual([]);
    expect(Date.now() - started).toBeLessThan(10_000);
    const waiting = one.records('?timeout=10000');
    await send(topic, 'binary', [{ value: 'YQ==' }]);
    expect(values([...(await waiting), ...(await one.take(0))])).toEqual(['YQ==']);
    await one.remove();
  });

  test.each(['timeout=x', 'timeout=-1', 'max_bytes=1.5', 'max_bytes='])('are not to be had with %s', async (query) => {
    const one = await consumer(target.freshName());
    expect(await one.poll(`?${query}`)).toMatchObject(error(422));
    await one.remove();
  });

  test('are not to be had of nothing', async () => {
    const one = await consumer(target.freshName());
    expect(await one.poll()).toMatchObject(error(40903));
    await one.remove();
  });
});

describe('subscriptions', () => {
  test('are told with the partitions that they came to', async () => {
    const topic = await target.topic({ partitions: 2 });
    const one = await consumer(topic);
    expect(await one.subscription()).toEqual({ topics: [], partitions: [] });
    await one.subscribe(topic);
    expect(await one.subscription()).toEqual({ topics: [topic], partitions: [] });
    await one.records('?timeout=0');
    expect(await one.subscription()).toEqual({ topics: [topic], partitions: [{ [topic]: [0, 1] }] });
    expect(await call('DELETE', `${one.path}/subscription`)).toMatchObject({ status: 204 });
    expect(await one.subscription()).toEqual({ topics: [], partitions: [] });
    expect(await one.poll()).toMatchObject(error(40903));
    await one.remove();
  });

  test('by a pattern mean the topics whose names it matches', async () => {
    const prefix = target.freshName();
    const names = [`${prefix}.a`, `${prefix}.b`];
    for (const name of names) {
      target.discard(name);
      await call('POST', '/admin/topics', { body: { topic_name: name } });
      await send(name, 'text', texts(name));
    }
    const one = await consumer(prefix, { format: 'text' });
    await one.done('subscription', { topic_pattern: `${prefix}\\..*` });
    expect(new Set(values(await one.take(2)))).toEqual(new Set(names));
    await one.remove();
  });

  test('exclude each other', async () => {
    const topic = await target.topic();
    const [one, two] = [await consumer(topic), await consumer(topic)];
    expect(await one.post('subscription', { topics: [topic], topic_pattern: '.*' })).toMatchObject(error(40903));
    await one.subscribe(topic);
    expect(await one.post('assignments', { partitions: [{ topic, partition: 0 }] })).toMatchObject(error(40903));
    await two.done('assignments', { partitions: [{ topic, partition: 0 }] });
    expect(await two.post('subscription', { topics: [topic] })).toMatchObject(error(40903));
    for (const each of [one, two]) await each.remove();
  });

  test('to nothing, or to what cannot be, are 422', async () => {
    const one = await consumer(target.freshName());
    for (const body of [{}, { topics: [] }, { topics: 'x' }, { topics: [1] }, { topic_pattern: '(' }, { topic: 'x' }]) {
      expect(await one.post('subscription', body), JSON.stringify(body)).toMatchObject(error(422));
    }
    await one.remove();
  });

  test('share partitions among the instances of a group', async () => {
    const topic = await target.topic({ partitions: 4 });
    const [one, two] = [await consumer(topic), await consumer(topic)];
    for (const each of [one, two]) await each.subscribe(topic);
    const owned = async (each: typeof one) => {
      await each.records('?timeout=0');
      const { partitions } = (await each.subscription()) as { partitions: Record<string, number[]>[] };
      return partitions.flatMap((entry) => Object.values(entry).flat());
    };
    await expect
      .poll(async () => [(await owned(one)).length, (await owned(two)).length], { timeout: 20_000 })
      .toEqual([2, 2]);
    const all = [...(await owned(one)), ...(await owned(two))];
    expect(all.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    await two.remove();
    await expect.poll(async () => (await owned(one)).length, { timeout: 20_000 }).toBe(4);
    await one.remove();
  });
});

describe('offsets', () => {
  const committed = async (group: string) =>
    (await target.call('GET', `/v1/groups/${group}/offsets`)).json.offsets.map(({ partition, offset }) => [
      partition,
      offset,
    ]);

  test('are committed with the next poll, or when the instance is deleted, where it does so by itself', async () => {
    const topic = await target.topic();
    await send(topic, 'text', texts('a', 'b'));
    const one = await consumer(topic);
    await one.subscribe(topic);
    await one.take(2);
    expect(await committed(topic)).toEqual([]);
    await one.records('?timeout=0');
    expect(await committed(topic)).toEqual([[0, 2]]);
    await send(topic, 'text', texts('c'));
    await one.take(1);
    await one.remove();
    expect(await committed(topic)).toEqual([[0, 3]]);
  });

  test('are committed when asked for, and the next instance goes on there', async () => {
    const topic = await target.topic();
    await send(topic, 'text', texts('a', 'b', 'c'));
    const settings = { format: 'text', 'enable.auto.commit': false };
    const one = await consumer(topic, settings);
    await one.subscribe(topic);
    await one.take(3);
    await one.records('?timeout=0');
    expect(await committed(topic)).toEqual([]);
    await one.done('offsets', { offsets: [{ topic, partition: 0, offset: 1, metadata: 'm' }] });
    expect(await committed(topic)).toEqual([[0, 1]]);
    await one.remove();
    const two = await consumer(topic, settings);
    await two.subscribe(topic);
    expect(values(await two.take(2))).toEqual(['b', 'c']);
    await two.done('offsets');
    expect(await committed(topic)).toEqual([[0, 3]]);
    await two.remove();
  });

  test('are refused for topics that are not there', async () => {
    const topic = await target.topic();
    const one = await consumer(topic);
    const offsets = [{ topic: target.freshName(), partition: 0, offset: 1 }];
    expect(await one.post('offsets', { offsets })).toMatchObject(error(40401));
    expect(await one.post('offsets', { offsets: [{ topic, partition: 0 }] })).toMatchObject(error(422));
    await one.remove();
  });

  test('are where the instance goes on after a seek', async () => {
    const topic = await target.topic();
    await send(topic, 'text', texts('a', 'b', 'c'));
    const one = await consumer(topic, { format: 'text' });
    await one.subscribe(topic);
    await one.take(3);
    await one.done('positions', { offsets: [{ topic, partition: 0, offset: 1 }] });
    expect(values(await one.take(2))).toEqual(['b', 'c']);
    await one.done('positions/beginning', { partitions: [{ topic, partition: 0 }] });
    expect(values(await one.take(3))).toEqual(['a', 'b', 'c']);
    await one.done('positions/beginning', { partitions: [{ topic, partition: 0 }] });
    await one.done('positions/end', { partitions: [{ topic, partition: 0 }] });
    expect(await one.records('?timeout=0')).toEqual([]);
    await one.remove();
  });

  test('are not sought in partitions that the instance does not have', async () => {
    const topic = await target.topic({ partitions: 2 });
    const one = await consumer(topic);
    const offsets = [{ topic, partition: 1, offset: 0 }];
    expect(await one.post('positions', { offsets })).toMatchObject(error(404));
    await one.done('assignments', { partitions: [{ topic, partition: 0 }] });
    expect(await one.post('positions', { offsets })).toMatchObject(error(404));
    expect(await one.post('positions/end', { partitions: [{ topic, partition: 1 }] })).toMatchObject(error(404));
    await one.remove();
  });
});

describe('partitions that the client assigns', () => {
  test('are read alone, and committed for the group', async () => {
    const topic = await target.topic({ partitions: 2 });
    await send(topic, 'text', [
      { value: 'a', partition: 0 },
      { value: 'b', partition: 1 },
    ]);
    const one = await consumer(topic, { format: 'text' });
    await one.done('assignments', { partitions: [{ topic, partition: 1 }] });
    expect(await one.subscription()).toEqual({ topics: [topic], partitions: [{ [topic]: [1] }] });
    expect(values(await one.take(1))).toEqual(['b']);
    expect(await one.records('?timeout=0')).toEqual([]);
    await one.done('positions', { offsets: [{ topic, partition: 1, offset: 0 }] });
    expect(values(await one.take(1))).toEqual(['b']);
    await one.remove();
    const { json } = await target.call('GET', `/v1/groups/${topic}/offsets`);
    expect(json.offsets).toMatchObject([{ partition: 1, offset: 1 }]);
  });

  test('are waited on', async () => {
    const topic = await target.topic();
    const one = await consumer(topic, { format: 'text' });
    await one.done('assignments', { partitions: [{ topic, partition: 0 }] });
    const waiting = one.records('?timeout=10000');
    await send(topic, 'text', texts('late'));
    expect(values(await waiting)).toEqual(['late']);
    await one.remove();
  });

  test('must be there', async () => {
    const topic = await target.topic();
    const one = await consumer(topic);
    const assign = async (partitions: unknown) => one.post('assignments', { partitions });
    const absent = { topic, partition: 1, offset: 0 };
    expect(await assign([{ topic, partition: 1 }])).toMatchObject(error(40402));
    expect(await one.post('offsets', { offsets: [absent] })).toMatchObject(error(40402));
    expect(await one.post('positions', { offsets: [absent] })).toMatchObject(error(404));
    expect(await assign([{ topic: target.freshName(), partition: 0 }])).toMatchObject(error(40401));
    expect(await assign([{ topic }])).toMatchObject(error(422));
    expect(await assign('x')).toMatchObject(error(422));
    await one.remove();
  });
});

test.runIf(target.wantsKeys)('a key consumes what it may, and no more', async () => {
  const topic = await target.topic();
  const other = await target.topic();
  const made = await target.call('POST', '/v1/keys', { body: { scopes: ['consume'], topic_prefix: topic } });
  const { id, secret: key } = made.json;
  try {
    expect(await call('POST', `/consumers/${other}`, { key })).toMatchObject(error(40301));
    expect((await call('POST', `/consumers/${topic}`, { key, body: { name: 'n' } })).status).toBe(200);
    const path = `/consumers/${topic}/instances/n`;
    const subscribe = async (body: unknown) => call('POST', `${path}/subscription`, { body, key });
    expect(await subscribe({ topics: [other] })).toMatchObject(error(40301));
    expect(await subscribe({ topic_pattern: '.*' })).toMatchObject(error(40301));
    expect((await subscribe({ topics: [topic] })).status).toBe(204);
    expect((await call('GET', `${path}/records`, { key })).status).toBe(200);
    expect((await call('DELETE', path, { key })).status).toBe(204);
    // What others have made is theirs: of a group that is not the key's, and of topics that are not.
    const foreign = await consumer(other, { name: 'n' });
    for (const [method, what, body] of [
      ['DELETE', ''],
      ['GET', '/records'],
      ['GET', '/subscription'],
      ['POST', '/offsets'],
      ['POST', '/subscription', { topics: [topic] }],
      ['POST', '/positions/end', { partitions: [{ topic, partition: 0 }] }],
    ] as const) {
      expect(await call(method, foreign.path + what, { key, body }), `${method} ${what}`).toMatchObject(error(40301));
    }
    await foreign.remove();
    const shared = await consumer(topic, { name: 'shared', 'enable.auto.commit': false });
    await send(other, 'binary', [{ value: 'YQ==' }]);
    await shared.subscribe(other);
    expect(await shared.take(1)).toHaveLength(1);
    expect(await call('GET', `${shared.path}/records`, { key })).toMatchObject(error(40301));
    expect(await call('POST', `${shared.path}/offsets`, { key })).toMatchObject(error(40301));
    await shared.remove();
  } finally {
    await target.call('DELETE', `/v1/keys/${id}`);
  }
});
