import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeSegments, type SegmentMergeRequest } from '../../../lib/broker/lifecycle/merge-segments.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { proposeSegmentMerge } from '../../../lib/log/merged/levels.ts';
import type { SegmentItem } from '../../../lib/log/merged/segment-item.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { lost, makeBroker, type Process } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import {
  condemnedObjects,
  cutOff,
  mergedObjects,
  mergeOnce,
  mergePageByPage,
  namesOf,
  pagesOf,
  readBatchesOf,
  segmentsOf,
} from '../../support/merging.ts';
import { type Action, actions, buildPartition } from '../../support/random-partition.ts';
import { ALL, readingWorld } from '../../support/reading-world.ts';

const TARGET = 1_000_000;

async function mergeSmall(
  { broker }: Pick<Process, 'broker'>,
  ledger: SegmentMergeRequest['ledger'],
  options: Partial<SegmentMergeRequest> = {},
) {
  const topic = await broker.topics.get('t');
  return mergeSegments(broker, { topic, ledger, partition: 0, targetBytes: TARGET, ...options });
}

/** A partition with so many segments of one page each. */
async function segmented(list: readonly Action[]) {
  const partition = await buildPartition(list);
  await mergePageByPage(partition.process, partition.ledger);
  return { ...partition, before: await readBatchesOf(partition.stores, 0) };
}

const EIGHT = pagesOf(mergingLimits.segmentMergeFanIn);

function covered(segments: readonly SegmentItem[]) {
  return segments.map(({ base, end, records, level }) => ({ base, end, records, level }));
}

