import { beforeEach, describe, expect, it } from 'vitest';
import { mergeSegments } from '../../../lib/broker/lifecycle/merge-segments.ts';
import type { LedgerProposal } from '../../../lib/broker/restore/restore-ledger.ts';
import { type RestoreStep, restoreSegments } from '../../../lib/broker/restore/restore-segments.ts';
import { sweep } from '../../../lib/broker/sweep/sweep.ts';
import type { LedgerId } from '../../../lib/kernel/ids.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { sweeperLimits } from '../../../lib/kernel/limits/sweeper.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { CONDEMNED_START } from '../../../lib/log/merged/condemned-item.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { decodeSegmentFooter, encodeSegmentFooter } from '../../../lib/log/merged/segment-footer.ts';
import { type SegmentItem, segmentKey } from '../../../lib/log/merged/segment-item.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { deletionWrites } from '../../../lib/log/topic/topic-writes.ts';
import { makeBroker, makeStores, type Process, type Stores } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import { compact, makeCompacted, mergeAll, produceUpdates } from '../../support/compacting.ts';
import {
  cutOff,
  mergedObjects,
  mergeOnce,
  mergePageByPage,
  namesOf,
  pagesOf,
  readBatchesOf,
  segmentsOf,
} from '../../support/merging.ts';
import { buildPartition } from '../../support/random-partition.ts';
import { ALL, readingWorld } from '../../support/reading-world.ts';

let stores: Stores;
let process: Process;
let ledger: LedgerId;
let before: { batches: Buffer[][]; segments: SegmentItem[][] };

/** Two partitions with 9 pages: eight merged once more, one merged, and one that is not. */
beforeEach(async () => {
  const built = await buildPartition(pagesOf(9));
  ({ stores, process, ledger } = built);
  await mergePageByPage(process, ledger);
  await merge(0);
  await stores.clock.advance(1);
  before = await state();
  if (before.segments.some(({ length }, partition) => length !== [2, 9][partition]))
    throw new Error('2 and 9 segments');
});

async function merge(partition: number) {
  const topic = await process.broker.topics.get('t');
  const merged = await mergeSegments(process.broker, { topic, ledger, partition, targetBytes: 1_000_000 });
  expect(merged.outcome).toBe('merged');
}

async function state() {
  const partitions = [0, 1];
  return {
    batches: await Promise.all(partitions.map((partition) => readBatchesOf(stores, partition))),
    segments: await Promise.all(partitions.map((partition) => segmentsOf(stores, ledger, partition))),
  };
}

async function remove(...keys: { pk: string; sk: string }[]) {
  for (const key of keys) await stores.metadata.write([{ kind: 'delete', key }]);
}

async function loseIndex() {
  for (const partition of [0, 1]) {
    const segments = await segmentsOf(stores, ledger, partition);
    await remove(...segments.map((segment) => segmentKey(ledger.topicId, segment)));
  }
}

async function run({ write = true, without = [] as string[], by = makeBroker({ stores }) } = {}) {
  const steps: RestoreStep[] = [];
  const options = { write, without: new Set(without), signal: new AbortController().signal, onProgress: () => {} };
  for await (const step of restoreSegments(by.broker, options)) steps.push(step);
  const proposals = steps.flatMap((step): LedgerProposal[] => (step.step === 'ledger' ? [step.proposal] : []));
  const partitions = proposals.flatMap((proposal) => proposal.partitions);
  const unusable = steps.flatMap((step) => (step.step === 'found' ? step.found.unusable : []));
  const topicless = steps.flatMap((step) => (step.step === 'topicless' ? [step.objects] : []));
  return { partitions, unusable, topicless, unjudged: proposals.flatMap(({ unjudged }) => unjudged) };
}

const rangesOf = (partitions: Awaited<ReturnType<typeof run>>['partitions']) =>
  partitions.flatMap(({ partition, gaps }) => gaps.map(({ base, end }) => [partition, base, end]));

const findings = async () => (await checkEverything(stores, { deep: true })).findings;

