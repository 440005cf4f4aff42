import { describe, expect, it } from 'vitest';
import { readMergedObject } from '../../../lib/broker/lifecycle/merged-object.ts';
import { replaceSegments } from '../../../lib/broker/lifecycle/replace-segments.ts';
import { type RewrittenSegments, rewriteSegments } from '../../../lib/broker/lifecycle/rewrite-segments.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import type { SegmentItem } from '../../../lib/log/merged/segment-item.ts';
import { type BatchHeader, batchHeaders } from '../../../lib/log/record-batch/header.ts';
import type { Rewrite } from '../../../lib/log/record-batch/rewrite.ts';
import { lost } from '../../support/broker.ts';
import { checkEverything } from '../../support/check-everything.ts';
import {
  mergedObjects,
  mergeOnce,
  mergePageByPage,
  namesOf,
  pagesOf,
  readBatchesOf,
  segmentsOf,
} from '../../support/merging.ts';
import { buildPartition } from '../../support/random-partition.ts';

/** Partition 0 of a ledger with a page, and so a segment, for each two offsets. */
async function aPartition(pages: number, valueBytes?: number, stepBytesMax = 1) {
  const partition = await buildPartition(pagesOf(pages, valueBytes));
  const { stores, process, ledger } = partition;
  if (stepBytesMax === 1) await mergePageByPage(process, ledger);
  else await mergeOnce(process, ledger);
  const topic = await process.broker.topics.get('t');
  const lifecycle = decodeLifecycle(await stores.metadata.get(lifecycleKey(ledger), 'strong'));
  const head = await process.broker.heads.strong(ledger);
  if (head === undefined) throw new Error('the ledger has a head');
  const segments = await segmentsOf(stores, ledger, 0);
  const batches = await readBatchesOf(stores, 0);
  process.objects.forget();
  return { ...partition, topic, lifecycle, head, segments, batches };
}

type Partition = Awaited<ReturnType<typeof aPartition>>;

/** The batches that begin at these offsets are gone. */
function without(offsets: readonly number[]) {
  return (_: Uint8Array, { baseOffset, recordCount }: BatchHeader): Rewrite =>
    offsets.includes(baseOffset) ? { kind: 'gone', removed: recordCount } : { kind: 'unchanged' };
}

async function rewrite(
  partition: Partition,
  offsets: readonly number[],
  options: { signal?: AbortSignal; isCompacted?: (segment: SegmentItem) => boolean } = {},
): Promise<RewrittenSegments[]> {
  const lifecycle = () => partition.lifecycle;
  const rewriting = { ...partition, lifecycle, rewrite: without(offsets), isCompacted: () => false, ...options };
  const rewritten: RewrittenSegments[] = [];
  for await (const one of rewriteSegments(partition.process.broker, rewriting)) rewritten.push(one);
  return rewritten;
}

const spans = (segments: readonly SegmentItem[]) => segments.map(({ base, end }) => [base, end]);

