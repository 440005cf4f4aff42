import { describe, expect, it } from 'vitest';
import { produceRecords, type RecordOutcome } from '../../../lib/broker/produce/produce.ts';
import { sweep } from '../../../lib/broker/sweep/sweep.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { type LedgerId, newObjectId, newTopicId } from '../../../lib/kernel/ids.ts';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { sweeperLimits } from '../../../lib/kernel/limits/sweeper.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { layOut } from '../../../lib/log/segment/layout.ts';
import { HOUR_MS, objectName } from '../../../lib/log/segment/object-name.ts';
import {
  headOf,
  lost,
  makeBroker,
  makeStores,
  makeTopic,
  objectNames,
  type Process,
  type Stores,
} from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';
import { valuesIn } from '../../support/transactions.ts';

const AGE = sweeperLimits.orphanAgeMs;

interface World {
  stores: Stores;
  writer: Process;
  /** The process that sweeps. */
  sweeper: Process;
  ledger: LedgerId;
}

/** A topic whose partition n is alone in its ledger n. */
async function makeWorld({ inlineBytesMax = 0 } = {}): Promise<World> {
  const stores = makeStores({ inlineBytesMax });
  const { ledger, ...writer } = await makeTopic({ stores, partitions: 3, config: { 'ledger.partitions': 1 } });
  return { stores, writer, sweeper: makeBroker({ stores }), ledger };
}

function produce({ broker }: Process, value: string, ...partitions: number[]): Promise<RecordOutcome[]> {
  const records = (partitions.length > 0 ? partitions : [0]).map((partition) => ({
    partition,
    key: null,
    value: utf8(value),
    headers: [],
  }));
  return produceRecords(broker, { topic: 't', records, acks: 'all' });
}

/** What a process that has nothing in memory reads. */
function values({ stores }: World, partition = 0): Promise<string[]> {
  return valuesIn(makeBroker({ stores }), 't', partition);
}

/** Everything that is old enough. */
const sweepAll = ({ sweeper }: World) =>
  sweep(sweeper.broker, { fromMs: sweeper.clock.now() - 20 * HOUR_MS, toMs: sweeper.clock.now() });

/** Uploads without sequencing, as a process that dies between the two. */
async function orphan(world: World, ...partitions: number[]): Promise<void> {
  world.writer.metadata.onWrite = () => Promise.reject(new MillraceError('POLICY_VIOLATION', 'it died'));
  await produce(world.writer, 'orphan', ...partitions);
  world.writer.metadata.onWrite = undefined;
}

/** Uploads, and goes on to sequence only when told: what a frozen process does. */
async function freeze(world: World, ...partitions: number[]): Promise<{ thaw: () => Promise<RecordOutcome[]> }> {
  const gate = Promise.withResolvers<void>();
  world.writer.metadata.onWrite = async (proceed) => {
    await gate.promise;
    return proceed();
  };
  const outcomes = produce(world.writer, 'frozen', ...partitions);
  await idle();
  return {
    thaw: async () => {
      gate.resolve();
      await world.writer.clock.until(outcomes);
      return outcomes;
    },
  };
}

const written = (outcomes: RecordOutcome[]) => outcomes.map(({ outcome }) => outcome);

