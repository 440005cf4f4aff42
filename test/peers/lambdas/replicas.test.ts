/** The three functions with a list of replicas, as built bundles, on buckets of several regions. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ListObjectsV2Command } from '../../support/aws-sdk.ts';
import type { ExecutionEnvironment } from '../support/execution-environment.ts';
import { ADMIN_KEY, type Functions, functionsMissing, makeFunctions } from '../support/functions.ts';
import { type EventRequest, type HttpAnswer, httpAnswerOf, httpApiEvent } from '../support/http-api.ts';
import { describeWithPeer } from '../support/peer.ts';

const ADMIN = `Basic ${Buffer.from(`${ADMIN_KEY.id}:${ADMIN_KEY.secret}`).toString('base64')}`;

describeWithPeer(functionsMissing())('the functions of a stack with replicas', () => {
  let functions: Functions;
  let produce: ExecutionEnvironment;
  let fetch: ExecutionEnvironment;
  let topics: ExecutionEnvironment;
  let buckets: string[];
  let authorization: string;

  beforeAll(async () => {
    functions = await makeFunctions();
    buckets = await Promise.all([functions.s3.makeBucket(), functions.s3.makeBucket()]);
    const regions = ['us-east-1', 'eu-west-1'];
    const listed = buckets.map((bucket, index) => {
      const region = regions[index] as string;
      return { id: index + 1, name: region, bucket, region, rack: region };
    });
    const variables = { MILLRACE_REPLICAS: JSON.stringify(listed), MILLRACE_INLINE_BYTES_MAX: '0' };
    [produce, fetch, topics] = await Promise.all([
      functions.start('produce', variables),
      functions.start('fetch', variables),
      functions.start('topics', variables),
    ]);
    authorization = ADMIN;
    const created = await ask(topics, {
      method: 'POST',
      path: '/v1/keys',
      body: JSON.stringify({ scopes: ['produce', 'consume'] }),
    });
    authorization = `Bearer ${(json(created) as { secret: string }).secret}`;
  });

  afterAll(() => functions?.close());

  async function ask(environment: ExecutionEnvironment, request: EventRequest): Promise<HttpAnswer> {
    const headers = { authorization, 'content-type': 'application/json', ...request.headers };
    return httpAnswerOf(await environment.invoke(httpApiEvent({ ...request, headers })));
  }

  function json({ body }: HttpAnswer): unknown {
    return JSON.parse(body.toString());
  }

  async function objectsIn(bucket: string): Promise<string[]> {
    const { Contents = [] } = await functions.s3.client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key = '' }) => Key).filter((name) => !name.includes('probe'));
  }

  function create(name: string, replicationFactor: number): Promise<HttpAnswer> {
    return ask(topics, {
      method: 'POST',
      path: '/v1/topics',
      headers: { authorization: ADMIN },
      body: JSON.stringify({ name, replication_factor: replicationFactor, config: { 'min.insync.replicas': 2 } }),
    });
  }

  it('keep a replicated topic in both buckets, and read it from either', async () => {
    const created = await create('replicated', 2);
    expect([created.status, json(created)]).toMatchObject([201, { replication_factor: 2 }]);
    const answer = await ask(produce, {
      method: 'POST',
      path: '/v1/topics/replicated/records',
      body: JSON.stringify({ records: [{ key: 'a', value: 'one' }] }),
    });
    expect([answer.status, answer.body.toString()]).toMatchObject([200, expect.stringContaining('"offset":0')]);
    const [first, second] = await Promise.all(buckets.map(objectsIn));
    expect(first).toHaveLength(1);
    expect(second).toEqual(first);
    for (const rack of ['us-east-1', 'eu-west-1']) {
      const read = await ask(fetch, {
        method: 'GET',
        path: '/v1/topics/replicated/partitions/0/records?offset=earliest',
        headers: { 'x-rack': rack },
      });
      expect(json(read)).toMatchObject({ records: [{ value: 'one' }], high_watermark: 1 });
    }
  });

  it('keep a topic with one replica in the own bucket, which lies beside the list', async () => {
    const before = await Promise.all(buckets.map(objectsIn));
    expect((await create('single', 1)).status).toBe(201);
    const answer = await ask(produce, {
      method: 'POST',
      path: '/v1/topics/single/records?acks=leader',
      body: JSON.stringify({ records: [{ key: 'a', value: 'one' }] }),
    });
    expect(answer.status).toBe(200);
    expect(await Promise.all(buckets.map(objectsIn))).toEqual(before);
    expect(await objectsIn(functions.variables('produce')['MILLRACE_BUCKET'] as string)).toHaveLength(1);
  });

  it('refuse more replicas than the list has', async () => {
    const refused = await create('three', 3);
    expect([refused.status, json(refused)]).toMatchObject([400, { code: 'INVALID_REPLICATION_FACTOR' }]);
  });
});
