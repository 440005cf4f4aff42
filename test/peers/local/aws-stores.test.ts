/** The local server on DynamoDB Local and an S3 server. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { ListObjectsV2Command } from '../../support/aws-sdk.ts';
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

  async function countObjects(name: string): Promise<number> {
    const listed = await s3.client.send(new ListObjectsV2Command({ Bucket: name, Prefix: 'segments/' }));
    return listed.Contents?.filter(({ Key }) => !Key?.includes('probe')).length ?? 0;
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

  it('keeps replicated topics in the buckets of its list, and goes on where one of them is not there', async () => {
    const [east, west] = await Promise.all([s3.makeBucket(), s3.makeBucket()]);
    const listed = [
      { id: 1, name: 'east', bucket: east, region: 'us-east-1', rack: 'east' },
      { id: 2, name: 'west', bucket: west, region: 'us-west-1', rack: 'west' },
      { id: 3, name: 'gone', bucket: 'a-bucket-that-is-not-there', region: 'us-west-1', rack: 'gone' },
    ];
    const table = await dynamo.makeTable();
    const local = start(table, [], { MILLRACE_REPLICAS: JSON.stringify(listed) });
    const url = await local.url();
    expect(await call(url, 'POST', '/v1/topics', { name: 'orders', replication_factor: 4 })).toMatchObject([
      400,
      { code: 'INVALID_REPLICATION_FACTOR' },
    ]);
    const config = { 'min.insync.replicas': 2 };
    const made = await call(url, 'POST', '/v1/topics', { name: 'orders', replication_factor: 3, config });
    expect(made[0]).toBe(201);
    const records = [{ value: 'x'.repeat(100_000) }];
    await expect
      .poll(async () => (await call(url, 'POST', '/v1/topics/orders/records', { records }))[0], { timeout: 60_000 })
      .toBe(200);
    const [, described] = await call(url, 'GET', '/v1/topics/orders');
    const [partition] = (described as { partition_details: { leader: number; isr: number[] }[] }).partition_details;
    expect(partition?.isr.toSorted((a, b) => a - b)).toEqual([1, 2]);
    expect(local.stderr).toContain('a replica cannot be used, and counts as down until it can');

    const own = await countObjects(bucket);
    expect(await call(url, 'POST', '/v1/topics/orders/records', { records })).toMatchObject([200, {}]);
    expect(await countObjects(bucket)).toBe(own);
    for (const replica of [east, west]) expect(await countObjects(replica)).toBeGreaterThanOrEqual(2);
    const headers = { 'x-rack': 'west' };
    const answer = await fetch(`${url}/v1/topics/orders/partitions/0/records?offset=earliest`, { headers });
    const read = (await answer.json()) as { records: { value: string }[] };
    expect(read.records.map(({ value }) => value.length)).toEqual(read.records.map(() => 100_000));
    expect(read.records.length).toBeGreaterThanOrEqual(2);
  });

  it.each([
    [
      'MILLRACE_REPLICAS that give the own bucket’s number away',
      {
        MILLRACE_REPLICAS: JSON.stringify([
          { id: 0, name: 'other', bucket: 'other', region: 'eu-west-1', rack: 'other' },
        ]),
      },
      undefined,
      /gives "other" the id 0, and 0 is the own bucket's/,
    ],
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
