/** Dollars a month by load: a minute or more of it in virtual time, for delivery alone. */
import { GB, HOURS_PER_MONTH, SECONDS_PER_MONTH, storageDollars } from '../dollars.ts';
import { show, type Table } from '../figure.ts';
import { prices } from '../prices.ts';
import { assumedDelay } from './triggers-costs.ts';
import { computeDollars, plus, scaled, type Use, useOf } from './triggers-use.ts';
import { TriggersWorld } from './triggers-world.ts';

export interface Load {
  recordsPerMonth: number;
  recordsPerRequest: number;
  partitions: number;
  batchingWindowMs: number;
  /** How much of it is simulated. */
  seconds: number;
}

export interface Month {
  load: Load;
  batches: number;
  /** Of routers and dispatchers. */
  use: Use;
  /** Dispatchers that run at a time, on average. */
  dispatchers: number;
}

const TOPIC = 't';
const VALUE_BYTES = 1_024;
/** Of the time before anything is counted. */
const WARM_UP = 0.25;

/** Requests at random times, each to a partition at random. */
export async function month(load: Load): Promise<Month> {
  const world = new TriggersWorld({ seed: 5, delay: assumedDelay });
  try {
    await world.makeTrigger(TOPIC, { batchingWindowMs: load.batchingWindowMs });
    world.poll();
    const requestsPerMonth = load.recordsPerMonth / load.recordsPerRequest;
    const gapMs = (SECONDS_PER_MONTH * 1_000) / requestsPerMonth;
    const { random } = world.scheduler;
    const runFor = async (ms: number) => {
      const endMs = world.scheduler.nowMs + ms;
      const requests: Promise<void>[] = [];
      for (;;) {
        const waitMs = -Math.log(1 - random.fraction()) * gapMs;
        if (world.scheduler.nowMs + waitMs > endMs) break;
        await world.pass(waitMs);
        const partition = Math.floor(random.fraction() * load.partitions);
        requests.push(world.produce(TOPIC, partition, load.recordsPerRequest, VALUE_BYTES));
      }
      await world.pass(endMs - world.scheduler.nowMs);
      await world.run(Promise.all(requests));
      return requests.length;
    };
    await runFor(load.seconds * 1_000 * WARM_UP);
    world.forget();
    const requests = await runFor(load.seconds * 1_000);
    const { router, dispatcher } = world.ran;
    const factor = requestsPerMonth / requests;
    const dispatching = useOf(dispatcher);
    return {
      load,
      batches: world.handled.length * factor,
      use: scaled(plus(useOf(router), dispatching), factor),
      dispatchers: dispatching.ms / (load.seconds * 1_000),
    };
  } finally {
    await world.close();
  }
}

/** What one Event Poller Unit of a mapping takes, in bytes a second. */
const POLLER_BYTES_MAX = 20e6;

/** A mapping for Kafka in provisioned mode, without the cluster. */
function pollerDollars({ recordsPerMonth }: Load): number {
  const bytesPerSecond = (recordsPerMonth * VALUE_BYTES) / SECONDS_PER_MONTH;
  const units = Math.max(1, Math.ceil(bytesPerSecond / POLLER_BYTES_MAX));
  return units * HOURS_PER_MONTH * prices.lambdaPollerUnit.dollars;
}

export function monthTable(months: readonly Month[], sweeping: number): Table {
  return {
    title: 'Dollars a month for delivery, one trigger of a topic of 16 partitions, records of 1 KiB',
    columns: [
      'records a month',
      'in requests of',
      'batching window',
      'GB',
      'batches',
      'dispatchers at a time',
      'functions',
      'table and bucket',
      'with the sweeper',
      'Kafka mapping, provisioned',
    ],
    rows: months.map(({ load, batches, use, dispatchers }) => {
      const [compute, storage] = [computeDollars(use), storageDollars(use.counts)];
      return [
        `${load.recordsPerMonth / 1e6} M`,
        String(load.recordsPerRequest),
        load.batchingWindowMs === 0 ? 'none' : `${load.batchingWindowMs / 1_000} s`,
        ((load.recordsPerMonth * VALUE_BYTES) / GB).toFixed(0),
        `${(batches / 1e6).toFixed(2)} M`,
        dispatchers.toFixed(2),
        ...[compute, storage, compute + storage + sweeping, pollerDollars(load)].map(show.dollars),
      ];
    }),
    notes: [
      'Requests at random times to partitions at random.',
      "Not in it, on both sides: the handler's own invocations and the storage (a cluster; what produce costs here). A mapping",
      'in on-demand mode has no price of its own, and none of what provisioned mode adds to the handling of errors.',
      "Lambda's reads of the table's stream are free (DynamoDB's developer guide).",
    ],
  };
}
