/** What Lambda does to a function beside calling it: starting it wrongly, freezing, ending it, cutting it off. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ExecutionEnvironment, startEnvironment } from '../support/execution-environment.ts';
import { ADMIN_KEY, type Functions, functionsMissing, makeFunctions } from '../support/functions.ts';
import { type EventRequest, httpAnswerOf, httpApiEvent } from '../support/http-api.ts';
import { describeWithPeer } from '../support/peer.ts';

const ADMIN = `Basic ${Buffer.from(`${ADMIN_KEY.id}:${ADMIN_KEY.secret}`).toString('base64')}`;
const JSON_TYPE = { 'content-type': 'application/json' };

describeWithPeer(functionsMissing())('the life of a function', () => {
  let functions: Functions;
  let authorization: string;

  beforeAll(async () => {
    functions = await makeFunctions();
    const topics = await functions.start('topics');
    const key = await json(topics, {
      method: 'POST',
      path: '/v1/keys',
      headers: { ...JSON_TYPE, authorization: ADMIN },
      body: JSON.stringify({ scopes: ['admin'] }),
    });
    authorization = `Bearer ${(key as { secret: string }).secret}`;
    await json(topics, {
      method: 'POST',
      path: '/v1/topics',
      headers: JSON_TYPE,
      body: JSON.stringify({ name: 'orders' }),
    });
  });

  afterAll(() => functions?.close());

  async function json(environment: ExecutionEnvironment, request: EventRequest, timeoutMs?: number): Promise<unknown> {
    const event = httpApiEvent({ ...request, headers: { authorization, ...request.headers } });
    return JSON.parse(httpAnswerOf(await environment.invoke(event, { timeoutMs })).body.toString());
  }

  function produce(environment: ExecutionEnvironment, values: readonly string[], acks = 'all'): Promise<unknown> {
    const body = JSON.stringify({ records: values.map((value) => ({ value })), acks });
    return json(environment, { method: 'POST', path: '/v1/topics/orders/records', headers: JSON_TYPE, body });
  }

  /** All records from the offset on. */
  async function valuesFrom(offset: number): Promise<string[]> {
    const fetch = await functions.start('fetch');
    const path = `/v1/topics/orders/partitions/0/records?offset=${offset}&max_records=10000`;
    const answer = (await json(fetch, { method: 'GET', path })) as { records: { value: string }[] };
    await fetch.kill();
    return answer.records.map(({ value }) => value);
  }

  async function endOffset(): Promise<number> {
    const fetch = await functions.start('fetch');
    const path = '/v1/topics/orders/partitions/0/offsets?timestamp=latest';
    const answer = (await json(fetch, { method: 'GET', path })) as { offset: number };
    await fetch.kill();
    return answer.offset;
  }

  it.each(['produce', 'fetch', 'topics'] as const)(
    'the %s function says at its start what its environment lacks',
    async (name) => {
      const variables = { ...functions.variables(name), MILLRACE_INLINE_BYTES_MAX: 'many' } as Record<string, string>;
      delete variables['MILLRACE_TABLE'];
      await expect(startEnvironment({ file: functions.file(name), variables })).rejects.toThrow(
        /MILLRACE_TABLE is not set; MILLRACE_INLINE_BYTES_MAX is "many", not a whole number/,
      );
    },
  );

  it('loses nothing when it is frozen at its answer, thawed, and frozen again', async () => {
    const start = await endOffset();
    const environment = await functions.start('produce');
    const values = Array.from({ length: 12 }, (_, index) => `frozen-${index}`);
    for (const value of values) {
      await produce(environment, [value]);
      environment.freeze();
      await new Promise((resolve) => setTimeout(resolve, 30));
      environment.thaw();
    }
    expect(await valuesFrom(start)).toEqual(values);
  });

  it.each(['all', 'none'])('has stored what it accepted with acks=%s when it is ended at its answer', async (acks) => {
    const start = await endOffset();
    const environment = await functions.start('produce');
    const values: string[] = [];
    for (let round = 0; round < 10; round++) {
      const some = Array.from({ length: 20 }, (_, index) => `${acks}-${round}-${index}`);
      await produce(environment, some, acks);
      values.push(...some);
      environment.freeze();
      environment.thaw();
    }
    environment.freeze();
    await environment.kill();
    expect(await valuesFrom(start)).toEqual(values);
  });

  it('answers with a problem just before its time is over', async () => {
    const environment = await functions.start('fetch');
    const path = `/v1/topics/orders/partitions/0/records?offset=latest&wait_ms=20000`;
    const answer = await json(environment, { method: 'GET', path }, 1_500);
    expect(answer).toMatchObject({ status: 503, code: 'REQUEST_TIMED_OUT', retriable: true });
    // The next invocation is served as usual.
    expect(await json(environment, { method: 'GET', path: path.replace('20000', '0') })).toMatchObject({ records: [] });
  });

  it('answers 503, not 500, when storage is out of reach', async () => {
    const environment = await functions.start('fetch', { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:9' });
    const path = '/v1/topics/orders/partitions/0/records?offset=0';
    const answer = await json(environment, { method: 'GET', path });
    expect(answer).toMatchObject({ status: 503, code: 'KAFKA_STORAGE_ERROR', effect: 'none' });
  });

  it('reads the first admin key lazily, once, and a new one after Secrets Manager has failed', async () => {
    functions.secrets.put(undefined);
    const before = functions.secrets.requests();
    const environment = await functions.start('topics');
    expect(functions.secrets.requests()).toBe(before);
    const request = { method: 'GET', path: '/v1/topics', headers: { authorization: ADMIN } };
    expect(await json(environment, request)).toMatchObject({ status: 503, retriable: true });
    functions.secrets.put(JSON.stringify(ADMIN_KEY));
    expect(await json(environment, request)).toMatchObject({ topics: [{ name: 'orders' }] });
    expect(await json(environment, request)).toMatchObject({ topics: [{ name: 'orders' }] });
    expect(functions.secrets.requests()).toBe(before + 2);
    functions.secrets.put('not json: geheim');
    const other = await functions.start('topics');
    expect(await json(other, request)).toMatchObject({ status: 503 });
    expect(other.logs()).toContain('The first admin key cannot be read');
    expect(other.logs()).not.toContain('geheim');
    functions.secrets.put(JSON.stringify(ADMIN_KEY));
  });

  it('trusts the gateway with IAM, whose Authorization header is a signature', async () => {
    const iam = { MILLRACE_AUTHORIZER: 'iam', MILLRACE_ADMIN_KEY_SECRET_ARN: '' };
    const environment = await functions.start('fetch', iam);
    const event = JSON.parse(readFileSync(join(import.meta.dirname, 'events/http-api-v2-iam.json'), 'utf8')) as unknown;
    const answer = httpAnswerOf(await environment.invoke(event));
    expect(answer.status, answer.body.toString()).toBe(200);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ records: expect.any(Array) as unknown });
    // The same request to a function that checks keys itself.
    const strict = await functions.start('fetch');
    expect(httpAnswerOf(await strict.invoke(event)).status).toBe(401);
  });
});
