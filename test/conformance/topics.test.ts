import { describe, expect, test } from 'vitest';
import { type AnswerJson, useTarget } from './support/target.ts';

const target = useTarget();
const post = (body: unknown) => target.call('POST', '/v1/topics', { body });

describe('creating a topic', () => {
  test('answers 201 with what GET answers', async () => {
    const name = target.freshName();
    const created = await post({
      name,
      partitions: 3,
      replication_factor: 1,
      config: { 'retention.ms': '1000', 'cleanup.policy': 'compact' },
    });
    expect(created.status).toBe(201);
    expect(created.json).toMatchObject({
      name,
      partitions: 3,
      replication_factor: 1,
      config: { 'retention.ms': '1000', 'cleanup.policy': 'compact' },
    });
    expect(created.json.topic_id).toMatch(/^[\w-]{22}$/);
    expect(created.json.partition_details).toEqual(
      [0, 1, 2].map((partition) => ({
        partition,
        leader: 0,
        leader_epoch: expect.any(Number) as number,
        replicas: [0],
        isr: [0],
        log_start_offset: 0,
        high_watermark: 0,
      })),
    );
    expect((await target.call('GET', `/v1/topics/${name}`)).json).toEqual(created.json);
  });

  test('has defaults', async () => {
    const name = target.freshName();
    expect((await post({ name })).json).toMatchObject({ partitions: 1, replication_factor: 1, config: {} });
  });

  test('takes numbers and booleans for configs', async () => {
    const name = target.freshName();
    const { json } = await post({ name, config: { 'retention.ms': 5_000, 'unclean.leader.election.enable': true } });
    expect(json.config).toEqual({ 'retention.ms': '5000', 'unclean.leader.election.enable': 'true' });
  });

  test('is refused where the topic exists', async () => {
    const name = await target.topic();
    const again = await post({ name, partitions: 5 });
    expect(again).toMatchObject({
      status: 409,
      json: { code: 'TOPIC_ALREADY_EXISTS', kafka_code: 36, retriable: false, effect: 'none' },
    });
    expect((await target.call('GET', `/v1/topics/${name}`)).json.partitions).toBe(1);
  });

  test.each(['', '.', '..', 'a b', 'a/b', 'ä', 'a\n', 'x'.repeat(250)])('refuses the name %j', async (name) => {
    expect(await post({ name })).toMatchObject({ status: 400, json: { code: 'INVALID_TOPIC' } });
  });

  test('refuses a name that differs from another only in "." and "_", whichever is there first', async () => {
    const base = target.freshName();
    for (const [first, second] of [
      [`${base}.a`, `${base}_a`],
      [`${base}_b.c`, `${base}.b_c`],
    ] as const) {
      target.discard(first);
      target.discard(second);
      expect((await post({ name: first })).status).toBe(201);
      const refused = await post({ name: second });
      expect(refused).toMatchObject({ status: 400, json: { code: 'INVALID_TOPIC', kafka_code: 17 } });
      expect(refused.json.detail).toContain(`"${first}"`);
    }
  });

  test('takes names of every allowed character, up to 249', async () => {
    const name = `${target.freshName()}.A_b-`.padEnd(249, '0');
    expect((await post({ name })).status).toBe(201);
    expect((await target.call('DELETE', `/v1/topics/${name}`)).status).toBe(204);
  });

  test.each([
    [{ partitions: 0 }, 'INVALID_PARTITIONS'],
    [{ partitions: -1 }, 'INVALID_PARTITIONS'],
    [{ partitions: 10_001 }, 'INVALID_PARTITIONS'],
    [{ replication_factor: 3 }, 'INVALID_REPLICATION_FACTOR'],
    [{ config: { 'retention.millis': '5' } }, 'INVALID_CONFIG'],
    [{ config: { 'retention.ms': 'long' } }, 'INVALID_CONFIG'],
    [{ config: { 'max.message.bytes': 4_194_305 } }, 'INVALID_CONFIG'],
    [{ config: { 'cleanup.policy': 'keep' } }, 'INVALID_CONFIG'],
    [{ config: { constructor: 'x' } }, 'INVALID_CONFIG'],
  ])('refuses %j with %s', async (settings, code) => {
    const name = target.freshName();
    const refused = await post({ name, ...settings });
    expect(refused).toMatchObject({ status: 400, json: { code, effect: 'none' } });
    expect((await target.call('GET', `/v1/topics/${name}`)).status).toBe(404);
  });

  test.each([
    [{ partitions: '3' }, 'partitions'],
    [{ partitions: 1.5 }, 'partitions'],
    [{ partitions: null }, 'partitions'],
    [{ config: [] }, 'config'],
    [{ config: { 'retention.ms': null } }, 'config["retention.ms"]'],
    [{ config: { 'retention.ms': {} } }, 'config["retention.ms"]'],
    [{ name: 5 }, 'name'],
    [{ replicationFactor: 1 }, 'replicationFactor'],
  ])('refuses %j, naming the field', async (settings, field) => {
    const refused = await post({ name: target.freshName(), ...settings });
    expect(refused).toMatchObject({ status: 400, json: { code: 'INVALID_REQUEST', field } });
    expect(refused.json.detail).toContain(field);
  });
});