/** The object of a segment once more, but for what is different in its footer. */
async function copyOf(segment: SegmentItem, change: { version?: number; end?: number; records?: number }) {
  const bytes = (await stores.objects.getRange(objectName('merged', segment.object))) as Uint8Array;
  const footer = decodeSegmentFooter(bytes.subarray(segment.bytes));
  const object = { birthMs: stores.clock.now(), random: seededRandom(91).bytes(8) };
  const name = objectName('merged', object);
  await stores.objects.put(name, [
    bytes.subarray(0, segment.bytes),
    encodeSegmentFooter({ ...footer, ...change, object }),
  ]);
  return name;
}

async function damage(segment: SegmentItem) {
  const name = objectName('merged', segment.object);
  const bytes = new Uint8Array((await stores.objects.getRange(name)) as Uint8Array);
  bytes[bytes.length - 20] = (bytes[bytes.length - 20] as number) ^ 1;
  await stores.objects.put(name, [bytes]);
  return name;
}

describe('restoring the index of merged segments', () => {
  it('makes all items that are lost, as they were, and everything is read as before', async () => {
    await loseIndex();
    await expect(readBatchesOf(stores, 0)).rejects.toThrow('in no segment');
    const { partitions, unusable, unjudged } = await run();
    expect(partitions.map(({ chosen, gaps }) => [chosen.length, gaps.length])).toEqual([
      [2, 0],
      [9, 0],
    ]);
    expect([unusable, unjudged]).toEqual([[], []]);
    expect(await state()).toEqual(before);
    expect(await findings()).toEqual([]);
  });

  it('changes nothing unless it is to', async () => {
    await loseIndex();
    const { partitions } = await run({ write: false });
    expect(partitions.map(({ chosen }) => chosen.length)).toEqual([2, 9]);
    expect(await segmentsOf(stores, ledger, 0)).toEqual([]);
    expect(await segmentsOf(stores, ledger, 1)).toEqual([]);
  });

  it('finds nothing to do where nothing is lost, and nothing more after it', async () => {
    const version = async () => decodeLifecycle(await stores.metadata.get(lifecycleKey(ledger), 'strong')).version;
    const first = await version();
    expect((await run()).partitions).toEqual([]);
    expect(await version()).toBe(first);
    await loseIndex();
    await run();
    expect(await version()).toBe(first + 1);
    expect((await run()).partitions).toEqual([]);
    expect(await version()).toBe(first + 1);
  });

  it('makes one lost item among others, and merging goes on from there', async () => {
    const [, second] = before.segments[1] as [SegmentItem, SegmentItem];
    await remove(segmentKey(ledger.topicId, second));
    const { partitions } = await run();
    expect(partitions.map(({ partition, chosen }) => [partition, chosen.map(({ segment }) => segment)])).toEqual([
      [1, [second]],
    ]);
    await merge(1);
    expect((await state()).batches).toEqual(before.batches);
    expect(await findings()).toEqual([]);
  });

  it('brings nothing back that was replaced and condemned, or that a newer one was made of', async () => {
    expect(await mergedObjects(stores)).toHaveLength(19);
    await loseIndex();
    await run();
    expect(await state()).toEqual(before);
    await loseIndex();
    const { items } = await stores.metadata.query({
      pk: lifecycleKey(ledger).pk,
      from: CONDEMNED_START,
      limit: 9,
      consistency: 'strong',
    });
    await remove(...items.map(({ key }) => key).filter(({ sk }) => sk.startsWith(CONDEMNED_START)));
    await remove(lifecycleKey(ledger));
    await run();
    expect(await state()).toEqual(before);
    expect(decodeLifecycle(await stores.metadata.get(lifecycleKey(ledger), 'strong')).version).toBe(10);
  });

  it('leaves out what was made from the version that the ledger is at: it was not committed', async () => {
    const [first] = before.segments[0] as [SegmentItem];
    const { version } = decodeLifecycle(await stores.metadata.get(lifecycleKey(ledger), 'strong'));
    await copyOf(first, { version });
    await loseIndex();
    await run();
    expect(await state()).toEqual(before);
  });

  it('decides nothing between two of one version, and goes on when it is told which one', async () => {
    const [first, second] = before.segments[0] as [SegmentItem, SegmentItem];
    const other = await copyOf(first, { records: first.records - 1 });
    await loseIndex();
    const { partitions } = await run();
    expect(rangesOf(partitions)).toEqual([[0, 0, first.end]]);
    const [gap] = partitions.flatMap(({ gaps }) => gaps);
    expect(gap?.undecided.map(({ segment }) => objectName('merged', segment.object)).sort()).toEqual(
      [...namesOf([first]), other].sort(),
    );
    expect(await segmentsOf(stores, ledger, 0)).toEqual([second]);
    await run({ without: [other] });
    expect(await state()).toEqual(before);
  });

  it('says what cannot be read, and restores the rest', async () => {
    const [, damaged] = before.segments[1] as [SegmentItem, SegmentItem];
    const name = await damage(damaged);
    await stores.objects.put('merged/1/foreign', [new Uint8Array(40)]);
    const misnamed = objectName('merged', { birthMs: 5, random: new Uint8Array(8) });
    const [first] = before.segments[0] as [SegmentItem];
    const bytes = await stores.objects.getRange(objectName('merged', first.object));
    await stores.objects.put(misnamed, [bytes as Uint8Array]);
    await loseIndex();
    const { partitions, unusable } = await run();
    expect(unusable.map(({ object }) => object).sort()).toEqual([name, 'merged/1/foreign', misnamed].sort());
    expect(rangesOf(partitions)).toEqual([[1, damaged.base, damaged.end]]);
    expect(await segmentsOf(stores, ledger, 0)).toEqual(before.segments[0]);
    expect(await segmentsOf(stores, ledger, 1)).toEqual(
      before.segments[1]?.filter(({ base }) => base !== damaged.base),
    );
    const kinds = (await findings()).map(({ kind }) => kind);
    expect(kinds).toContain('segment-gap');
    expect(kinds).not.toContain('segment-overlap');
  });

  it('tells an object that is cut', async () => {
    const [first] = before.segments[0] as [SegmentItem];
    const name = objectName('merged', first.object);
    const bytes = (await stores.objects.getRange(name)) as Uint8Array;
    await stores.objects.put(name, [bytes.subarray(1)]);
    await loseIndex();
    const { unusable, partitions } = await run();
    expect(unusable).toMatchObject([{ object: name }]);
    expect(rangesOf(partitions)).toEqual([[0, 0, first.end]]);
  });

  it('says of which topics there are objects and nothing else, and leaves those alone that are being deleted', async () => {
    const topic = await process.broker.topics.get('t');
    const written = await stores.metadata.write(deletionWrites(topic, stores.clock.now()));
    expect(written.outcome).toBe('applied');
    expect(await run()).toMatchObject({ topicless: [], partitions: [] });
    await remove({ pk: 'deleted-topics', sk: ledger.topicId });
    expect((await run()).topicless).toEqual([{ topicId: ledger.topicId, topic: 't', objects: 19 }]);
  });

  it('says what it cannot judge without a head', async () => {
    await loseIndex();
    await remove({ pk: lifecycleKey(ledger).pk, sk: 'head' });
    const { unjudged, partitions } = await run();
    expect([unjudged, partitions]).toEqual([['The head of its ledger 0 cannot be read.'], []]);
  });

  it('is possible after a sweep, which leaves alone what may be in the place of a lost item', async () => {
    const [first] = before.segments[0] as [SegmentItem];
    const orphan = await copyOf(first, { version: 0 });
    await loseIndex();
    await stores.clock.advance(2 * sweeperLimits.orphanAgeMs);
    const { broker } = makeBroker({ stores });
    const span = { fromMs: 0, toMs: stores.clock.now() };
    const fromMs = Math.max(0, first.object.birthMs - sweeperLimits.orphanAgeMs);
    expect(await sweep(broker, { ...span, fromMs })).toMatchObject({
      deleted: 0,
      postponedFromMs: expect.any(Number) as number,
    });
    await run();
    expect(await state()).toEqual(before);
    expect(await sweep(broker, { ...span, fromMs })).toMatchObject({ deleted: 1 });
    expect(await stores.objects.getTail(orphan, 1)).toBeUndefined();
    expect(await state()).toEqual(before);
  });

  it('writes nothing where something else changes the ledger meanwhile', async () => {
    await loseIndex();
    const by = makeBroker({ stores });
    by.metadata.onWrite = async (proceed) => {
      const write = { kind: 'update' as const, key: lifecycleKey(ledger), changes: { add: { v: 1 } } };
      await stores.metadata.write([write]);
      return proceed();
    };
    await expect(run({ by })).rejects.toThrow('nothing else may be at work');
    expect(await segmentsOf(stores, ledger, 0)).toEqual([]);
  });
});

