import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alterTopic } from '../../../lib/broker/alter-topic.ts';
import { mergeSegments } from '../../../lib/broker/lifecycle/merge-segments.ts';
import { produceBatches } from '../../../lib/broker/produce-batches.ts';
import { utf8, utf8Text } from '../../../lib/kernel/bytes.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { limits } from '../../../lib/kernel/limits.ts';
import { keyMapBytes } from '../../../lib/log/compaction/key-map.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import type { LogRecord } from '../../../lib/log/record-batch/record.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { makeBroker, makeStores, type Process, record } from '../../support/broker.ts';
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

  it('replaces the oldest first where one transaction does not hold all, and is whole after the last one only', async () => {
    const stores = makeStores();
    const process = await makeCompacted(stores);
    // Every other segment has an update of `x`, so that no two neighbours change.
    const changing = Math.ceil(limits.segmentWritesMax / 2) + 2;
    for (let n = 0; n <= changing; n++) {
      for (const update of [
        { key: 'x', value: `${n}` },
        { key: `${n}`, value: 'once' },
      ]) {
        await produceUpdates(process, [update]);
        await mergeAll(process);
      }
    }
    const { ledger } = ledgerOf(await process.broker.topics.get('t'), 0);
    const before = await readLog(stores);
    const lifecycle = async () => decodeLifecycle(await stores.metadata.get(lifecycleKey(ledger), 'strong'));
    const cut = makeBroker({ stores });
    cut.metadata.onWrite = async (proceed) => {
      const written = await proceed();
      cut.metadata.onWrite = () => Promise.reject(new Error('cut off'));
      return written;
    };
    await expect(compact(cut)).rejects.toThrow('cut off');
    const gone = before
      .filter(({ value }) => utf8Text(value ?? new Uint8Array()) !== 'once')
      .slice(0, Math.floor(limits.segmentWritesMax / 2));
    expect(await readLog(stores)).toEqual(before.filter((one) => !gone.includes(one)));
    expect((await lifecycle()).compacted.size).toBe(0);
    expect(await compact(process)).toMatchObject({ outcome: 'compacted', segments: changing - gone.length });
    expect((await lifecycle()).compacted.get(0)?.dirtyFrom).toBe(before.length);
    expect(tableOf(await readLog(stores))).toEqual(tableOf(before));
    expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
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

  it('goes on where pages are merged meanwhile, and gives way where its segments are', async () => {
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
      expect(await compact(slow)).toMatchObject({ outcome: kind === 'pages' ? 'compacted' : 'refused' });
      const log = await readLog(stores);
      expect(log.at(-1)).toMatchObject({ offset: 4 * KEYS });
      expect(log.length).toBe(kind === 'pages' ? KEYS + 1 : 4 * KEYS + 1);
      expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
    }
  });
});

const KEYS = 5;

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