describe('listing topics', () => {
  test('pages through all of them, each once, in order', async () => {
    const created = [await target.topic({ partitions: 2 }), await target.topic(), await target.topic()];
    const seen: AnswerJson['topics'] = [];
    let cursor: string | undefined;
    do {
      const { json } = await target.call('GET', `/v1/topics?limit=2${cursor === undefined ? '' : `&cursor=${cursor}`}`);
      expect(json.topics.length).toBeLessThanOrEqual(2);
      seen.push(...json.topics);
      cursor = json.next;
    } while (cursor !== undefined);
    const names = seen.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(created));
    expect(names).toEqual([...new Set(names)].sort());
    expect(seen.find(({ name }) => name === created[0])).toEqual({
      name: created[0],
      topic_id: expect.any(String) as string,
      partitions: 2,
      replication_factor: 1,
    });
  });

  test.each(['limit=0', 'limit=1001', 'limit=x', 'cursor=!', 'cursor=AAAA', 'offset=1'])(
    'refuses ?%s',
    async (query) => {
      expect(await target.call('GET', `/v1/topics?${query}`)).toMatchObject({
        status: 400,
        json: { code: 'INVALID_REQUEST' },
      });
    },
  );
});

describe('altering a topic', () => {
  test('merges configs, null resets, partitions grow', async () => {
    const name = await target.topic({ config: { 'retention.ms': '1', 'cleanup.policy': 'compact' } });
    const patch = (body: unknown) => target.call('PATCH', `/v1/topics/${name}`, { body });
    expect((await patch({ partitions: 20, config: { 'retention.ms': 2, 'cleanup.policy': null } })).json).toMatchObject(
      {
        partitions: 20,
        config: { 'retention.ms': '2' },
      },
    );
    const described = (await target.call('GET', `/v1/topics/${name}`)).json;
    expect(described.config).toEqual({ 'retention.ms': '2' });
    expect(described.partition_details).toHaveLength(20);
    expect((await patch({})).json).toEqual(described);
    expect(await patch({ partitions: 19 })).toMatchObject({ status: 400, json: { code: 'INVALID_PARTITIONS' } });
    expect(await patch({ config: { nothing: '1' } })).toMatchObject({ status: 400, json: { code: 'INVALID_CONFIG' } });
    expect(await patch({ name: 'other' })).toMatchObject({ status: 400, json: { field: 'name' } });
    expect((await target.call('GET', `/v1/topics/${name}`)).json).toEqual(described);
  });

  test('keeps the records, also when partitions are added', async () => {
    const name = await target.topic();
    await target.produce(name, [{ value: 'kept' }]);
    await target.call('PATCH', `/v1/topics/${name}`, { body: { partitions: 3 } });
    await target.produce(name, [{ value: 'new', partition: 2 }]);
    expect((await target.fetchAll(name, 0)).map(({ value }) => value)).toEqual(['kept']);
    expect((await target.fetchAll(name, 2)).map(({ value }) => value)).toEqual(['new']);
  });
});

describe('deleting a topic', () => {
  test('answers 204, and then nothing knows it', async () => {
    const name = await target.topic();
    await target.produce(name, [{ value: 'x' }]);
    const deleted = await target.call('DELETE', `/v1/topics/${name}`);
    expect(deleted).toMatchObject({ status: 204, text: '' });
    const unknown = { status: 404, json: { code: 'UNKNOWN_TOPIC_OR_PARTITION', kafka_code: 3 } };
    expect(await target.call('GET', `/v1/topics/${name}`)).toMatchObject(unknown);
    expect(await target.call('DELETE', `/v1/topics/${name}`)).toMatchObject(unknown);
    expect(await target.call('PATCH', `/v1/topics/${name}`, { body: { partitions: 2 } })).toMatchObject(unknown);
    expect(await target.call('POST', `/v1/topics/${name}/records`, { body: { records: [{}] } })).toMatchObject(unknown);
  });

  test('leaves nothing to a topic of the same name', async () => {
    const name = await target.topic({ partitions: 2 });
    const first = (await target.call('GET', `/v1/topics/${name}`)).json.topic_id;
    await target.produce(name, [{ value: 'old' }]);
    await target.call('DELETE', `/v1/topics/${name}`);
    const created = await post({ name });
    expect(created.json.topic_id).not.toBe(first);
    expect(await target.fetchAll(name)).toEqual([]);
    expect((await target.produce(name, [{ value: 'new' }]))[0]?.offset).toBe(0);
  });
});
