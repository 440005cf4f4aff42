/**
 * A tenant's stack with triggers, as it is deployed: the built functions under the runtime interface client, over
 * DynamoDB Local with its stream; and a team's function beside it. What calls them on AWS is the test's: Lambda's
 * `Invoke`, the mapping of the stream, the schedule.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { WAKING_HEADS } from '../../../lib/infra/triggers/stream-filter.ts';
import type { EventPattern } from '../support/event-pattern.ts';
import { type ExecutionEnvironment, startEnvironment } from '../support/execution-environment.ts';
import { type FunctionName, type Functions, makeFunctions } from '../support/functions.ts';
import { type LambdaService, startLambdaService } from '../support/lambda-service.ts';
import { makeQueue, type TestQueue } from '../support/queue.ts';
import { type StreamMapping, startStreamMapping } from '../support/stream-mapping.ts';
import { type Delivery, deliveryOf } from './delivery-log.ts';

const REGION = 'eu-central-1';
const CONSUMER = 'process-orders';
export const CONSUMER_ARN = `arn:aws:lambda:${REGION}:123456789012:function:${CONSUMER}`;

/**
 * The stack's are 900, 10 and 55 seconds. Here the dispatcher has less, so that it hands on to itself several times.
 */
const DISPATCHER_TIMEOUT_MS = 45_000;
const ROUTER_TIMEOUT_MS = 10_000;
const SWEEPER_TIMEOUT_MS = 55_000;
export const CONSUMER_TIMEOUT_MS = 10_000;

/** The stack's schedule has a minute. */
const SWEEP_MS = 5_000;

/** Environments at once. The consumer's are as many as there are partitions: none of its invocations is throttled. */
const CONCURRENCY = { dispatcher: 4, router: 1, sweeper: 1, consumer: 12 };

export interface Tenant {
  functions: Functions;
  lambda: LambdaService;
  stream: StreamMapping;
  /** Where poison goes. */
  queue: TestQueue;
  /** Of the consumer, in the order in which they ended. */
  deliveries: Delivery[];
  /** Invocations that have ended, by function; those of them that failed. */
  counts: Record<string, { invocations: number; failed: number }>;
  /** Wake-ups of dispatchers, by who asked for them. */
  wakeUps: { caller: string; partitions: number[] }[];
  startTriggersApi(): Promise<ExecutionEnvironment>;
  close(): Promise<void>;
}

export async function makeTenant(): Promise<Tenant> {
  // Each environment has one, to be gone with this process.
  process.setMaxListeners(50);
  const functions = await makeFunctions();
  const directory = await mkdtemp(join(tmpdir(), 'millrace-consumer-'));
  const consumer = await bundleConsumer(directory);
  const queue = await makeQueue(functions.s3.endpoint, REGION);
  const deliveries: Delivery[] = [];
  const counts: Tenant['counts'] = {};
  const wakeUps: Tenant['wakeUps'] = [];
  const stack = new Map<string, string>();
  const start = (name: FunctionName) => () => functions.start(name, { ...Object.fromEntries(stack), ...role(name) });
  const lambda = await startLambdaService({
    functions: {
      'millrace-dispatcher': {
        start: start('dispatcher'),
        timeoutMs: DISPATCHER_TIMEOUT_MS,
        concurrency: CONCURRENCY.dispatcher,
      },
      router: { start: start('router'), timeoutMs: ROUTER_TIMEOUT_MS, concurrency: CONCURRENCY.router },
      sweeper: { start: start('trigger-sweeper'), timeoutMs: SWEEPER_TIMEOUT_MS, concurrency: CONCURRENCY.sweeper },
      [CONSUMER]: {
        start: () => startEnvironment({ file: consumer, functionName: CONSUMER }),
        timeoutMs: CONSUMER_TIMEOUT_MS,
        concurrency: CONCURRENCY.consumer,
      },
    },
    onEnded: (invocation) => {
      const { target, outcome } = invocation;
      const counted = counts[target] ?? { invocations: 0, failed: 0 };
      counts[target] = counted;
      counted.invocations++;
      if (outcome.kind === 'error') counted.failed++;
      if (target === CONSUMER) deliveries.push(deliveryOf(invocation));
    },
    onEvent: ({ caller, event }) => {
      const { work } = event as { work: { partition: number }[] };
      wakeUps.push({ caller, partitions: work.map(({ partition }) => partition) });
    },
  });
  stack.set('AWS_ENDPOINT_URL_LAMBDA', lambda.endpoint);
  stack.set('AWS_ENDPOINT_URL_SQS', functions.s3.endpoint);
  const stream = await startStreamMapping({
    dynamo: functions.dynamo,
    table: functions.table,
    patterns: [JSON.parse(String(WAKING_HEADS['pattern'])) as EventPattern],
    invoke: (event) => lambda.invoke('router', event),
  });
  const schedule = setInterval(() => void lambda.invoke('sweeper', {}), SWEEP_MS);
  return {
    functions,
    lambda,
    stream,
    queue,
    deliveries,
    counts,
    wakeUps,
    startTriggersApi: () =>
      functions.start('triggers', { MILLRACE_ALLOWED_TARGETS: JSON.stringify([CONSUMER_ARN, queue.arn]) }),
    close: async () => {
      clearInterval(schedule);
      try {
        await stream.close();
      } finally {
        await lambda.close();
        queue.close();
        await functions.close();
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}

/** Whoever calls is known by its key, as by its role on AWS. */
function role(name: FunctionName): Record<string, string> {
  const own = { AWS_ACCESS_KEY_ID: name.replace('-', '') };
  if (name !== 'dispatcher') return { ...own, MILLRACE_DISPATCHER: 'millrace-dispatcher' };
  const cluster = `arn:aws:kafka:${REGION}:123456789012:cluster/millrace-acme/00000000-0000-0000-0000-000000000000-0`;
  return { ...own, MILLRACE_EVENT_SOURCE_ARN: cluster, MILLRACE_BOOTSTRAP_SERVERS: 'api.example:443' };
}

/** As a team does it. The formats of Powertools' consumer that it does not use are in files that nothing loads. */
async function bundleConsumer(directory: string): Promise<string> {
  await build({
    entryPoints: { index: join(import.meta.dirname, 'process-orders.ts') },
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    external: ['avro-js', 'protobufjs'],
    logLevel: 'silent',
  });
  return join(directory, 'index.mjs');
}