describe('rewriting of segments', () => {
  it('leaves those alone in which nothing changes, and makes neighbours that change one', async () => {
    const partition = await aPartition(6);
    const { stores, process, ledger, lifecycle, segments } = partition;
    const rewritten = await rewrite(partition, [2, 4, 8]);
    expect(rewritten.map(({ remove, add, records }) => [spans(remove), spans(add), records])).toEqual([
      [
        [
          [2, 4],
          [4, 6],
        ],
        [[2, 6]],
        4,
      ],
      [[[8, 10]], [[8, 10]], 2],
    ]);
    expect(process.objects.count('put')).toBe(2);
    expect(await replaceSegments(process.broker, { ledger, lifecycle, rewritten })).toEqual({ outcome: 'applied' });
    expect(spans(await segmentsOf(stores, ledger, 0))).toEqual([
      [0, 2],
      [2, 6],
      [6, 8],
      [8, 10],
      [10, 12],
    ]);
    const kept = partition.batches.filter((batch) => ![2, 4, 8].includes([...batchHeaders(batch)][0]?.baseOffset ?? 0));
    expect(await readBatchesOf(stores, 0)).toEqual(kept);
    expect((await checkEverything(stores, { deep: true })).findings).toEqual([]);
    expect(segments).toHaveLength(6);
  });

  it('keeps what comes before the first change, however far into a large segment that is', async () => {
    const partition = await aPartition(4, 1_300_000, Number.POSITIVE_INFINITY);
    const { stores, process, ledger, lifecycle, segments } = partition;
    expect(segments.map(({ bytes }) => bytes > mergingLimits.segmentReadBytes)).toEqual([true]);
    const rewritten = await rewrite(partition, [6]);
    await replaceSegments(process.broker, { ledger, lifecycle, rewritten });
    expect(Buffer.concat(await readBatchesOf(stores, 0)).equals(Buffer.concat(partition.batches.slice(0, 3)))).toBe(
      true,
    );
    expect(await segmentsOf(stores, ledger, 0)).toMatchObject([{ base: 0, end: 8, records: 6 }]);
  });

  it('does not join what is compacted with what is not', async () => {
    const partition = await aPartition(4);
    const rewritten = await rewrite(partition, [0, 2, 4, 6], { isCompacted: ({ end }) => end <= 4 });
    expect(rewritten.map(({ add }) => add)).toMatchObject([
      [{ base: 0, end: 4, compacted: true }],
      [{ base: 4, end: 8 }],
    ]);
    expect(rewritten[1]?.add[0]?.compacted).toBeUndefined();
  });

  it('ends before the next segment when it is told to', async () => {
    const partition = await aPartition(4);
    const stopped = new AbortController();
    partition.process.objects.onGetRange = (proceed) => {
      stopped.abort();
      return proceed();
    };
    const rewritten = await rewrite(partition, [0, 2, 4, 6], { signal: stopped.signal });
    expect(rewritten.map(({ remove }) => spans(remove))).toEqual([[[0, 2]]]);
  });

  it('leaves nothing behind where it fails, and tells damage from a store that is away', async () => {
    const partition = await aPartition(4);
    const { stores, process } = partition;
    const before = await mergedObjects(stores);
    const third = namesOf([partition.segments[2] as SegmentItem])[0];
    process.objects.onGetRange = (proceed, name) => (name === third ? Promise.reject(lost()) : proceed());
    await expect(rewrite(partition, [0, 2, 4])).rejects.toMatchObject({ retriable: true });
    process.objects.onGetRange = (proceed, name) => (name === third ? undefined : proceed());
    await expect(rewrite(partition, [0, 2, 4])).rejects.toMatchObject({
      code: 'CORRUPT_MESSAGE',
      message: expect.stringContaining('the offsets 4 to 5'),
    });
    expect(await mergedObjects(stores)).toEqual(before);
  });

  it('hands out neighbours in several groups where they take long, each made from the version of its moment', async () => {
    const partition = await aPartition(5);
    const { process, topic, head, segments } = partition;
    process.objects.onGetRange = async (proceed) => {
      await process.clock.advance(mergingLimits.rewriteMsMax / 4);
      return proceed();
    };
    let { version } = partition.lifecycle;
    const lifecycle = () => ({ ...partition.lifecycle, version });
    const options = { rewrite: without([0, 2, 4, 6, 8]), isCompacted: () => false, lifecycle };
    const removed: (readonly SegmentItem[])[] = [];
    const versions: (number | undefined)[] = [];
    for await (const one of rewriteSegments(process.broker, { ...partition, topic, head, ...options })) {
      removed.push(one.remove);
      const [object] = namesOf(one.add);
      versions.push((await readMergedObject(process.broker, object as string))?.footer.version);
      version += 1;
    }
    expect(removed.flat()).toEqual(segments);
    expect(removed.map(({ length }) => length)).toEqual([3, 2]);
    expect(versions).toEqual([0, 1].map((later) => partition.lifecycle.version + later));
  });
});
