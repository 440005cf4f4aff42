/**
 * Delivery to a function by what is deployed: 50,000 orders over 12 partitions, one in twenty of which is poison, with
 * a dispatcher's environment killed in the middle. Real: the built bundles of router, dispatcher, sweeper and APIs and
 * that of the consumer, each under the official runtime interface client; DynamoDB Local with its stream; S3 and SQS of
 * fauxqs. The test's own: Lambda's `Invoke`, the mapping of the stream, and a schedule that is faster than the stack's.
 *
 * `MILLRACE_TRIGGER_RECORDS` makes it another number of orders.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MSKEvent } from 'aws-lambda';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { InvocationRecord } from '../../../lib/triggers/destinations/invocation-record.ts';
import type { ExecutionEnvironment } from '../support/execution-environment.ts';
import { ADMIN_KEY, functionsMissing } from '../support/functions.ts';
import { type EventRequest, httpAnswerOf, httpApiEvent } from '../support/http-api.ts';
import { describeWithPeer } from '../support/peer.ts';
import { type Delivery, judge } from './delivery-log.ts';
import { isPoison, orderOf, ordersBatch } from './orders.ts';
import { CONSUMER_ARN, CONSUMER_TIMEOUT_MS, makeTenant, type Tenant } from './tenant.ts';

const RECORDS = Number(process.env['MILLRACE_TRIGGER_RECORDS'] ?? 50_000);
const PARTITIONS = 12;
/** Partitions whose producers begin together, so that each dispatcher gets some. */
const TOGETHER = 4;
const RECORDS_PER_REQUEST = 500;
/** Of each partition, produced when all others are done and no dispatcher is left. */
const LATE_RECORDS = 10;
const RUN_MS_MAX = 600_000;

const TRIGGER = {
  name: 'process-orders',
  topics: ['orders'],
  target: CONSUMER_ARN,
  starting_position: 'TRIM_HORIZON',
  batch_size: 100,
  report_batch_item_failures: true,
  bisect_batch_on_error: true,
  retry_attempts: 1,
  timeout_ms: CONSUMER_TIMEOUT_MS,
};

const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
const ends = partitions.map((partition) => Math.floor((RECORDS + partition) / PARTITIONS));