describe('merging segments', () => {
  it('leaves every batch as it was, and every object that is not needed any more condemned', async () => {
    const many = fc.array(actions, { minLength: 2, maxLength: 4 }).map((lists) => lists.flat());
    await fc.assert(
      fc.asyncProperty(many, fc.constantFrom(200, 1_000, TARGET), async (list, targetBytes) => {
        const { stores, process, ledger, before } = await segmented(list);
        const first = await segmentsOf(stores, ledger, 0);
        while ((await mergeSmall(process, ledger, { targetBytes })).outcome === 'merged');
        const segments = await segmentsOf(stores, ledger, 0);
        expect(proposeSegmentMerge(segments, { targetBytes })).toBeUndefined();
        expect(segments.reduce((sum, { records }) => sum + records, 0)).toBe(
          first.reduce((sum, { records }) => sum + records, 0),
        );
        expect(await readBatchesOf(stores, 0)).toEqual(before);
        const rest = await segmentsOf(stores, ledger, 1);
        const condemned = await condemnedObjects(stores, ledger);
        expect(await mergedObjects(stores)).toEqual([...namesOf([...segments, ...rest]), ...condemned].sort());
        expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('makes one of eight of a level', async () => {
    const { stores, process, ledger } = await segmented([...EIGHT, ...pagesOf(1)]);
    expect(await mergeSmall(process, ledger)).toMatchObject({ outcome: 'merged', segments: 8 });
    expect(covered(await segmentsOf(stores, ledger, 0))).toEqual([
      { base: 0, end: 16, records: 16, level: 1 },
      { base: 16, end: 18, records: 2, level: 0 },
    ]);
    expect(await mergeSmall(process, ledger)).toMatchObject({ outcome: 'none' });
  });

  it('serves readers who still have a segment that was replaced', async () => {
    const { stores, process, ledger, before } = await segmented(EIGHT);
    const reader = makeBroker({ stores });
    const place = { topicId: ledger.topicId, partition: 0 };
    const old = await reader.broker.segments.covering(place, 3);
    await mergeSmall(process, ledger);
    expect(await reader.broker.segments.covering(place, 3)).toEqual(old);
    const [extent] = await reader.broker.segments.extents(old, undefined);
    if (extent === undefined) throw new Error('a segment has an extent');
    const bytes = await reader.broker.segments.read(extent, { isChecked: true });
    expect(before.some((batch) => batch.equals(bytes))).toBe(true);
  });

  it('comes to the same wherever it is cut off', async () => {
    const counting = await segmented(EIGHT);
    const counted = makeBroker({ stores: counting.stores });
    await mergeSmall(counted, counting.ledger);
    const steps = counted.metadata.calls.length + counted.objects.calls.length;
    expect(steps).toBeGreaterThan(18);
    for (let step = 2; step <= steps; step++) {
      for (const applied of [false, true]) {
        const { stores, ledger, before } = await segmented(EIGHT);
        await expect(mergeSmall(cutOff(makeBroker({ stores }), step, applied), ledger)).rejects.toThrow('cut off');
        await mergeSmall(makeBroker({ stores }), ledger);
        expect(await readBatchesOf(stores, 0)).toEqual(before);
        expect(covered(await segmentsOf(stores, ledger, 0))).toEqual([{ base: 0, end: 16, records: 16, level: 1 }]);
      }
    }
  });

  it('is done by one of two at once, and the other leaves nothing behind', async () => {
    const { stores, ledger } = await segmented(EIGHT);
    const processes = [makeBroker({ stores }), makeBroker({ stores })];
    const outcomes = await Promise.all(processes.map(async (process) => (await mergeSmall(process, ledger)).outcome));
    expect(outcomes.sort()).toEqual(['merged', 'refused']);
    expect(await mergedObjects(stores)).toHaveLength(8 + 8 + 1);
  });

  it('gives way to pages that are merged meanwhile', async () => {
    const { stores, process, ledger } = await segmented(EIGHT);
    const other = makeBroker({ stores });
    process.metadata.onWrite = async (proceed) => {
      process.metadata.onWrite = undefined;
      await stores.metadata.write([
        { kind: 'update', key: { pk: `ledger#${ledger.topicId}#0`, sk: 'lifecycle' }, changes: { add: { v: 1 } } },
      ]);
      return proceed();
    };
    expect(await mergeSmall(process, ledger)).toMatchObject({ outcome: 'refused' });
    expect(await mergedObjects(stores)).toHaveLength(8 + 8);
    expect(await mergeSmall(other, ledger)).toMatchObject({ outcome: 'merged' });
  });

  it('finds out what became of a transaction whose answer was lost', async () => {
    const { stores, process, ledger } = await segmented(EIGHT);
    process.metadata.onWrite = async (proceed) => {
      process.metadata.onWrite = undefined;
      await proceed();
      throw lost();
    };
    expect(await mergeSmall(process, ledger)).toMatchObject({ outcome: 'merged' });
    expect(await segmentsOf(stores, ledger, 0)).toHaveLength(1);
  });

  it('makes nothing of a segment that is damaged, and says which offsets that are', async () => {
    const { stores, process, ledger } = await segmented(EIGHT);
    const segment = (await segmentsOf(stores, ledger, 0))[3] as SegmentItem;
    const name = objectName('merged', segment.object);
    const bytes = (await stores.objects.getRange(name)) as Uint8Array;
    await stores.objects.delete([name]);
    expect(await mergeSmall(process, ledger)).toMatchObject({ outcome: 'blocked' });
    await stores.objects.put(name, [bytes.map((byte, n) => (n === 70 ? byte ^ 1 : byte))]);
    expect(await mergeSmall(process, ledger)).toMatchObject({ outcome: 'blocked' });
    const facts = { topic: 't', partition: 0, fromOffset: 6, toOffset: 7 };
    expect(process.logged.map((one) => one.facts)).toMatchObject([facts, facts]);
    expect(await segmentsOf(stores, ledger, 0)).toHaveLength(8);
    expect(await mergedObjects(stores)).toHaveLength(8 + 8);
  });

  it('takes nothing for damaged that others have replaced and deleted while it was frozen', async () => {
    const { stores, process, ledger, before } = await segmented(EIGHT);
    const other = makeBroker({ stores });
    process.objects.onGetRange = async (proceed) => {
      process.objects.onGetRange = undefined;
      await mergeSmall(other, ledger);
      await stores.objects.delete(await condemnedObjects(stores, ledger));
      return proceed();
    };
    expect(await mergeSmall(process, ledger)).toMatchObject({ outcome: 'refused' });
    expect(process.logged).toEqual([]);
    expect(await readBatchesOf(stores, 0)).toEqual(before);
  });

  it('ends without a trace when it is told to', async () => {
    const { stores, process, ledger } = await segmented(EIGHT);
    const stop = new AbortController();
    process.objects.onGetRange = (proceed) => {
      stop.abort();
      return proceed();
    };
    expect(await mergeSmall(process, ledger, { signal: stop.signal })).toMatchObject({ outcome: 'none' });
    expect(await mergedObjects(stores)).toHaveLength(8 + 8);
  });

  it('gives every replica the segment, and waits until all of them are in sync', async () => {
    const world = await readingWorld();
    for (let page = 0; page < mergingLimits.segmentMergeFanIn; page++) {
      await world.append({ values: [`${page}`] });
      await world.broker.heads.strong(world.ledger);
      await world.broker.sealer.seal(world.ledger);
      await mergeOnce(world, world.ledger);
    }
    const all = await world.head();
    await world.shrinkTo(0b011);
    expect(await mergeSmall(world, world.ledger)).toMatchObject({ outcome: 'not-in-sync' });
    await world.apply([
      {
        kind: 'update',
        key: { pk: `ledger#${world.ledger.topicId}#0`, sk: 'head' },
        changes: { set: { q: all.replication?.['q'] as Uint8Array }, add: { v: 1, i: 1 } },
      },
    ]);
    expect(await mergeSmall(world, world.ledger)).toMatchObject({ outcome: 'merged' });
    expect(await segmentsOf(world.stores, world.ledger, 0)).toMatchObject([
      { base: 0, end: 8, level: 1, holders: ALL },
    ]);
  });
});
