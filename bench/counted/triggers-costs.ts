/** What deliveries cost by what happens to them, each scenario in a world of its own in which nothing else happens. */
import type { Trigger } from '../../lib/coordination/triggers/trigger.ts';
import { triggerLimits } from '../../lib/kernel/limits/triggers.ts';
import { ASSUMED_MS } from '../dollars.ts';
import { minus, plus, scaled, type Use, useOf } from './triggers-use.ts';
import { type Handler, TriggersWorld, type WorldOptions } from './triggers-world.ts';

const TOPIC = 't';
const VALUE_BYTES = 1_024;
const QUIET_MS = 20_000;

/** A call takes what bench/dollars.ts takes it to, half of it each way. */
export const assumedDelay: WorldOptions['delay'] = (what) =>
  (what === 'table' ? ASSUMED_MS.tableCall : ASSUMED_MS.bucketCall) / 2;

export interface Idle {
  triggers: number;
  /** Of one run. */
  sweeper: Use;
  /** In the whole time: invocations of routers and dispatchers, and calls of the stores by whomever but the sweeper. */
  invocations: number;
  otherCalls: number;
}

const SWEEPS = 5;
const MINUTE_MS = 60_000;

/** Triggers, each of a topic of 16 partitions of which each was delivered once, to which nothing happens any more. */
export async function idling(triggers: number): Promise<Idle> {
  const world = new TriggersWorld({ seed: 1, delay: assumedDelay });
  try {
    const names = Array.from({ length: triggers }, (_, index) => `${TOPIC}-${index}`);
    for (const name of names) await world.makeTrigger(name);
    world.poll();
    for (let partition = 0; partition < 16; partition++) {
      for (const name of names) await world.run(world.produce(name, partition, 1, VALUE_BYTES));
    }
    await world.pass(QUIET_MS);
    if (world.handled.length < 16 * triggers) throw new Error('not everything was delivered');
    world.forget();
    const before = world.calls;
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      await world.pass(MINUTE_MS);
      await world.run(world.sweep());
    }
    if (world.sweeps.some(({ partitions }) => partitions !== 16 * triggers))
      throw new Error('not everything was swept');
    const sweeper = useOf(world.ran.sweeper);
    return {
      triggers,
      sweeper: scaled(sweeper, 1 / SWEEPS),
      invocations: world.ran.router.length + world.ran.dispatcher.length,
      otherCalls: world.calls - before - sweeper.counts.tableCalls,
    };
  } finally {
    await world.close();
  }
}

export interface Shape {
  name: string;
  records: number;
  /** Between requests, on average. */
  gapMs: number;
  requests: number;
  trigger?: Partial<Trigger>;
  handler?: Handler;
  handlerMs?: number;
  dispatcherMsMax?: number;
}

export interface Delivered {
  shape: Shape;
  /** Invocations of the handler. */
  batches: number;
  router: Use;
  dispatcher: Use;
  /** Of the dispatchers: those that found the lease held. */
  held: Use;
  handedOn: number;
}

/** Requests to one partition of a trigger, and all that follows from them. */
async function delivering(shape: Shape): Promise<Delivered> {
  const { name, records, gapMs, requests, trigger, handler, handlerMs, dispatcherMsMax } = shape;
  const world = new TriggersWorld({ seed: 2, delay: assumedDelay, handlerMs, dispatcherMsMax });
  try {
    await world.makeTrigger(TOPIC, trigger);
    world.poll();
    // The environments are warm then, and the partition has its lease.
    await world.run(world.produce(TOPIC, 0, 1, VALUE_BYTES));
    await world.pass(QUIET_MS);
    world.forget();
    if (handler !== undefined) world.handler = handler;
    for (let request = 0; request < requests; request++) {
      await world.run(world.produce(TOPIC, 0, records, VALUE_BYTES));
      await world.pass(gapMs * (0.5 + world.scheduler.random.fraction()));
    }
    await world.pass(QUIET_MS);
    const delivered = new Set(world.handled.flatMap(({ records: got }) => got.map(({ offset }) => offset)));
    if (delivered.size !== records * requests) throw new Error(`${name}: not everything was delivered`);
    const { router, dispatcher } = world.ran;
    const ends = dispatcher.flatMap(({ summary }) => summary?.partitions ?? []);
    return {
      shape,
      batches: world.handled.length,
      router: useOf(router),
      dispatcher: useOf(dispatcher),
      held: useOf(dispatcher.filter(({ summary }) => summary?.partitions.every(({ end }) => end === 'held'))),
      handedOn: ends.filter(({ end }) => end === 'handed-on').length,
    };
  } finally {
    await world.close();
  }
}

