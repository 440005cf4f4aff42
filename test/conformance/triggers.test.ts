import { describe, expect, test } from 'vitest';
import { useTarget } from './support/target.ts';

const target = useTarget();

const least = (topic: string) => ({
  name: topic,
  topics: [topic],
  target: target.function,
  starting_position: 'LATEST',
});

const create = (body: unknown) => target.call('POST', '/v1/triggers', { body });
const remove = (name: string) => target.call('DELETE', `/v1/triggers/${name}`);

describe.runIf(target.function !== undefined)('a trigger', () => {
  test('is made with defaults, listed, described and deleted', async () => {
    const topic = await target.topic({ partitions: 2 });
    const made = await create(least(topic));
    expect(made.status).toBe(201);
    expect(made.json).toEqual({
      name: topic,
      state: 'Enabled',
      created_at: expect.any(Number) as number,
      topics: [topic],
      group: topic,
      target: target.function,
      starting_position: 'LATEST',
      batch_size: 100,
      batching_window_ms: 0,
      filters: [],
      bisect_batch_on_error: false,
      retry_attempts: -1,
      max_record_age_ms: -1,
      report_batch_item_failures: false,
      parallelization_factor: 1,
      tumbling_window_ms: 0,
      event_shape: 'msk',
      timeout_ms: 60_000,
      enabled: true,
    });
    const listed = await target.call('GET', '/v1/triggers?limit=1000');
    expect(listed.json.triggers).toContainEqual(made.json);
    expect((await target.call('GET', `/v1/triggers/${topic}`)).json).toMatchObject({ ...made.json, lag: 0, lag_ms: 0 });
    expect((await remove(topic)).status).toBe(204);
    expect((await remove(topic)).status).toBe(404);
    expect((await target.call('GET', `/v1/triggers/${topic}`)).json.code).toBe('NOT_FOUND');
  });

  test('keeps everything that is said of it', async () => {
    const topic = await target.topic();
    const poison = await target.topic();
    const said = {
      name: topic,
      topic_pattern: `${topic}.*`,
      group: `${topic}-group`,
      target: target.function,
      starting_position: 'AT_TIMESTAMP',
      starting_timestamp: 1_767_225_600_000,
      batch_size: 10,
      batching_window_ms: 1_000,
      filters: ['{"key":["a"]}', { value: { kind: ['order'] } }],
      on_failure: { kind: 'topic', topic: poison },
      bisect_batch_on_error: true,
      retry_attempts: 3,
      max_record_age_ms: 60_000,
      report_batch_item_failures: true,
      parallelization_factor: 2,
      event_shape: 'self-managed',
      tenant_id: 'blue',
      timeout_ms: 720_000,
      enabled: false,
    };
    const made = await create(said);
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({
      ...said,
      filters: ['{"key":["a"]}', '{"value":{"kind":["order"]}}'],
      state: 'Disabled',
    });
    await remove(topic);
  });

  test('is changed and paused, and what is not named stays', async () => {
    const topic = await target.topic();
    const { json: made } = await create({ ...least(topic), tenant_id: 'blue' });
    const body = { enabled: false, batch_size: 7, tenant_id: null };
    const { tenant_id: _, ...rest } = made as typeof made & { tenant_id: string };
    const altered = await target.call('PATCH', `/v1/triggers/${topic}`, { body });
    expect(altered.status).toBe(200);
    expect(altered.json).toEqual({ ...rest, enabled: false, state: 'Disabled', batch_size: 7 });
    await remove(topic);
  });

  test('says how far it is behind, and goes back on demand', async () => {
    const topic = await target.topic();
    await target.produce(topic, [{ value: 'before' }]);
    // Nobody must deliver what the answers are about.
    await create({ ...least(topic), enabled: false });
    await target.produce(topic, [{ value: 'a' }, { value: 'b' }]);
    const described = async () => (await target.call('GET', `/v1/triggers/${topic}`)).json;
    expect(await described()).toMatchObject({
      lag: 2,
      partitions: [{ topic, partition: 0, committed_offset: 1, high_watermark: 3, lag: 2, attempts: 0 }],
    });
    const replay = (body: unknown) => target.call('POST', `/v1/triggers/${topic}/replay`, { body });
    const answer = { offsets: [{ topic, partition: 0, offset: 0, previous_offset: 1 }] };
    expect((await replay({ from: 'earliest', dry_run: true })).json).toEqual(answer);
    expect((await described()).lag).toBe(2);
    expect((await replay({ from: 'earliest' })).json).toEqual(answer);
    expect((await described()).lag).toBe(3);
    expect((await replay({ from: 2, topic, partition: 0 })).json.offsets).toMatchObject([{ offset: 2 }]);
    expect((await replay({ timestamp: 1 })).json.offsets).toMatchObject([{ offset: 0, previous_offset: 2 }]);
    expect((await replay({ from: 9 })).json.code).toBe('OFFSET_OUT_OF_RANGE');
    expect((await replay({})).json).toMatchObject({ code: 'INVALID_REQUEST', field: 'from' });
    await remove(topic);
  });

  test('has a name and a group of its own', async () => {
    const topic = await target.topic();
    await create(least(topic));
    const again = await create(least(topic));
    expect([again.status, again.json.code]).toEqual([409, 'TRIGGER_ALREADY_EXISTS']);
    const other = await create({ ...least(topic), name: `${topic}-other`.slice(-64), group: topic });
    expect([other.status, other.json.code]).toEqual([409, 'INCONSISTENT_GROUP_PROTOCOL']);
    await remove(topic);
  });

  test('gets only what the deployment granted', async () => {
    const topic = await target.topic();
    const foreign = 'arn:aws:lambda:us-east-1:999999999999:function:foreign';
    const refused = await create({ ...least(topic), target: foreign });
    expect([refused.status, refused.json.code, refused.json.field]).toEqual([403, 'FORBIDDEN', 'target']);
    expect(refused.json.detail).toContain(foreign);
  });

  test.each([
    [{ batch_size: 0 }, 'batch_size'],
    [{ timeout_ms: 720_001 }, 'timeout_ms'],
    [{ parallelization_factor: 2, tumbling_window_ms: 1_000 }, 'parallelization_factor'],
    [{ filters: ['{"key":["a"]}', '{"value":'] }, 'filters[1]'],
    [{ filters: [{ value: { a: [{ numeric: ['<'] }] } }] }, 'filters[0]'],
    [{ topic_pattern: 'a.*' }, 'topics'],
    [{ starting_position: 'AT_TIMESTAMP' }, 'starting_timestamp'],
    [{ starting_timestamp: 1 }, 'starting_timestamp'],
    [{ on_failure: { kind: 'sqs', arn: 'x' } }, 'on_failure.arn'],
    [{ on_failure: { kind: 'email' } }, 'on_failure'],
    [{ target: 'nothing' }, 'target'],
    [{ batchSize: 5 }, 'batchSize'],
  ])('is refused with %j, naming the field', async (change, field) => {
    const topic = await target.topic();
    const { status, json } = await create({ ...least(topic), ...change });
    expect([status, json.field]).toEqual([400, field]);
  });

  test('does not send what fails to a topic of its own', async () => {
    const topic = await target.topic();
    const { json } = await create({ ...least(topic), on_failure: { kind: 'topic', topic } });
    expect(json).toMatchObject({ code: 'INVALID_REQUEST', field: 'on_failure.topic' });
  });

  test('needs its topics', async () => {
    const { status, json } = await create(least(target.freshName()));
    expect([status, json.code]).toEqual([404, 'UNKNOWN_TOPIC_OR_PARTITION']);
  });
});

describe.runIf(target.wantsKeys)('without the scope admin', () => {
  test('there are no triggers', async () => {
    const { json } = await target.call('POST', '/v1/keys', { body: { scopes: ['consume', 'produce'] } });
    const as = async (method: string, path: string) =>
      (await target.call(method, path, { key: json.secret, ...(method === 'GET' ? {} : { body: {} }) })).status;
    expect(await as('GET', '/v1/triggers')).toBe(403);
    expect(await as('POST', '/v1/triggers')).toBe(403);
    expect(await as('GET', '/v1/triggers/none')).toBe(403);
    expect(await as('PATCH', '/v1/triggers/none')).toBe(403);
    expect(await as('DELETE', '/v1/triggers/none')).toBe(403);
    expect(await as('POST', '/v1/triggers/none/replay')).toBe(403);
    await target.call('DELETE', `/v1/keys/${json.id}`);
  });
});