describe('the sweeper', () => {
  it.each([
    ['the bucket', 0],
    ['the table', 10_000],
  ])(
    'deletes orphans from %s, after a fence in their ledgers, and keeps what is committed',
    async (_, inlineBytesMax) => {
      const world = await makeWorld({ inlineBytesMax });
      await produce(world.writer, 'a', 0, 1, 2);
      await orphan(world, 0, 2);
      await produce(world.writer, 'b');
      await world.stores.clock.advance(AGE + 1_000);
      expect(await sweepAll(world)).toEqual({ examined: 3, deleted: 1, unreadable: 0 });
      expect(await objectNames(world.stores)).toHaveLength(2);
      const swept = await Promise.all(
        [0, 1, 2].map(async (index) => (await headOf(world.stores.metadata, { ...world.ledger, index })).swept > 0),
      );
      expect(swept).toEqual([true, false, true]);
      expect([await values(world), await values(world, 2)]).toEqual([['a', 'b'], ['a']]);
      expect(await sweepAll(world)).toEqual({ examined: 2, deleted: 0, unreadable: 0 });
    },
  );

  it('keeps what lies in pages, remembered by the head or not', async () => {
    const world = await makeWorld();
    const count = ledgerLimits.sealsRemembered + 3;
    for (let i = 0; i < count; i++) {
      await produce(world.writer, `${i}`);
      await world.writer.broker.sealer.seal(world.ledger);
    }
    await world.stores.clock.advance(2 * AGE);
    expect(await sweepAll(world)).toEqual({ examined: count, deleted: 0, unreadable: 0 });
    expect(await values(world)).toHaveLength(count);
    expect(await headOf(world.stores.metadata, world.ledger)).toMatchObject({ swept: 0 });
  });

  it('leaves young objects alone, and those outside of the span it is asked for', async () => {
    const world = await makeWorld();
    await orphan(world);
    const bornMs = world.stores.clock.now();
    await world.stores.clock.advance(AGE - 1);
    expect(await sweepAll(world)).toMatchObject({ examined: 0 });
    await world.stores.clock.advance(10 * HOUR_MS);
    const { broker } = world.sweeper;
    expect(await sweep(broker, { fromMs: bornMs + 1, toMs: world.stores.clock.now() })).toMatchObject({ examined: 0 });
    expect(await sweep(broker, { fromMs: bornMs - HOUR_MS, toMs: bornMs - 1 })).toMatchObject({ examined: 0 });
    expect(await sweep(broker, { fromMs: bornMs, toMs: bornMs })).toMatchObject({ examined: 1, deleted: 1 });
  });

  it('looks at the age that it is given', async () => {
    const world = await makeWorld();
    await orphan(world);
    await world.stores.clock.advance(1_000);
    const span = { fromMs: world.stores.clock.now() - HOUR_MS, toMs: world.stores.clock.now() };
    expect(await sweep(world.sweeper.broker, { ...span, orphanAgeMs: 1_001 })).toMatchObject({ deleted: 0 });
    expect(await sweep(world.sweeper.broker, { ...span, orphanAgeMs: 1_000 })).toMatchObject({ deleted: 1 });
  });

  it('deletes what was on its way to a deleted topic, and brings no ledger back', async () => {
    const world = await makeWorld();
    await orphan(world, 0, 1);
    await deleteTopic(world.sweeper.broker, 't');
    await world.stores.clock.advance(2 * AGE);
    expect(await sweepAll(world)).toEqual({ examined: 1, deleted: 1, unreadable: 0 });
    expect(await world.stores.metadata.get(headKey(world.ledger), 'strong')).toBeUndefined();
  });

  it('keeps an object of several topics while one of them has it', async () => {
    const world = await makeWorld();
    await produce(world.writer, 'a', 0, 1, 2);
    await world.stores.metadata.write([
      { kind: 'delete', key: { pk: `ledger#${world.ledger.topicId}#1`, sk: 'head' } },
    ]);
    await world.stores.clock.advance(2 * AGE);
    expect(await sweepAll(world)).toMatchObject({ deleted: 0 });
    expect(await values(world, 2)).toEqual(['a']);
  });
});

describe('a frozen writer', () => {
  it('that wakes up after the sweep uploads anew, and no committed bytes are missing', async () => {
    const world = await makeWorld();
    await produce(world.writer, 'a', 0, 1);
    const { thaw } = await freeze(world, 0, 1);
    await world.stores.clock.advance(AGE + 1_000);
    expect(await sweepAll(world)).toMatchObject({ deleted: 1 });
    // Its callers are long gone, and their deadline with them.
    expect(written(await thaw())).toEqual(['failed', 'failed']);
    expect(await values(world)).toEqual(['a']);
  });

  it('that wakes up at once uploads anew and is acknowledged', async () => {
    const world = await makeWorld();
    await produce(world.writer, 'a', 0, 1);
    const { thaw } = await freeze(world, 0, 1);
    const now = world.stores.clock.now();
    const swept = await sweep(world.sweeper.broker, { fromMs: now - HOUR_MS, toMs: now, orphanAgeMs: 0 });
    expect(swept).toMatchObject({ deleted: 1 });
    expect(written(await thaw())).toEqual(['written', 'written']);
    expect([await values(world), await values(world, 1)]).toEqual([
      ['a', 'frozen'],
      ['a', 'frozen'],
    ]);
  });

  it('that commits between the two looks keeps its object', async () => {
    const world = await makeWorld();
    await produce(world.writer, 'a');
    const { thaw } = await freeze(world);
    world.sweeper.metadata.onWrite = async (proceed) => {
      expect(written(await thaw())).toEqual(['written']);
      return proceed(); // the fence comes too late for this commit
    };
    const now = world.stores.clock.now();
    const swept = await sweep(world.sweeper.broker, { fromMs: now - HOUR_MS, toMs: now, orphanAgeMs: 0 });
    expect(swept).toMatchObject({ deleted: 0 });
    expect(await values(world)).toEqual(['a', 'frozen']);
  });

  it('that committed one part keeps its object for the other', async () => {
    const world = await makeWorld();
    await produce(world.writer, 'a', 0, 1);
    const gate = Promise.withResolvers<void>();
    world.writer.metadata.onWrite = async (proceed, [write]) => {
      if (write?.key.pk.endsWith('#1')) await gate.promise;
      return proceed();
    };
    const outcomes = produce(world.writer, 'half', 0, 1);
    await idle();
    const now = world.stores.clock.now();
    await sweep(world.sweeper.broker, { fromMs: now - HOUR_MS, toMs: now, orphanAgeMs: 0 });
    gate.resolve();
    expect(written(await outcomes)).toEqual(['written', 'written']);
    expect([await values(world), await values(world, 1)]).toEqual([
      ['a', 'half'],
      ['a', 'half'],
    ]);
  });
});

