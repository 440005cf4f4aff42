/**
 * What an idempotent producer promises, whatever is lost, late, throttled or refused on the way: every partition has
 * the records it has receipts for, once, at their offsets, in the order in which they were sent.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Receipt } from '../../../lib/client/producer/record.ts';
import { type Fault, THROTTLED, UNAVAILABLE } from '../../support/fake-records-api.ts';
import { producerWorld } from './producer-world.ts';

const PARTITIONS = 3;
const TOPICS = { orders: { partitions: PARTITIONS } };

const fault: fc.Arbitrary<Fault | undefined> = fc.oneof(
  { weight: 5, arbitrary: fc.constant(undefined) },
  fc.constantFrom<Fault>('lost-request', 'lost-answer', 'gateway', UNAVAILABLE, THROTTLED),
  fc.record({ lateMs: fc.integer({ min: 1, max: 20_000 }) }),
);

const scenario = fc.record({
  /**
   * The partition of each record, how long after the one before it it is sent, and how much larger than others it is.
   */
  records: fc.array(fc.tuple(fc.nat(PARTITIONS - 1), fc.constantFrom(0, 0, 0, 1, 30, 400), fc.constantFrom(0, 0, 50)), {
    minLength: 1,
    maxLength: 40,
  }),
  faults: fc.array(fault, { maxLength: 30 }),
  latencies: fc.array(fc.constantFrom(0, 5, 80, 700), { minLength: 1, maxLength: 10 }),
  lingerMs: fc.constantFrom(0, 5, 100),
  batchRecordsMax: fc.integer({ min: 1, max: 8 }),
  inFlightMax: fc.integer({ min: 1, max: 4 }),
  bufferBytesMax: fc.constantFrom(130, 400, 1_000_000),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer Given> ? Given : never;

/** Numbers in the order of sending; the padding does not change them. */
function valueOf(index: number, padding: number): string {
  return `${index}${' '.repeat(padding)}`;
}

async function run(given: Scenario, deliveryTimeoutMs: number) {
  const { records, faults, latencies, ...options } = given;
  const world = producerWorld(
    { ...options, deliveryTimeoutMs, waitMsMax: 10_000_000 },
    {
      topics: TOPICS,
      fault: (write) => faults[write],
      latencyMs: (write) => latencies[write % latencies.length] ?? 0,
    },
  );
  const sent: { partition: number; value: string; outcome: Promise<Receipt | undefined> }[] = [];
  for (const [index, [partition, afterMs, padding]] of records.entries()) {
    if (afterMs > 0) await world.clock.advance(afterMs);
    const value = valueOf(index, padding);
    const receipt = world.producer.send({ topic: 'orders', records: [{ value, partition }] });
    sent.push({ partition, value, outcome: receipt.then(([one]) => one).catch(() => undefined) });
  }
  await world.clock.until(world.producer.close(), 100_000_000);
  // Whatever is late arrives.
  await world.clock.advance(100_000);
  const outcomes = await Promise.all(
    sent.map(async ({ partition, value, outcome }) => ({ partition, value, receipt: await outcome })),
  );
  return { ...world, outcomes };
}

it('writes all records once, in order, where their receipts say', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const { fake, outcomes, clock } = await run(given, 3_000_000);
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const own = outcomes.filter((outcome) => outcome.partition === partition);
        expect(fake.log('orders', partition)).toEqual(own.map(({ value }) => value));
        expect(own.map(({ receipt }) => receipt?.offset)).toEqual(own.map((_, offset) => offset));
      }
      expect([...fake.overtaken]).toEqual([]);
      expect(clock.sleeping).toBe(0);
    }),
    { numRuns: 150 },
  );
});

it('writes none twice and none out of order, and what has a receipt is there, where deliveries are given up', async () => {
  let givenUp = 0;
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const { fake, outcomes } = await run(given, 1_200);
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const log = fake.log('orders', partition);
        expect(new Set(log).size).toBe(log.length);
        expect(log.map(Number)).toEqual(log.map(Number).toSorted((a, b) => a - b));
        const own = outcomes.filter((outcome) => outcome.partition === partition);
        const receipted = own.filter(({ receipt }) => receipt !== undefined);
        givenUp += own.length - receipted.length;
        expect(receipted.map(({ receipt }) => log[receipt?.offset ?? -1])).toEqual(receipted.map(({ value }) => value));
      }
    }),
    { numRuns: 150 },
  );
  expect(givenUp).toBeGreaterThan(0);
});

it('writes none twice without idempotence, and what has a receipt is there', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const { records, faults, latencies, ...options } = given;
      const { producer, fake, clock } = producerWorld(
        { ...options, idempotence: false, waitMsMax: 10_000_000 },
        {
          topics: TOPICS,
          fault: (write) => faults[write],
          latencyMs: (write) => latencies[write % latencies.length] ?? 0,
        },
      );
      const outcomes = records.map(async ([partition, , padding], index) => {
        const value = valueOf(index, padding);
        const sent = producer.send({ topic: 'orders', records: [{ value, partition }] });
        return { partition, value, receipt: (await sent.catch(() => undefined))?.[0] };
      });
      await clock.until(producer.close(), 100_000_000);
      await clock.advance(100_000);
      const ended = await Promise.all(outcomes);
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const log = fake.log('orders', partition);
        expect(new Set(log).size).toBe(log.length);
        const own = ended.filter((outcome) => outcome.partition === partition && outcome.receipt !== undefined);
        expect(own.map(({ receipt }) => log[receipt?.offset ?? -1])).toEqual(own.map(({ value }) => value));
      }
    }),
    { numRuns: 100 },
  );
});
