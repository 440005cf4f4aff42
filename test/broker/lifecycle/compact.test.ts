import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CompactionBounds } from '../../../lib/broker/lifecycle/compact.ts';
import { mergeSegments } from '../../../lib/broker/lifecycle/merge-segments.ts';
import { readMergedObject } from '../../../lib/broker/lifecycle/merged-object.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { keyMapBytes } from '../../../lib/log/compaction/key-map.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import type { LogRecord } from '../../../lib/log/record-batch/record.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { makeBroker, makeStores, type Process, record, type Stores } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import {
  checkAgainst,
  compact,
  DELETE_RETENTION_MS,
  makeCompacted,
  mergeAll,
  produceUpdates,
  readLog,
  tableOf,
  takeStep,
  worldSteps,
} from '../../support/compacting.ts';
import { condemnedObjects, cutOff, mergedObjects, namesOf, segmentsOf } from '../../support/merging.ts';
import { finished } from '../../support/transactions.ts';

describe('compaction of a partition', () => {
  it('leaves readers with the same table, and with records as they were, whatever happens in which order', async () => {
    let removed = 0;
    await fc.assert(
      fc.asyncProperty(worldSteps, async (steps) => {
        const stores = makeStores();
        const process = await makeCompacted(stores, { 'cleanup.policy': 'compact,delete' });
        const history: LogRecord[] = [];
        for (const step of steps) {
          await takeStep(process, step);
          if (step.step === 'produce' || step.step === 'transact')
            history.push(...(await readLog(stores, history.length)));
          else await checkAgainst(stores, history);
        }
        removed += history.length - (await readLog(stores)).length;
        expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
      }),
      { numRuns: 25 },
    );
    expect(removed).toBeGreaterThan(50);
  });

  it('says what went, keeps the newest of each key and condemns what it replaced', async () => {
    const { stores, process, ledger } = await aPartition(4);
    const before = await segmentsOf(stores, ledger, 0);
    expect(await compact(process)).toEqual({
      outcome: 'compacted',
      segments: 3,
      records: 4 * KEYS - KEYS,
      keyless: 0,
      bytes: expect.any(Number),
    });
    const after = await segmentsOf(stores, ledger, 0);
    // Of the last one nothing went.
    expect(after).toMatchObject([{ base: 0, end: 3 * KEYS, records: 0, compacted: true }, before[3]]);
    expect(await condemnedObjects(stores, ledger)).toEqual(namesOf(before.slice(0, 3)));
    expect((await readLog(stores)).map(({ offset }) => offset)).toEqual(offsetsFrom(3 * KEYS));
    expect(await compact(process)).toMatchObject({ outcome: 'none' });
  });

  it('leaves segments alone of which nothing goes, and still knows how far it has come', async () => {
    const { stores, process, ledger } = await aPartition(1);
    const before = await segmentsOf(stores, ledger, 0);
    expect(await compact(process)).toMatchObject({ outcome: 'compacted', segments: 0, records: 0 });
    expect(await segmentsOf(stores, ledger, 0)).toEqual(before);
    expect(await mergedObjects(stores)).toEqual(namesOf(before));
    const lifecycle = decodeLifecycle(await stores.metadata.get(lifecycleKey(ledger), 'strong'));
    expect(lifecycle.compacted).toEqual(new Map([[0, { dirtyFrom: KEYS, atMs: stores.clock.now() }]]));
  });

  it('keeps a tombstone as long as the topic says after it was compacted, and then lets it go', async () => {
    const { stores, process } = await aPartition(1);
    await produceUpdates(process, [{ key: 'key 0', value: null }]);
    await mergeAll(process);
    await compact(process);
    expect((await readLog(stores)).map(({ offset }) => offset)).toEqual([...offsetsFrom(1, KEYS - 1), KEYS]);
    await process.clock.advance(DELETE_RETENTION_MS);
    // It demands no compaction by itself.
    expect(await compact(process)).toMatchObject({ outcome: 'none' });
    await produceUpdates(process, [{ key: 'other', value: 'x' }]);
    await mergeAll(process);
    expect(await compact(process)).toMatchObject({ outcome: 'compacted', records: 1 });
    expect((await readLog(stores)).map(({ offset }) => offset)).toEqual([...offsetsFrom(1, KEYS - 1), KEYS + 1]);
  });

  it('removes what is without a key from before the topic was compacted', async () => {
    const stores = makeStores();
    const process = await makeCompacted(stores, { 'cleanup.policy': 'delete' });
    const keyless = encodeBatch([record('a'), record('b', { key: utf8('key 0') })]);
    const produced = produceBatches(process.broker, { topic: 't', partition: 0, batches: keyless, acks: 'all' });
    await finished(process, produced);
    await mergeAll(process);
    await alterTopic(process.broker, 't', { config: { 'cleanup.policy': 'compact' } });
    expect(await compact(process)).toMatchObject({ outcome: 'compacted', records: 1, keyless: 1 });
  });

  it('goes on from pass to pass where keys or bytes are more than one takes on', async () => {
    const { stores, process, ledger } = await aPartition(5);
    const bounds = { keyBytesMax: keyMapBytes(3), dirtyBytesMax: 1_000_000 };
    let passes = 0;
    while ((await compact(process, bounds)).outcome === 'compacted') passes++;
    expect(passes).toBe(Math.ceil((5 * KEYS) / 3));
    expect((await readLog(stores)).map(({ offset }) => offset)).toEqual(offsetsFrom(4 * KEYS));
    expect((await segmentsOf(stores, ledger, 0)).at(-1)).toMatchObject({ base: 4 * KEYS, records: KEYS });
  });

  it('has done nothing or all of it when it is cut off, whichever call is the last', async () => {
    const outcomes = new Set<number>();
    for (const applied of [false, true]) {
      for (let [step, isCut] = [1, true]; isCut; step++) {
        const { stores, process, ledger } = await aPartition(3);
        const before = await readLog(stores);
        const cut = await compact(cutOff(makeBroker({ stores }), step, applied)).catch(() => undefined);
        isCut = cut === undefined;
        const after = await readLog(stores);
        outcomes.add(after.length);
        expect([before.length, KEYS]).toContain(after.length);
        expect(tableOf(after)).toEqual(tableOf(before));
        await compact(process);
        expect((await readLog(stores)).map(({ offset }) => offset)).toEqual(offsetsFrom(2 * KEYS));
        expect(await segmentsOf(stores, ledger, 0)).toHaveLength(2);
        expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
      }
    }
    expect(outcomes).toEqual(new Set([3 * KEYS, KEYS]));
  });

  it('comes to the same over many steps as in one, also where each is killed at some call', async () => {
    const whole = await aPartition(ROUNDS);
    while ((await compact(whole.process)).outcome !== 'none');
    const expected = await readLog(whole.stores);
    for (const keys of [3, 1_000]) {
      for (const applied of [false, true]) {
        for (let [first, killed] = [1, 1]; killed > 0; first += 2) {
          const { stores, ledger } = await aPartition(ROUNDS);
          killed = await compactByLives(stores, { first, applied, bounds: oneSegmentEach(keys) });
          expect(await readLog(stores)).toEqual(expected);
          expect(await progressOf(stores, ledger)).toEqual({ dirtyFrom: ROUNDS * KEYS, atMs: stores.clock.now() });
          expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
        }
      }
    }
  });

  it('notes with every group how far it has come, and reads nothing of what it has cleaned again', async () => {
    const { stores, process, ledger } = await aPartition(ROUNDS);
    const before = await segmentsOf(stores, ledger, 0);
    for (let cleaned = 1; cleaned < ROUNDS; cleaned++) {
      const pass = { end: ROUNDS * KEYS, cleanedTo: cleaned * KEYS };
      expect(await compact(process, oneSegmentEach(1_000))).toMatchObject({ outcome: 'advanced', segments: 1 });
      expect(await progressOf(stores, ledger)).toEqual({ dirtyFrom: 0, atMs: stores.clock.now(), pass });
    }
    const { objects } = process;
    const read: string[] = [];
    objects.onGetRange = (proceed, name) => {
      read.push(name);
      return proceed();
    };
    await produceUpdates(process, [{ key: 'key 0', value: 'later' }]);
    await mergeAll(process);
    expect(await compact(process, oneSegmentEach(1_000))).toMatchObject({ outcome: 'compacted', segments: 0 });
    // What the pass began with: the range, without what has come since; and of the second reading the last segment.
    const [last] = namesOf(before.slice(-1));
    expect(read.filter((name) => name === last).length).toBeGreaterThan(2);
    const cleaned = (await segmentsOf(stores, ledger, 0)).slice(0, ROUNDS - 1);
    for (const name of namesOf(cleaned)) expect(read.filter((one) => one === name).length).toBeLessThan(2);
    expect(await progressOf(stores, ledger)).toEqual({ dirtyFrom: ROUNDS * KEYS, atMs: stores.clock.now() });
  });

  it('ends the range where reading it has taken its time, and the step where cleaning has', async () => {
    const { stores, process, ledger } = await aPartition(4);
    process.objects.onGetRange = async (proceed) => {
      await process.clock.advance(100);
      return proceed();
    };
    // Two requests a segment: its footer and its batches.
    const bounds = { rangeMsMax: 500, stepMsMax: 700, groupBytesMax: 1 };
    expect(await compact(process, bounds)).toMatchObject({ outcome: 'advanced', segments: 1 });
    const pass = { end: 3 * KEYS, cleanedTo: KEYS };
    expect(await progressOf(stores, ledger)).toMatchObject({ dirtyFrom: 0, pass });
    // Slower than before: the pass has a shorter range then.
    expect(await compact(process, { ...bounds, rangeMsMax: 0 })).toMatchObject({ outcome: 'compacted', segments: 0 });
    expect(await progressOf(stores, ledger)).toMatchObject({ dirtyFrom: 2 * KEYS });
    process.objects.onGetRange = undefined;
    expect(await compact(process)).toMatchObject({ outcome: 'compacted' });
    expect((await readLog(stores)).map(({ offset }) => offset)).toEqual(offsetsFrom(3 * KEYS));
  });

  it('commits what it has cleaned when it is told to stop, and goes on behind it', async () => {
    const { stores, process, ledger } = await aPartition(4);
    const stopping = new AbortController();
    process.objects.onPut = (proceed) => {
      stopping.abort();
      return proceed();
    };
    expect(await compact(process, { groupBytesMax: 1 }, stopping.signal)).toMatchObject({
      outcome: 'stopped',
      segments: 1,
    });
    process.objects.onPut = undefined;
    expect(await progressOf(stores, ledger)).toMatchObject({ pass: { end: 4 * KEYS, cleanedTo: KEYS } });
    expect(await compact(process)).toMatchObject({ outcome: 'compacted', segments: 2 });
  });

  it('says in each footer from which version its object was made, and commits it on that one only', async () => {
    const { stores, process, ledger } = await aPartition(4);
    const at: number[] = [];
    process.metadata.onWrite = async (proceed) => {
      at.push((await lifecycleAt(stores, ledger)).version);
      return proceed();
    };
    expect(await compact(process, { groupBytesMax: 1 })).toMatchObject({ outcome: 'compacted', segments: 3 });
    const made = (await segmentsOf(stores, ledger, 0)).slice(0, 3).map(async (segment) => {
      const read = await readMergedObject(process.broker, objectName('merged', segment.object));
      return read?.footer.version;
    });
    expect(await Promise.all(made)).toEqual(at.slice(0, 3));
    expect(new Set(at).size).toBe(4);
  });

  it('of two at once, one is refused and leaves nothing behind', async () => {
    const { stores, ledger } = await aPartition(4);
    const outcomes = await Promise.all([makeBroker({ stores }), makeBroker({ stores })].map((one) => compact(one)));
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['compacted', 'refused']);
    const segments = await segmentsOf(stores, ledger, 0);
    expect(await mergedObjects(stores)).toEqual(
      [...namesOf(segments), ...(await condemnedObjects(stores, ledger))].sort(),
    );
    expect((await readLog(stores)).map(({ offset }) => offset)).toEqual(offsetsFrom(3 * KEYS));
  });

  it('cleans a group anew where pages or segments are merged meanwhile, and gives way where that does not end', async () => {
    for (const kind of ['pages', 'segments'] as const) {
      const { stores, process, ledger } = await aPartition(4);
      const other = makeBroker({ stores });
      await produceUpdates(process, [{ key: 'key 0', value: 'new' }]);
      const slow = makeBroker({ stores });
      let merged = false;
      slow.objects.onPut = async (proceed) => {
        if (!merged) {
          merged = true;
          await (kind === 'pages' ? mergeAll(other) : mergeTwo(other, ledger));
        }
        return proceed();
      };
      expect(await compact(slow)).toMatchObject({ outcome: 'compacted', records: 3 * KEYS });
      expect((await readLog(stores)).map(({ offset }) => offset)).toEqual(offsetsFrom(3 * KEYS, KEYS + 1));
      expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
    }
    const { stores, process } = await aPartition(2);
    const other = makeBroker({ stores });
    const before = await readLog(stores);
    process.objects.onPut = async (proceed) => {
      await produceUpdates(other, [{ key: 'more', value: 'and more' }]);
      await mergeAll(other);
      return proceed();
    };
    expect(await compact(process)).toMatchObject({ outcome: 'refused', segments: 0 });
    expect((await readLog(stores)).slice(0, before.length)).toEqual(before);
  });
});