describe('interruptions', () => {
  // By itself the orphan is looked at once more, and then the fence is there, or is not.
  it.each([
    ['before', false, { deleted: 0, postponedFromMs: expect.any(Number) }],
    ['after', true, { examined: 2, deleted: 1, unreadable: 0 }],
  ])('%s the fence lose nothing; the next sweep goes on', async (_when, applied, interrupted) => {
    const world = await makeWorld();
    await produce(world.writer, 'a');
    await orphan(world);
    await world.stores.clock.advance(2 * AGE);
    world.sweeper.metadata.onWrite = async (proceed) => {
      if (applied) await proceed();
      throw lost();
    };
    expect(await sweepAll(world)).toMatchObject(interrupted);
    world.sweeper.metadata.onWrite = undefined;
    expect(await sweepAll(world)).toMatchObject({ deleted: applied ? 0 : 1 });
    expect(await objectNames(world.stores)).toHaveLength(1);
    expect(await values(world)).toEqual(['a']);
  });

  it('by another sweep do no harm', async () => {
    const world = await makeWorld();
    await produce(world.writer, 'a');
    await orphan(world);
    await orphan(world, 1);
    await world.stores.clock.advance(2 * AGE);
    const other = { ...world, sweeper: makeBroker({ stores: world.stores }) };
    await Promise.all([sweepAll(world), sweepAll(other)]);
    expect(await objectNames(world.stores)).toHaveLength(1);
    expect(await values(world)).toEqual(['a']);
  });
});

describe('an object', () => {
  it('whose footer cannot be read is left alone and logged', async () => {
    const world = await makeWorld();
    const id = newObjectId(world.stores.clock.now(), seededRandom(1));
    const name = objectName('segments', id);
    await world.stores.objects.put(name, [new Uint8Array(100).fill(1)]);
    await world.stores.objects.put(`${name.slice(0, -2)}.tmp`, [new Uint8Array(1)]); // no name of ours
    await world.stores.clock.advance(2 * AGE);
    expect(await sweepAll(world)).toEqual({ examined: 1, deleted: 0, unreadable: 1 });
    expect(await objectNames(world.stores)).toHaveLength(2);
    expect(world.sweeper.logged).toEqual([
      { message: 'An object cannot be read; it is left alone', facts: expect.objectContaining({ name }) },
    ]);
  });

  it('with a footer longer than the first read is read whole', async () => {
    const world = await makeWorld();
    const id = newObjectId(world.stores.clock.now(), seededRandom(2));
    const run = { chunks: [Uint8Array.of(1)], bytes: 1, records: 1, maxTimestamp: 1, crc32c: 1 };
    const slots = new Map(Array.from({ length: 16 }, (_, slot) => [slot, [run]]));
    const drafts = Array.from({ length: 120 }, (_, index) => ({
      ledger: { topicId: newTopicId(seededRandom(3)), index },
      seen: 0,
      slots,
    }));
    const { chunks } = layOut(id, drafts);
    expect((chunks.at(-1) as Uint8Array).length).toBeGreaterThan(sweeperLimits.footerBytesGuess);
    await world.stores.objects.put(objectName('segments', id), chunks);
    await world.stores.clock.advance(2 * AGE);
    expect(await sweepAll(world)).toEqual({ examined: 1, deleted: 1, unreadable: 0 });
  });

  it('that someone else deletes meanwhile is none of its business', async () => {
    const world = await makeWorld();
    await orphan(world);
    await world.stores.clock.advance(2 * AGE);
    const { objects } = world.sweeper;
    objects.getTail = () => Promise.resolve(undefined);
    expect(await sweepAll(world)).toEqual({ examined: 1, deleted: 0, unreadable: 0 });
  });
});