describe('what a compaction commits group by group', () => {
  const KEYS = 5;

  /**
   * Three segments with the same keys. Before the commit of this number an object is written in vain for the second
   * segment.
   */
  async function compactedWith(commit: number) {
    stores = makeStores();
    process = await makeCompacted(stores);
    const updates = Array.from({ length: KEYS }, (_, n) => ({ key: `key ${n}`, value: 'x' }));
    for (let round = 0; round < 3; round++) {
      await produceUpdates(process, updates);
      await mergeAll(process);
    }
    ledger = { topicId: (await process.broker.topics.get('t')).topicId, index: 0 };
    const [, second] = await segmentsOf(stores, ledger, 0);
    let commits = 0;
    let orphan = '';
    process.metadata.onWrite = async (proceed) => {
      if (++commits === commit) {
        const { version } = decodeLifecycle(await stores.metadata.get(lifecycleKey(ledger), 'strong'));
        orphan = await copyOf(second as SegmentItem, { version, records: 0 });
      }
      return proceed();
    };
    expect(await compact(process, { groupBytesMax: 1 })).toMatchObject({ outcome: 'compacted', segments: 2 });
    return orphan;
  }

  it('comes before what was written in vain since an earlier group', async () => {
    await compactedWith(1);
    const segments = await segmentsOf(stores, ledger, 0);
    await loseIndex();
    await run();
    expect(await segmentsOf(stores, ledger, 0)).toEqual(segments);
  });

  it('is not taken for what was written in vain at the same time', async () => {
    const orphan = await compactedWith(2);
    const segments = await segmentsOf(stores, ledger, 0);
    await loseIndex();
    const { partitions } = await run();
    expect(rangesOf(partitions)).toEqual([[0, KEYS, 2 * KEYS]]);
    expect(await segmentsOf(stores, ledger, 0)).toEqual([segments[0], segments[2]]);
    await run({ without: [orphan] });
    expect(await segmentsOf(stores, ledger, 0)).toEqual(segments);
  });
});

