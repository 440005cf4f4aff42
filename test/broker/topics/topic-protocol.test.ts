/** Creators, growers and deleters of one topic against each other, and crashes between any two of their writes. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Broker } from '../../../lib/broker/broker.ts';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { describeTopic } from '../../../lib/broker/topics/describe-topic.ts';
import { listTopics } from '../../../lib/broker/topics/list-topics.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import { CrashError } from '../../support/observed-metadata-store.ts';
import { TopicWorld } from '../../support/topic-world.ts';

const NAME = 'eu.orders';
/** One ledger a partition, so that few partitions are many ledgers: 120 heads do not fit into the creation. */
const config = { 'ledger.partitions': 1 };
const SMALL = 2;
const FEW = 6;
const LARGE = 120;
const HUGE = 320;

type Operation = (broker: Broker) => Promise<unknown>;

const create = (partitions: number) => (broker: Broker) => createTopic(broker, { name: NAME, partitions, config });
const grow = (partitions: number) => (broker: Broker) => alterTopic(broker, NAME, { partitions });
const configure = (retentionMs: number) => (broker: Broker) =>
  alterTopic(broker, NAME, { config: { 'retention.ms': retentionMs } });
const remove: Operation = (broker) => deleteTopic(broker, NAME);

/** How an operation ended: `done`, or the code of its refusal. Anything but a refusal is a failure of the test. */
async function outcome(operation: Operation, broker: Broker): Promise<string> {
  try {
    await operation(broker);
    return 'done';
  } catch (error) {
    if (error instanceof MillraceError && error.effect === 'none') return error.code;
    throw error;
  }
}

const operations = {
  createSmall: create(SMALL),
  createLarge: create(LARGE),
  createColliding: (broker: Broker) => createTopic(broker, { name: 'eu_orders', partitions: LARGE, config }),
  growSmall: grow(SMALL + 1),
  growLarge: grow(HUGE),
  configure: configure(7),
  remove,
} satisfies Record<string, Operation>;

const names = Object.keys(operations) as (keyof typeof operations)[];

const allowed: Record<keyof typeof operations, string[]> = {
  createSmall: ['done', 'TOPIC_ALREADY_EXISTS', 'INVALID_TOPIC'],
  createLarge: ['done', 'TOPIC_ALREADY_EXISTS', 'INVALID_TOPIC'],
  createColliding: ['done', 'TOPIC_ALREADY_EXISTS', 'INVALID_TOPIC'],
  growSmall: ['done', 'UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_PARTITIONS'],
  growLarge: ['done', 'UNKNOWN_TOPIC_OR_PARTITION'],
  configure: ['done', 'UNKNOWN_TOPIC_OR_PARTITION'],
  remove: ['done', 'UNKNOWN_TOPIC_OR_PARTITION'],
};

