import { describe, expect, test } from 'vitest';
import { useTarget } from './support/target.ts';

const target = useTarget();
const create = (body: unknown) => target.call('POST', '/v1/erasures', { body });

describe('an erasure', () => {
  test('is kept, says how far it reaches and never whom it is about, and is forgotten', async () => {
    const topic = await target.topic({ partitions: 1 });
    await target.call('POST', `/v1/topics/${topic}/records`, { body: { records: [{ key: 'whoever', value: 1 }] } });
    const { status, json, text } = await create({
      topics: [topic],
      key_base64: Buffer.from('whoever').toString('base64'),
    });
    expect(status).toBe(202);
    expect(json).toMatchObject({ state: 'running', topics: [topic], match: { kind: 'key' }, problems: [] });
    expect(json.partitions).toMatchObject([{ topic, partition: 0, end_offset: 1 }]);
    expect(text).not.toContain('whoever');
    expect((await target.call('GET', `/v1/erasures/${json.id}`)).json).toMatchObject({ id: json.id, topics: [topic] });
    expect((await target.call('DELETE', `/v1/erasures/${json.id}`)).status).toBe(204);
    expect((await target.call('GET', `/v1/erasures/${json.id}`)).status).toBe(404);
  });

  test.each([
    [{ key: 'a' }, 'topics'],
    [{ topics: ['a'], topic_pattern: 'a', key: 'a' }, 'topics'],
    [{ topics: [], key: 'a' }, 'topics'],
    [{ topics: ['a'] }, 'key'],
    [{ topics: ['a'], key: 'a', key_base64: 'YQ==' }, 'key'],
    [{ topics: ['a'], key: 1 }, 'key'],
    [{ topics: ['a'], key_base64: '%' }, 'key_base64'],
    [{ topics: ['a'], header: { key: 'a' } }, 'header'],
    [{ topics: ['a'], header: { key: 'a', value: 'b', value_base64: 'Yg==' } }, 'header'],
    [{ topics: ['a'], key: 'a', other: 1 }, 'other'],
  ])('is refused where it cannot be meant: %j', async (body, field) => {
    const { status, json } = await create(body);
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 'INVALID_REQUEST', effect: 'none', field });
  });

  test('is refused for topics that are not there, and patterns that are none', async () => {
    expect(await create({ topics: ['no-such-topic'], key: 'a' })).toMatchObject({
      status: 404,
      json: { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    });
    expect(await create({ topic_pattern: '(', key: 'a' })).toMatchObject({
      status: 400,
      json: { code: 'INVALID_REGULAR_EXPRESSION', field: 'topic_pattern' },
    });
  });

  test('is unknown under any other id', async () => {
    for (const id of ['x', '0'.repeat(20), '%2e%2e', encodeURIComponent('ä')]) {
      expect((await target.call('GET', `/v1/erasures/${id}`)).status).toBe(404);
      expect((await target.call('DELETE', `/v1/erasures/${id}`)).status).toBe(404);
    }
  });
});