describe('a restore of more segments than one transaction takes', () => {
  it('may be killed at every call of a store, and be run again', async () => {
    const pages = Math.ceil((mergingLimits.segmentWritesMax + 10) / 2);
    ({ stores, process, ledger } = await buildPartition(pagesOf(pages)));
    await mergePageByPage(process, ledger);
    before = await state();
    let isOver = false;
    let step = 0;
    while (!isOver) {
      step++;
      for (const applied of [false, true]) {
        await loseIndex();
        const by = cutOff(makeBroker({ stores }), step, applied);
        isOver = await run({ by }).then(
          () => true,
          () => false,
        );
        await run();
        expect(await state()).toEqual(before);
        expect(await findings()).toEqual([]);
      }
    }
    expect(step).toBeGreaterThan(4);
  });
});

describe('the segments of a replicated ledger', () => {
  it('get their holders again', async () => {
    const world = await readingWorld();
    ({ stores, ledger } = world);
    await world.append({ values: ['a'] });
    await world.broker.heads.strong(ledger);
    await world.broker.sealer.seal(ledger);
    expect((await mergeOnce(world, ledger)).outcome).toBe('merged');
    const segments = await segmentsOf(stores, ledger, 0);
    expect(segments).toMatchObject([{ holders: ALL }]);
    await loseIndex();
    await run();
    expect(await segmentsOf(stores, ledger, 0)).toEqual(segments);
  });
});