describe('racing for one topic', () => {
  it('ends with one truth and nothing left over, in any order of the storage calls', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.boolean(),
        fc.array(fc.constantFrom(...names), { minLength: 2, maxLength: 4 }),
        async (scheduler, exists, racers) => {
          const world = new TopicWorld();
          if (exists) await create(SMALL)(world.process().broker);
          const before = () => scheduler.schedule(Promise.resolve());
          const ends = racers.map(async (name) => ({
            name,
            end: await outcome(operations[name], world.process({ before }).broker),
          }));
          await scheduler.waitFor(Promise.all(ends));
          for (const { name, end } of await Promise.all(ends)) expect(allowed[name]).toContain(end);
          await world.maintain();
          const { topics, unreferencedHeads, strays } = await world.topics();
          expect(topics.map(({ state }) => state).filter((state) => state !== 'ready')).toEqual([]);
          expect(topics.length).toBeLessThanOrEqual(1);
          expect({ unreferencedHeads, strays }).toEqual({ unreferencedHeads: 0, strays: [] });
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each([
    ['small', SMALL, SMALL],
    ['large', LARGE, LARGE],
    ['one of each', SMALL, LARGE],
  ])('lets exactly one of two creators win (%s)', async (_, first, second) => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const world = new TopicWorld();
        const before = () => scheduler.schedule(Promise.resolve());
        const creators = [first, second].map((partitions) =>
          outcome(create(partitions), world.process({ before }).broker),
        );
        await scheduler.waitFor(Promise.all(creators));
        const ends = await Promise.all(creators);
        expect(ends.toSorted()).toEqual(['TOPIC_ALREADY_EXISTS', 'done']);
        const { topics, unreferencedHeads } = await world.topics();
        expect(topics).toMatchObject([{ partitions: ends[0] === 'done' ? first : second }]);
        expect(unreferencedHeads).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('loses no change of two that are made at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const world = new TopicWorld();
        await create(SMALL)(world.process().broker);
        const before = () => scheduler.schedule(Promise.resolve());
        const changes = [grow(HUGE), configure(7)].map((change) => outcome(change, world.process({ before }).broker));
        await scheduler.waitFor(Promise.all(changes));
        expect(await Promise.all(changes)).toEqual(['done', 'done']);
        expect(await world.topics()).toMatchObject({
          topics: [{ partitions: HUGE, version: 3, overrides: { 'retention.ms': '7' } }],
          unreferencedHeads: 0,
        });
      }),
      { numRuns: 40 },
    );
  });

  it('never describes or lists a part of a topic', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const world = new TopicWorld();
        const before = () => scheduler.schedule(Promise.resolve());
        const writer = world.process({ before }).broker;
        const reader = world.process({ before }).broker;
        const seen: number[] = [];
        const writing = (async () => {
          await create(LARGE)(writer);
          await remove(writer);
          await create(SMALL)(writer);
        })();
        const reading = (async () => {
          for (let look = 0; look < 4; look++) {
            const end = await outcome(async () => {
              const { topics } = await listTopics(reader);
              seen.push(...topics.map(({ partitions }) => partitions));
              seen.push((await describeTopic(reader, NAME)).partitionDetails.length);
            }, reader);
            expect(['done', 'UNKNOWN_TOPIC_OR_PARTITION']).toContain(end);
          }
        })();
        await scheduler.waitFor(Promise.all([writing, reading]));
        await Promise.all([writing, reading]);
        expect(seen.filter((partitions) => partitions !== SMALL && partitions !== LARGE)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

interface Scenario {
  /** What happened before. */
  given: ((broker: Broker, world: TopicWorld) => Promise<unknown>)[];
  operation: Operation;
  /** Partitions that the topic may have after a crash anywhere; 0 for no topic. */
  after: number[];
}

/** A deletion that crashes before the first head is gone. */
async function halfRemove(_: Broker, world: TopicWorld): Promise<void> {
  const doomed = world.process({ fault: (write) => (write === 1 ? 'crash-before' : undefined) }).broker;
  await expect(remove(doomed)).rejects.toBeInstanceOf(CrashError);
}

const scenarios: Record<string, Scenario> = {
  'creating a small topic': { given: [], operation: create(SMALL), after: [0, SMALL] },
  'creating a large topic': { given: [], operation: create(LARGE), after: [0, LARGE] },
  'creating over a half deletion': { given: [create(SMALL), halfRemove], operation: create(LARGE), after: [0, LARGE] },
  'growing a topic': { given: [create(SMALL)], operation: grow(HUGE), after: [SMALL, HUGE] },
  'deleting a topic': { given: [create(SMALL), grow(FEW)], operation: remove, after: [0, FEW] },
};

async function countWrites({ given, operation }: Scenario): Promise<number> {
  const world = new TopicWorld();
  for (const step of given) await step(world.process().broker, world);
  const { broker, store } = world.process();
  await operation(broker);
  return store.writes;
}

describe.each(Object.entries(scenarios))('a crash while %s', (_, scenario) => {
  it('leaves all or nothing of it to see, and nothing in the way, at any write', async () => {
    const writes = await countWrites(scenario);
    expect(writes).toBeGreaterThan(0);
    for (let at = 0; at < writes; at++) {
      for (const fault of ['crash-before', 'crash-after'] as const) {
        const world = new TopicWorld();
        for (const step of scenario.given) await step(world.process().broker, world);
        const doomed = world.process({ fault: (write) => (write === at ? fault : undefined) }).broker;
        await expect(scenario.operation(doomed)).rejects.toBeInstanceOf(CrashError);

        const { topics } = await world.topics();
        const found = topics.find(({ state }) => state === 'ready');
        expect(scenario.after).toContain(found?.partitions ?? 0);
        const { broker } = world.process();
        const created = await outcome(create(SMALL + 1), broker);
        expect(created).toBe(found === undefined ? 'done' : 'TOPIC_ALREADY_EXISTS');
        const grown = await alterTopic(broker, NAME, { partitions: HUGE });
        expect(grown.partitionDetails).toHaveLength(HUGE);
        await deleteTopic(broker, NAME);
        await world.maintain();
        const end = await world.topics();
        expect(end.topics).toEqual([]);
        // Unreferenced heads are all that a crash may leave, and only the heads of ledgers nobody could find.
        expect(end.strays).toEqual([]);
        expect(end.unreferencedHeads).toBeLessThanOrEqual(scenario.operation === remove ? 0 : HUGE);
      }
    }
  });
});

describe('a deletion that crashed', () => {
  async function halfDeleted() {
    const world = new TopicWorld();
    await create(SMALL)(world.process().broker);
    await halfRemove(world.process().broker, world);
    expect(await world.topics()).toMatchObject({ topics: [{ state: 'deleting' }] });
    return world;
  }

  it('has made the topic unknown', async () => {
    const { broker } = (await halfDeleted()).process();
    const unknown = { code: 'UNKNOWN_TOPIC_OR_PARTITION' };
    await expect(broker.topics.get(NAME)).rejects.toMatchObject(unknown);
    await expect(describeTopic(broker, NAME)).rejects.toMatchObject(unknown);
    await expect(grow(9)(broker)).rejects.toMatchObject(unknown);
    expect(await listTopics(broker)).toEqual({ topics: [] });
  });

  it('is finished by deleting again', async () => {
    const world = await halfDeleted();
    await remove(world.process().broker);
    await world.maintain();
    expect(await world.items()).toEqual([]);
  });

  it('is finished by whoever creates a topic of the name', async () => {
    const world = await halfDeleted();
    await create(SMALL)(world.process().broker);
    expect(await world.topics()).toMatchObject({ topics: [{ state: 'ready' }], unreferencedHeads: 0 });
  });

  it('is finished by whoever creates a large topic of the name', async () => {
    const world = await halfDeleted();
    await create(LARGE)(world.process().broker);
    expect(await world.topics()).toMatchObject({ topics: [{ state: 'ready' }], unreferencedHeads: 0 });
  });
});

describe.each(Object.entries(scenarios))('a lost answer while %s', (_, scenario) => {
  it('is settled by looking, at any write', async () => {
    const writes = await countWrites(scenario);
    const wanted = scenario.after.at(scenario.operation === remove ? 0 : -1);
    for (let at = 0; at < writes; at++) {
      for (const fault of ['lost-before', 'lost-after'] as const) {
        const world = new TopicWorld();
        for (const step of scenario.given) await step(world.process().broker, world);
        const { broker } = world.process({ fault: (write) => (write === at ? fault : undefined) });
        await scenario.operation(broker);
        const { topics, unreferencedHeads } = await world.topics();
        expect(topics[0]?.partitions ?? 0).toBe(wanted);
        expect(unreferencedHeads).toBe(0);
      }
    }
  });

  it('that goes on is told as an unknown effect', async () => {
    const world = new TopicWorld();
    for (const step of scenario.given) await step(world.process().broker, world);
    const { broker, store } = world.process({ fault: () => 'lost-before' });
    await expect(scenario.operation(broker)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', effect: 'unknown' });
    expect(store.writes).toBeLessThan(100);
  });
});

/** A process that stops before its n-th call of a kind (from 0) until it is let go. */
function pausing(world: TopicWorld, kind: 'get' | 'write', at: number) {
  let letGo = () => {};
  let reached = () => {};
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const arrived = new Promise<void>((resolve) => (reached = resolve));
  let calls = 0;
  const { broker } = world.process({
    before: async (call) => {
      if (call !== kind || calls++ !== at) return;
      reached();
      await gate;
    },
  });
  return { broker, arrived, letGo };
}

describe('a process that is late', () => {
  it('does not delete the topic that was made after the one it set out to delete', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await create(SMALL)(broker);
    const late = pausing(world, 'get', 1);
    const deletion = remove(late.broker);
    await late.arrived;
    await create(LARGE)(broker);
    late.letGo();
    await deletion;
    expect(await world.topics()).toMatchObject({ topics: [{ partitions: LARGE }], unreferencedHeads: 0 });
  });

  it('does not finish the deletion of a newer topic before its ledgers are gone', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await create(SMALL)(broker);
    const late = pausing(world, 'write', SMALL + 1);
    const deletion = remove(late.broker);
    await late.arrived;
    await create(SMALL)(broker);
    await halfRemove(broker, world);
    late.letGo();
    await deletion;
    await remove(broker);
    await world.maintain();
    expect(await world.items()).toEqual([]);
  });

  it('describes the topic that took the place of the one it began with', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await create(SMALL)(broker);
    const late = pausing(world, 'get', 1);
    const description = describeTopic(late.broker, NAME);
    await late.arrived;
    await remove(broker);
    await create(LARGE)(broker);
    late.letGo();
    expect((await description).partitionDetails).toHaveLength(LARGE);
  });

  it('leaves no ledger of a growth behind that met another change and then the deletion', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await create(SMALL)(broker);
    const calls = { get: 0, write: 0, query: 0 };
    const late = world.process({
      before: async (call) => {
        const number = calls[call]++;
        // Some of the heads are there by then, and the others are refused; one look later the topic is gone.
        if (call === 'write' && number === 2) await configure(7)(broker);
        if (call === 'get' && number === 2) await remove(broker);
      },
    }).broker;
    expect(await outcome(grow(HUGE), late)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    await world.maintain();
    expect(await world.items()).toEqual([]);
  });

  it('gives up describing a topic that is made anew under every look', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await create(SMALL)(broker);
    let gets = 0;
    const late = world.process({
      before: async () => {
        // The topic's item, then the heads of its two ledgers.
        if (gets++ % 3 !== 1) return;
        await remove(broker);
        await create(SMALL)(broker);
      },
    }).broker;
    await expect(describeTopic(late, NAME)).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT', effect: 'none' });
    expect(gets).toBe(3 * topicLimits.configAttemptsMax);
  });

  it('describes no topic that went meanwhile', async () => {
    const world = new TopicWorld();
    const { broker } = world.process();
    await create(SMALL)(broker);
    const late = pausing(world, 'get', 1);
    const description = outcome((late) => describeTopic(late, NAME), late.broker);
    await late.arrived;
    await remove(broker);
    late.letGo();
    expect(await description).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  });
});

it('keeps the ledgers of a large topic whose creation was never answered', async () => {
  const world = new TopicWorld();
  const { broker } = world.process({ fault: (write) => (write >= 2 ? 'lost-after' : undefined) });
  await expect(create(LARGE)(broker)).rejects.toMatchObject({ effect: 'unknown' });
  expect(await world.topics()).toMatchObject({ topics: [{ partitions: LARGE }], unreferencedHeads: 0 });
});