const WAKING = { records: 1, gapMs: QUIET_MS, requests: 20 };
const STEADY = { records: 1, gapMs: 500, requests: 200 };
const QUEUE = { kind: 'sqs', arn: 'arn:aws:sqs:us-east-1:123456789012:q' } as const;
const POISONED: Partial<Trigger> = { bisectBatchOnError: true, retryAttempts: 0, onFailure: QUEUE };
const BATCH = 16;
/**
 * Of which a dispatcher does a part in its time; not such that one has to leave in the second that it stays after the
 * last batch, which would be counted on one side only.
 */
const BACKLOG = { records: 2_400, gapMs: 60_000, requests: 1, handlerMs: 200, trigger: { batchSize: 10 } };
const SHORT_DISPATCH_MS = triggerLimits.triggerTimeoutMsDefault + triggerLimits.triggerEndMarginMs + 5_000;

export interface CountedRow {
  name: string;
  use: Use;
}

/** One line each: what one of them uses, of router and dispatchers together. */
export async function countDeliveries(progress: (text: string) => void): Promise<CountedRow[]> {
  const count = (name: string, shape: Omit<Shape, 'name'>) => {
    progress(name);
    return delivering({ name, ...shape });
  };
  const one = await count('single records, each with a wake-up', WAKING);
  const hundred = await count('100 records, each time with a wake-up', { ...WAKING, records: 100 });
  const steady = await count('steady single records', STEADY);
  const steadyHundred = await count('steady batches of 100 records', { ...STEADY, records: 100 });
  const retried = await count('each batch fails once', {
    ...WAKING,
    handler: (_, earlier) => (earlier % 2 === 0 ? 'failed' : 'done'),
  });
  const batches = await count('batches of 16', { ...WAKING, records: BATCH });
  const poison: Handler = ({ records }) => (records.some(({ offset }) => offset % BATCH === 8) ? 'failed' : 'done');
  const bisected = await count('a poison record in each batch of 16', {
    ...WAKING,
    records: BATCH,
    trigger: POISONED,
    handler: poison,
  });
  const whole = await count('a backlog', BACKLOG);
  const handed = await count('a backlog that is handed over', { ...BACKLOG, dispatcherMsMax: SHORT_DISPATCH_MS });
  return [
    { name: 'batch of 1 record, a wake-up each', use: scaled(all(one), 1 / one.batches) },
    { name: 'batch of 100 records of 1 KiB, a wake-up each', use: scaled(all(hundred), 1 / hundred.batches) },
    { name: 'batch of 1 record, one every 0.5 s', use: scaled(all(steady), 1 / steady.batches) },
    { name: 'batch of 100 records, one every 0.5 s', use: scaled(all(steadyHundred), 1 / steadyHundred.batches) },
    { name: 'of that: a wake-up that finds the lease held', use: scaled(steady.held, 1 / steady.held.invocations) },
    {
      name: 'a retry, beside its batch',
      use: scaled(minus(all(retried), all(one)), 1 / (retried.batches - one.batches)),
    },
    {
      name: 'a poison record in 16, halved out, beside its batch',
      use: scaled(minus(all(bisected), all(batches)), 1 / batches.batches),
    },
    { name: 'a hand-over to the next dispatcher', use: scaled(minus(all(handed), all(whole)), 1 / handed.handedOn) },
  ];
}

function all({ router, dispatcher }: Delivered): Use {
  return plus(router, dispatcher);
}
