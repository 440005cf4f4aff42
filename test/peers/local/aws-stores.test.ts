/** The local server on DynamoDB Local and an S3 server. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { cleanUp, type LocalProcess, startLocal } from '../../support/local-process.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { describeWithPeer } from '../support/peer.ts';
import { makeS3, type S3 } from '../support/s3.ts';
import { s3ServerMissing } from '../support/s3-server.ts';

describeWithPeer(dynamoDbLocalMissing() ?? s3ServerMissing())('the local server on DynamoDB and S3', () => {
  let dynamo: Dynamo;
  let s3: S3;
  let bucket: string;

  beforeAll(async () => {
    [dynamo, s3] = await Promise.all([makeDynamo(), makeS3()]);
    bucket = await s3.makeBucket();
  });

  afterEach(cleanUp);

  afterAll(async () => {
    await Promise.all([dynamo.close(), s3.close()]);
  });

  function start(table: string, args: string[] = [], env: Record<string, string> = {}): LocalProcess {
    return startLocal(args, {
      env: {
        MILLRACE_TABLE: table,
        MILLRACE_BUCKET: bucket,
        AWS_REGION: 'eu-west-1',
        AWS_ACCESS_KEY_ID: 'S3RVER',
        AWS_SECRET_ACCESS_KEY: 'S3RVER',
        AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
        AWS_ENDPOINT_URL_S3: s3.endpoint,
        ...env,
      },
    });
  }

  async function call(url: string, method: string, path: string, body?: unknown): Promise<[number, unknown]> {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
    const text = await response.text();
    return [response.status, text === '' ? undefined : JSON.parse(text)];
  }

  it('makes its table when asked to, and keeps topics, records and keys over a restart', async () => {
    const table = `local-${randomUUID()}`;
    const first = start(table, ['--create-table', '--api-key', 'a-long-enough-declared-secret', '--host', '127.0.0.1']);
    const url = await first.url();
    const admin = { authorization: 'Bearer a-long-enough-declared-secret', 'content-type': 'application/json' };
    const post = (path: string, body: unknown) =>
      fetch(url + path, { method: 'POST', headers: admin, body: JSON.stringify(body) });
    expect((await post('/v1/topics', { name: 'eu.orders', partitions: 3 })).status).toBe(201);
    expect((await post('/v1/topics', { name: 'eu_orders' })).status).toBe(400);
    const records = [{ value: 'small', partition: 1 }];
    expect((await post('/v1/topics/eu.orders/records', { records })).status).toBe(200);
    const large = [{ value: 'x'.repeat(100_000), partition: 1 }];
    expect((await post('/v1/topics/eu.orders/records', { records: large })).status).toBe(200);
    const made = await post('/v1/keys', { scopes: ['consume'], topic_prefix: 'eu.' });
    const key = (await made.json()) as { secret: string };
    expect(await first.stop()).toEqual({ code: 0, signal: null });

    const second = await start(table, ['--create-table', '--api-key', 'another-long-enough-secret']).url();
    const headers = { authorization: `Bearer ${key.secret}` };
    const fetched = await fetch(`${second}/v1/topics/eu.orders/partitions/1/records?offset=0`, { headers });
    expect(fetched.status).toBe(200);
    const answer = (await fetched.json()) as { records: { value: string }[] };
    expect(answer.records.map(({ value }) => value.length)).toEqual([5, 100_000]);
  });

  it('creates, grows and deletes topics of more ledgers than a transaction holds', async () => {
    const url = await start(await dynamo.makeTable()).url();
    const config = { 'ledger.partitions': 1 };
    const made = await call(url, 'POST', '/v1/topics', { name: 'eu.orders', partitions: 150, config });
    expect(made).toMatchObject([201, { partitions: 150 }]);
    expect(await call(url, 'POST', '/v1/topics', { name: 'eu.orders', partitions: 150, config })).toMatchObject([
      409,
      { code: 'TOPIC_ALREADY_EXISTS' },
    ]);
    const grown = await call(url, 'PATCH', '/v1/topics/eu.orders', { partitions: 260, config: { 'retention.ms': 1 } });
    expect(grown).toMatchObject([200, { partitions: 260, config: { 'retention.ms': '1' } }]);
    expect(await call(url, 'GET', '/v1/topics')).toMatchObject([
      200,
      { topics: [{ name: 'eu.orders', partitions: 260 }] },
    ]);
    const records = [{ value: 'x', partition: 259 }];
    expect((await call(url, 'POST', '/v1/topics/eu.orders/records', { records }))[0]).toBe(200);
    expect((await call(url, 'DELETE', '/v1/topics/eu.orders'))[0]).toBe(204);
    expect((await call(url, 'GET', '/v1/topics/eu.orders'))[0]).toBe(404);
    expect((await call(url, 'POST', '/v1/topics', { name: 'eu_orders' }))[0]).toBe(201);
  });

  it.each([
    [
      'a table that is not there',
      {},
      'missing-table',
      /The table missing-table cannot be used. .*--create-table makes it/,
    ],
    [
      'a bucket that is not there',
      { MILLRACE_BUCKET: 'missing-bucket' },
      undefined,
      /The bucket missing-bucket cannot be used/,
    ],
    ['no credentials', { AWS_ACCESS_KEY_ID: '', AWS_EC2_METADATA_DISABLED: 'true' }, undefined, /credentials/],
  ])('refuses to start with %s', async (_, env, table, sentence) => {
    const local = start(table ?? (await dynamo.makeTable()), [], env);
    expect(await local.exit).toEqual({ code: 1, signal: null });
    expect(local.stderr).toMatch(/^millrace: [^\n]*\n$/);
    expect(local.stderr).toMatch(sentence);
  });

  it('refuses to start when DynamoDB is not there', async () => {
    const local = start('any', [], { AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:1' });
    expect(await local.exit).toEqual({ code: 1, signal: null });
    expect(local.stderr).toMatch(/^millrace: The table any cannot be used. [^\n]*\n$/);
  });
});