describeWithPeer(functionsMissing())('the deployed dispatcher', () => {
  let tenant: Tenant;
  let topics: ExecutionEnvironment;
  let produce: ExecutionEnvironment;
  let triggers: ExecutionEnvironment;
  let authorization = `Basic ${Buffer.from(`${ADMIN_KEY.id}:${ADMIN_KEY.secret}`).toString('base64')}`;
  let deliveries: Delivery[];
  let messages: (InvocationRecord & { payload: string })[];
  let killed: ExecutionEnvironment;
  /** Partitions whose leases ran out and were taken over. */
  let orphans: number[];
  let wakeUpsBeforeKill = 0;
  /** By partition, its end. */
  const produced = new Map<number, number>();

  beforeAll(async () => {
    tenant = await makeTenant();
    const { functions } = tenant;
    [topics, produce, triggers] = await Promise.all([
      functions.start('topics'),
      functions.start('produce'),
      tenant.startTriggersApi(),
    ]);
    const key = await ask<{ secret: string }>(topics, 'POST', '/v1/keys', { scopes: ['admin'] });
    authorization = `Bearer ${key.secret}`;
    await ask(topics, 'POST', '/v1/topics', { name: 'orders', partitions: PARTITIONS });
    await ask(triggers, 'POST', '/v1/triggers', { ...TRIGGER, on_failure: { kind: 'sqs', arn: tenant.queue.arn } });
    const startedMs = performance.now();
    await Promise.all([produceMost(), killOne()]);
    await drained();
    await dispatchersGone();
    await Promise.all(partitions.map((partition) => produceTo(partition, lateFrom(partition), end(partition))));
    await drained();
    const seconds = (performance.now() - startedMs) / 1_000;
    deliveries = tenant.deliveries;
    messages = (await tenant.queue.drain()).map((body) => JSON.parse(body) as (typeof messages)[number]);
    orphans = takenOver();
    sayFigures(seconds);
  }, RUN_MS_MAX);

  afterAll(() => tenant?.close());

  async function ask<Answer>(environment: ExecutionEnvironment, method: string, path: string, body?: unknown) {
    const headers: Record<string, string> = { authorization, 'content-type': 'application/json' };
    return answered<Answer>(environment, {
      method,
      path,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async function answered<Answer>(environment: ExecutionEnvironment, request: EventRequest): Promise<Answer> {
    const answer = httpAnswerOf(await environment.invoke(httpApiEvent(request)));
    if (answer.status >= 300) throw new Error(`${request.path}: ${answer.status} ${answer.body.toString()}`);
    return JSON.parse(answer.body.toString()) as Answer;
  }

  async function produceTo(partition: number, first: number, before: number): Promise<void> {
    if (before <= first) return;
    const path = `/v1/topics/orders/partitions/${partition}/records`;
    const headers = { authorization, 'content-type': 'application/vnd.millrace.batches' };
    const body = ordersBatch(partition, first, before);
    const written = await answered<{ base_offset: number }>(produce, { method: 'POST', path, headers, body });
    if (written.base_offset !== first) throw new Error(`${partition}: ${written.base_offset} instead of ${first}`);
    produced.set(partition, before);
  }

  /** All but the late ones. Some partitions begin when the function has had records of those before. */
  async function produceMost(): Promise<void> {
    for (let first = 0; first < PARTITIONS; first += TOGETHER) {
      const beginning = partitions.slice(first, first + TOGETHER);
      await Promise.all(beginning.map((partition) => produceTo(partition, 0, firstUntil(partition))));
      await until(() => tenant.deliveries.some((delivery) => beginning.includes(delivery.partition)));
    }
    for (let first = RECORDS_PER_REQUEST; first < Math.max(...ends); first += RECORDS_PER_REQUEST) {
      const before = (partition: number) => Math.min(first + RECORDS_PER_REQUEST, lateFrom(partition));
      await Promise.all(partitions.map((partition) => produceTo(partition, first, before(partition))));
    }
  }

  /** Ends one dispatcher's environment while it delivers, with more to come, when an eighth is done. */
  async function killOne(): Promise<void> {
    const pool = tenant.lambda.pool('millrace-dispatcher');
    await until(() => processed() > RECORDS / 8);
    let before = new Map<ExecutionEnvironment, number>();
    let victim: ExecutionEnvironment | undefined;
    await until(() => {
      victim = pool.atWork.find((environment) => {
        const attempts = attemptsOf(environment);
        return attempts.length > (before.get(environment) ?? Infinity) && hasMore(attempts.at(-1) ?? 0);
      });
      before = new Map(pool.atWork.map((environment) => [environment, attemptsOf(environment).length]));
      return victim !== undefined;
    });
    killed = victim as ExecutionEnvironment;
    await pool.kill(killed);
    wakeUpsBeforeKill = tenant.wakeUps.length;
  }

  /** Whether a dispatcher has the partition still when it has delivered what it is at. */
  function hasMore(partition: number): boolean {
    return (produced.get(partition) ?? 0) - (processedBefore().get(partition) ?? 0) > 2 * TRIGGER.batch_size;
  }

  function processed(): number {
    return [...processedBefore().values()].reduce((sum, offset) => sum + offset, 0);
  }

  function processedBefore(): Map<number, number> {
    const next = new Map<number, number>();
    for (const { partition, doneBefore } of tenant.deliveries) {
      next.set(partition, Math.max(next.get(partition) ?? 0, doneBefore));
    }
    return next;
  }

  async function drained(): Promise<void> {
    const { lag } = await ask<{ lag: number }>(triggers, 'GET', `/v1/triggers/${TRIGGER.name}`);
    if (lag === 0) return;
    await sleep(500);
    await drained();
  }

  function dispatchersGone(): Promise<void> {
    return until(() => tenant.lambda.pool('millrace-dispatcher').atWork.length === 0);
  }

  /** By dispatchers, each partition once. */
  function takenOver(): number[] {
    const lines = tenant.lambda.pool('millrace-dispatcher').started.flatMap((one) => one.logs().split('\n'));
    const taken = lines.filter((line) => line.includes('A lease was taken over'));
    return [...new Set(taken.map((line) => (JSON.parse(line) as { partition: number }).partition))];
  }

  function sayFigures(seconds: number): void {
    const { records, passed, invocations } = tenant.stream.counts;
    const { concurrent, repeated } = judge(deliveries, { ends, isPoison });
    const figures = {
      records: RECORDS,
      seconds: Math.round(seconds),
      stream: { records, passed, invocations },
      invocations: tenant.counts,
      wakeUps: Object.groupBy(tenant.wakeUps, ({ caller }) => caller),
      concurrent,
      repeated,
      messages: messages.length,
      orphans,
    };
    const byCaller = Object.entries(figures.wakeUps).map(([caller, asked]) => [caller, asked?.length]);
    console.log(JSON.stringify({ ...figures, wakeUps: Object.fromEntries(byCaller) as unknown }));
  }

  it('gives a function all orders, in order in each partition, and none twice at once', () => {
    const judged = judge(deliveries, { ends, isPoison });
    expect(judged.faults).toEqual([]);
    // Only what the killed dispatcher could not commit is processed again.
    expect(judged.repeated).toBeLessThanOrEqual(orphans.length * TRIGGER.batch_size);
    expect(judged.concurrent).toBeGreaterThan(1);
  });

  it('sends poison, and nothing else, to the queue, with what is known of it', () => {
    const expected = partitions.flatMap((partition) =>
      Array.from({ length: end(partition) }, (_, offset) => offset)
        .filter((offset) => isPoison(partition, offset))
        .map((offset) => `${partition}@${offset}`),
    );
    const sent = messages.map(poisonOf);
    expect(expected.length).toBeGreaterThan(RECORDS / 25);
    expect([...new Set(sent)].toSorted()).toEqual(expected.toSorted());
    expect(sent.length - expected.length).toBeLessThanOrEqual(orphans.length);
    // Whoever takes a partition over knows how its last attempt ended, and not by which request.
    const made = new Set(['', ...deliveries.map(({ id }) => id)]);
    for (const { requestContext } of messages) {
      expect(requestContext).toMatchObject({ functionArn: CONSUMER_ARN, condition: 'RetryAttemptsExhausted' });
      expect(requestContext.approximateInvokeCount).toBeGreaterThan(TRIGGER.retry_attempts);
      expect(made).toContain(requestContext.requestId);
    }
    const handedOn = tenant.wakeUps
      .filter(({ caller }) => caller === 'dispatcher')
      .flatMap((asked) => asked.partitions);
    const unnamed = messages.filter(({ requestContext }) => requestContext.requestId === '');
    expect(unnamed.length).toBeLessThanOrEqual(orphans.length + handedOn.length);
  });

  it('commits the ends of all partitions for the group, and shows no lag', async () => {
    const groups = await tenant.functions.start('groups');
    const group = await ask<{ partitions: Record<string, number>[] }>(groups, 'GET', `/v1/groups/${TRIGGER.name}`);
    const committed = group.partitions.map(({ partition, committed_offset, lag }) => [
      partition,
      committed_offset,
      lag,
    ]);
    expect(committed).toEqual(partitions.map((partition) => [partition, end(partition), 0]));
    const trigger = await ask(triggers, 'GET', `/v1/triggers/${TRIGGER.name}`);
    expect(trigger).toMatchObject({ state: 'Enabled', lag: 0, lag_ms: 0 });
  });

  it('is replaced by the sweeper where it was killed', () => {
    expect(orphans).not.toEqual([]);
    const bySweeper = tenant.wakeUps.slice(wakeUpsBeforeKill).filter(({ caller }) => caller === 'triggersweeper');
    expect(bySweeper.flatMap((asked) => asked.partitions)).toEqual(expect.arrayContaining(orphans));
    const delivered = attemptsOf(killed);
    expect(orphans.filter((partition) => !delivered.includes(partition))).toEqual([]);
  });

  // Of fewer orders there may be none left by then.
  it.runIf(RECORDS >= 50_000)('hands on to itself before its time is over', () => {
    expect(tenant.wakeUps.some(({ caller }) => caller === 'dispatcher')).toBe(true);
  });

  it('ends of itself, but where it was killed; router and sweeper never fail', () => {
    expect(tenant.counts['millrace-dispatcher']).toMatchObject({ failed: 1 });
    expect(tenant.counts['router']).toMatchObject({ failed: 0 });
    expect(tenant.counts['sweeper']).toMatchObject({ failed: 0 });
  });

  it('is woken by heads that have grown, and by none of its own writes', () => {
    const { records, passed } = tenant.stream.counts;
    // Every batch writes a lease and offsets, which the filter drops; of heads it passes appends, and now and then
    // their upkeep.
    const appends = Math.ceil(Math.max(...ends) / RECORDS_PER_REQUEST + 1) * PARTITIONS;
    expect(passed).toBeLessThanOrEqual(2 * appends);
    expect(records).toBeGreaterThan(10 * passed);
  });
});

function end(partition: number): number {
  return ends[partition] as number;
}

function lateFrom(partition: number): number {
  return end(partition) - LATE_RECORDS;
}

function firstUntil(partition: number): number {
  return Math.min(RECORDS_PER_REQUEST, lateFrom(partition));
}

/** The partitions of the invocations that it has made, by its log. */
function attemptsOf(environment: ExecutionEnvironment): number[] {
  const attempts = environment.logs().matchAll(/"A batch was (?:not )?delivered".*?"partition":(\d+)/g);
  return [...attempts].map(([, partition]) => Number(partition));
}

/** The one record of the message, as partition and offset; its payload is the order. */
function poisonOf({ KafkaBatchInfo, payload }: InvocationRecord & { payload: string }): string {
  const [record, ...others] = Object.values((JSON.parse(payload) as MSKEvent).records).flat();
  if (record === undefined || others.length > 0) throw new Error(`a message has ${others.length + 1} records`);
  const { partition, offset, value } = record;
  const info = KafkaBatchInfo.recordsInfo[`orders-${partition}`];
  expect(info).toMatchObject({ firstRecordOffset: String(offset), lastRecordOffset: String(offset) });
  expect(JSON.parse(Buffer.from(value, 'base64').toString())).toEqual(orderOf(partition, offset));
  return `${partition}@${offset}`;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(100);
}