const KEYS = 5;
const ROUNDS = 6;

/** Memory for so many keys, and steps of one segment. */
function oneSegmentEach(keys: number) {
  return { keyBytesMax: keyMapBytes(keys), groupBytesMax: 1, stepBytesMax: 1 };
}

/** Until nothing is due: the first process is killed by this call, each further one by the next. How many were. */
async function compactByLives(
  stores: Stores,
  { first, applied, bounds }: { first: number; applied: boolean; bounds: Partial<CompactionBounds> },
): Promise<number> {
  let killed = 0;
  for (let call = first; ; call++) {
    const life = cutOff(makeBroker({ stores }), call, applied);
    const compaction = await compact(life, bounds).catch(() => undefined);
    if (compaction === undefined) killed++;
    if (compaction?.outcome === 'none') return killed;
  }
}

async function lifecycleAt({ metadata }: Pick<Stores, 'metadata'>, ledger: LedgerId) {
  return decodeLifecycle(await metadata.get(lifecycleKey(ledger), 'strong'));
}

async function progressOf(stores: Pick<Stores, 'metadata'>, ledger: LedgerId) {
  return (await lifecycleAt(stores, ledger)).compacted.get(0);
}

/** Every key is updated once in each of so many segments. */
async function aPartition(rounds: number) {
  const stores = makeStores();
  const process = await makeCompacted(stores);
  for (let round = 0; round < rounds; round++) {
    await produceUpdates(
      process,
      Array.from({ length: KEYS }, (_, n) => ({ key: `key ${n}`, value: `of ${round}` })),
    );
    await mergeAll(process);
  }
  const { ledger } = ledgerOf(await process.broker.topics.get('t'), 0);
  return { stores, process, ledger };
}

function offsetsFrom(first: number, count = KEYS): number[] {
  return Array.from({ length: count }, (_, n) => first + n);
}

/** The first two segments become one. */
async function mergeTwo({ broker, metadata }: Process, ledger: LedgerId): Promise<void> {
  const topic = await broker.topics.get('t');
  const [first] = await segmentsOf({ metadata }, ledger, 0);
  const targetBytes = 2.5 * (first?.bytes ?? 0);
  expect(await mergeSegments(broker, { topic, ledger, partition: 0, targetBytes })).toMatchObject({ segments: 2 });
}
