/**
 * How long a record takes to the function in a deployment, in virtual time: from the produce call to the handler's
 * first line.
 */
import { TriggersWorld, type WorldOptions } from './triggers-world.ts';

export interface LatencyShape {
  seed: number;
  delay: WorldOptions['delay'];
  /** Between records, on average. */
  gapMs: number;
  records: number;
}

/**
 * Storage as the simulation of faults has it (test/simulation/network.ts): mostly 1 to 10 ms a way, at times up to half
 * a second.
 */
export const simulatedDelay: WorldOptions['delay'] = (_, random) =>
  random() < 0.95 ? 1 + random() * 9 : random() * 500;

const QUIET_MS = 20_000;
const VALUE_BYTES = 1_024;

/** Milliseconds, of single records to one partition, whose times have nothing to do with the polls of the stream. */
export async function latencies({ seed, delay, gapMs, records }: LatencyShape): Promise<number[]> {
  const world = new TriggersWorld({ seed, delay });
  try {
    await world.makeTrigger('t');
    world.poll();
    await world.run(world.produce('t', 0, 1, VALUE_BYTES));
    await world.pass(QUIET_MS);
    world.forget();
    for (let record = 0; record < records; record++) {
      await world.run(world.produce('t', 0, 1, VALUE_BYTES));
      await world.pass(gapMs * (0.5 + world.scheduler.random.fraction()));
    }
    await world.pass(QUIET_MS);
    const started = world.handled.flatMap(({ records: got, startedMs }) =>
      got.map(({ number }) => startedMs - (world.produced[number]?.begunMs ?? Number.NaN)),
    );
    if (started.length !== records) throw new Error(`${started.length} of ${records} records were delivered`);
    return started;
  } finally {
    await world.close();
  }
}
