/**
 * What is asked for is begun by the maintenance that the table's stream wakes: built bundles, and the filters that are
 * deployed.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { APPEARED_WORK } from '../../../lib/infra/work-filters.ts';
import { ListObjectsV2Command } from '../../support/aws-sdk.ts';
import type { EventPattern } from '../support/event-pattern.ts';
import type { ExecutionEnvironment } from '../support/execution-environment.ts';
import { ADMIN_KEY, type Functions, functionsMissing, makeFunctions } from '../support/functions.ts';
import { httpAnswerOf, httpApiEvent } from '../support/http-api.ts';
import { describeWithPeer } from '../support/peer.ts';
import { type StreamMapping, startStreamMapping } from '../support/stream-mapping.ts';

const FIRST_KEY = `Basic ${Buffer.from(`${ADMIN_KEY.id}:${ADMIN_KEY.secret}`).toString('base64')}`;

/** Above what is kept in the table. */
const LARGE = 'x'.repeat(6_000);

/** Lambda polls four times a second; the rest is the work. */
const SOON = { timeout: 15_000, interval: 100 };

describeWithPeer(functionsMissing())('what the stream tells the maintenance of', () => {
  let functions: Functions;
  let stream: StreamMapping;
  let authorization = FIRST_KEY;
  const called = new Map<string, ExecutionEnvironment>();

  beforeAll(async () => {
    functions = await makeFunctions();
    for (const name of ['topics', 'produce', 'fetch', 'maintenance'] as const) {
      called.set(name, await functions.start(name));
    }
    const key = await ask('topics', ['POST', '/v1/keys'], { scopes: ['admin', 'produce', 'consume'] });
    authorization = `Bearer ${(key as { secret: string }).secret}`;
    stream = await startStreamMapping({
      dynamo: functions.dynamo,
      table: functions.table,
      patterns: APPEARED_WORK.map(({ pattern }) => JSON.parse(String(pattern)) as EventPattern),
      invoke: (event) => (called.get('maintenance') as ExecutionEnvironment).invoke(event, { timeoutMs: 60_000 }),
    });
  });

  afterAll(async () => {
    try {
      await stream?.close();
    } finally {
      await functions?.close();
    }
  });

  async function ask(name: string, [method, path]: readonly [string, string], body?: unknown): Promise<unknown> {
    const headers = { authorization, 'content-type': 'application/json' };
    const text = body === undefined ? undefined : JSON.stringify(body);
    const event = httpApiEvent({ method, path, headers, ...(text !== undefined && { body: text }) });
    const answer = httpAnswerOf(await (called.get(name) as ExecutionEnvironment).invoke(event));
    expect(answer.status, answer.body.toString()).toBeLessThan(300);
    return answer.body.length === 0 ? undefined : JSON.parse(answer.body.toString());
  }

  async function makeTopic(name: string): Promise<void> {
    await ask('topics', ['POST', '/v1/topics'], { name });
    const records = [
      { key: 'ada', value: LARGE },
      { key: 'bob', value: LARGE },
    ];
    await ask('produce', ['POST', `/v1/topics/${name}/records`], { records });
  }

  async function objects(): Promise<number> {
    const Bucket = functions.variables('maintenance')['MILLRACE_BUCKET'];
    return (await functions.s3.client.send(new ListObjectsV2Command({ Bucket, Prefix: 'segments/' }))).KeyCount ?? 0;
  }

  it('is an erasure, after which nobody reads the records, by one invocation', async () => {
    await makeTopic('visits');
    const before = stream.counts.invocations;
    const { id } = (await ask('topics', ['POST', '/v1/erasures'], { topics: ['visits'], key: 'ada' })) as {
      id: string;
    };
    const described = () => ask('topics', ['GET', `/v1/erasures/${id}`]);
    await expect.poll(described, SOON).toMatchObject({ state: 'waiting', records_removed: 1, problems: [] });
    const read = await ask('fetch', ['GET', '/v1/topics/visits/partitions/0/records?offset=0']);
    expect(read).toMatchObject({ records: [{ key: 'bob' }] });
    await expect.poll(() => stream.counts.invocations, SOON).toBe(before + 1);
  });

  it('is a deleted topic, whose objects nobody else may delete', async () => {
    await makeTopic('gone');
    const before = await objects();
    expect(before).toBeGreaterThan(0);
    const { passed } = stream.counts;
    await ask('topics', ['DELETE', '/v1/topics/gone']);
    await expect.poll(objects, SOON).toBe(before - 1);
    // Whatever deleted the object, the stream may tell of it later.
    await expect.poll(() => stream.counts.passed, SOON).toBe(passed + 1);
  });

  it('is nothing else', async () => {
    const { passed, records } = stream.counts;
    await makeTopic('quiet');
    await expect.poll(() => stream.counts.records, SOON).toBeGreaterThan(records + 3);
    expect(stream.counts.passed).toBe(passed);
  });
});
