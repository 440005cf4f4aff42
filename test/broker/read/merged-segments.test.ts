import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fetchBatches, fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import { listOffsets } from '../../../lib/broker/fetch/list-offsets.ts';
import { planFetch } from '../../../lib/broker/fetch/plan-fetch.ts';
import { mergeSegments } from '../../../lib/broker/lifecycle/merge-segments.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import type { Item } from '../../../lib/kernel/items.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import type { LedgerHead } from '../../../lib/log/ledger/head.ts';
import { pageKey } from '../../../lib/log/ledger/page.ts';
import { encodeSegmentItem, partitionKey, type SegmentItem } from '../../../lib/log/merged/segment-item.ts';
import { batchHeaders } from '../../../lib/log/record-batch/header.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { makeBroker, type Process } from '../../support/broker.ts';
import { mergeByHand } from '../../support/merge-by-hand.ts';
import { AT_ONCE, mergeOnce, mergePageByPage, segmentsOf } from '../../support/merging.ts';
import { type Action, actions, buildPartition, type RandomPartition } from '../../support/random-partition.ts';

const all = { topic: 't', partition: 0, maxRecords: 10_000, maxBytes: 4_000_000, minBytes: 1, waitMs: 0 };

/** Everything from the offset on, over as many fetches as it takes. */
async function readAll({ broker }: Pick<Process, 'broker'>, offset: number, maxBytes = all.maxBytes) {
  const found: { offset: number; timestamp: number; value: string }[] = [];
  for (let at = offset; ; ) {
    const { records, nextOffset, highWatermark } = await fetchRecords(broker, {
      ...all,
      maxBytes,
      position: { at: 'offset', offset: at },
    });
    for (const { offset: own, timestamp, value } of records)
      found.push({ offset: own, timestamp, value: String(value) });
    if (nextOffset >= highWatermark) return found;
    expect(nextOffset).toBeGreaterThan(at);
    at = nextOffset;
  }
}

/** Some pages of it merged, in one go or two. */
async function merged(partition: RandomPartition, seed: number, bytesMax: number): Promise<number> {
  const { process, ledger } = partition;
  const { sealed } = (await process.broker.heads.strong(ledger)) as LedgerHead;
  const to = sealed === 0 ? 0 : 1 + (seed % sealed);
  if (to > 1) await mergeByHand(process, ledger, { to: to >>> 1, slots: 2, bytesMax });
  if (to > 0) await mergeByHand(process, ledger, { to, slots: 2, bytesMax });
  return to;
}

const anySeed = fc.nat();
const anySize = fc.constantFrom(1, 300, Number.POSITIVE_INFINITY);
const sealed: Action[] = Array.from({ length: 6 }, (_, n) => [
  {
    action: 'append' as const,
    joined: true,
    batches: [{ timestamps: [n], valueBytes: 9, compressionType: 'none' as const }],
  },
  { action: 'seal' as const },
]).flat();

describe('a partition of which pages are merged', () => {
  it('is read as before, from every offset, by whoever knows of it and who does not', async () => {
    await fc.assert(
      fc.asyncProperty(actions, anySeed, anySize, async (list, seed, bytesMax) => {
        const partition = await buildPartition(list, seed % 2 === 0 ? 0 : 4_096);
        const old = makeBroker({ stores: partition.stores });
        await old.broker.heads.strong(partition.ledger);
        const before = await readAll(partition.process, 0);
        await merged(partition, seed, bytesMax);
        const fresh = makeBroker({ stores: partition.stores });
        const offset = partition.end === 0 ? 0 : seed % partition.end;
        const rest = before.filter((one) => one.offset >= offset);
        for (const process of [fresh, old]) expect(await readAll(process, offset, 1 + (seed % 500))).toEqual(rest);
      }),
      { numRuns: 60 },
    );
  });

  it('has the same first record at or after every time', async () => {
    await fc.assert(
      fc.asyncProperty(actions, anySeed, anySize, fc.nat({ max: 70 }), async (list, seed, bytesMax, timestampMs) => {
        const partition = await buildPartition(list);
        const { broker } = makeBroker({ stores: partition.stores });
        const request = { topic: 't', partition: 0, at: { at: 'timestamp' as const, timestampMs } };
        const before = await listOffsets(broker, request);
        await merged(partition, seed, bytesMax);
        expect(await listOffsets(broker, request)).toEqual(before);
      }),
      { numRuns: 60 },
    );
  });

  it('is searched for a time among a thousand segments by one query, an index and what that leads to', async () => {
    const each = 50;
    const pages = 20;
    const batches = (page: number) =>
      Array.from({ length: each }, (_, index) => {
        const first = 1_000 * (page * each + index);
        return { timestamps: [first, first + 400], valueBytes: 9, compressionType: 'none' as const };
      });
    const { process, ledger, stores } = await buildPartition(
      Array.from({ length: pages }, (_, page) => [
        { action: 'append' as const, joined: true, batches: batches(page) },
        { action: 'seal' as const },
      ]).flat(),
    );
    for (let to = 1; to <= pages; to++) await mergeByHand(process, ledger, { to, bytesMax: 1 });
    const segments = await segmentsOf(stores, ledger, 0);
    expect(segments).toHaveLength(each * pages);

    const fresh = makeBroker({ stores });
    const queries: string[] = [];
    const ranges: string[] = [];
    fresh.metadata.onQuery = (proceed, { pk }) => {
      if (pk.startsWith('partition#')) queries.push(pk);
      return proceed();
    };
    fresh.objects.onGetRange = (proceed, name) => {
      ranges.push(name);
      return proceed();
    };
    const since = (timestampMs: number) =>
      listOffsets(fresh.broker, { topic: 't', partition: 0, at: { at: 'timestamp', timestampMs } });
    const middle = 1_000 * 700 + 1;
    expect(await since(middle)).toMatchObject({ offset: 2 * 700 + 1, timestamp: middle + 399 });
    const { object } = segments[700] as SegmentItem;
    expect(queries).toHaveLength(1);
    expect(ranges).toEqual([objectName('merged', object), objectName('merged', object)]);
    // Once more, the index and what it leads to are there already.
    expect(await since(middle - 1)).toMatchObject({ offset: 2 * 700 });
    expect([queries.length, ranges.length]).toEqual([2, 2]);
    expect(await since(1_000 * each * pages)).toMatchObject({ offset: null });
  });

  it('is not said to have a time only in its tail when the items of its segments are gone, as those of a topic that is being deleted', async () => {
    const tail: Action = {
      action: 'append',
      joined: true,
      batches: [{ timestamps: [100], valueBytes: 9, compressionType: 'none' }],
    };
    const { process, ledger, stores } = await buildPartition([...sealed, tail]);
    await mergeByHand(process, ledger, { to: 6 });
    for (const { key } of (
      await stores.metadata.query({ pk: partitionKey(ledger.topicId, 0), limit: 100, consistency: 'strong' })
    ).items) {
      await stores.metadata.write([{ kind: 'delete', key }]);
    }
    const { broker } = makeBroker({ stores });
    const asked = listOffsets(broker, { topic: 't', partition: 0, at: { at: 'timestamp', timestampMs: 2 } });
    await expect(asked).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });

  it('is planned by ranges whose batches carry their own offsets', async () => {
    const partition = await buildPartition(sealed);
    const { broker } = makeBroker({ stores: partition.stores });
    await mergeByHand(partition.process, partition.ledger, { to: 4 });
    const plan = await planFetch(broker, { topic: 't', partition: 0, offset: 1, maxBytes: 1_000_000 });
    expect(plan.segments[0]).toMatchObject({ source: 'url', baseOffset: 0, lastOffset: 3, offsets: 'absolute' });
    expect(plan.segments[1]).toMatchObject({ baseOffset: 4, lastOffset: 4 });
    expect(plan.segments[1]).not.toHaveProperty('offsets');
    expect(plan.nextOffset).toBe(6);
    const { batches } = await fetchBatches(broker, { ...all, position: { at: 'offset', offset: 0 } });
    const bytes = batches[0] as Uint8Array;
    expect([...batchHeaders(bytes)].map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2, 3]);
    expect(plan.segments[0]).toMatchObject({ bytes: bytes.length, crc32c: crc32c(bytes) });
  });
});

describe('a reader whose head is older than what became of the pages', () => {
  it('reads nothing twice of a segment that reaches into pages which were not merged then', async () => {
    const partition = await buildPartition([...sealed, ...sealed]);
    const { process, ledger, stores } = partition;
    const pageByPage = { policy: { ...AT_ONCE, stepBytesMax: 1 } };
    for (let page = 0; page < 3; page++) await mergeOnce(process, ledger, pageByPage);
    const old = makeBroker({ stores });
    expect(await old.broker.heads.strong(ledger)).toMatchObject({ merged: 3, sealed: 12 });
    while ((await mergeOnce(process, ledger, pageByPage)).outcome === 'merged');
    const topic = await process.broker.topics.get('t');
    expect(await mergeSegments(process.broker, { topic, ledger, partition: 0 })).toMatchObject({ outcome: 'merged' });
    expect(await segmentsOf(stores, ledger, 0)).toMatchObject([{ base: 0, end: 8 }, { base: 8 }, {}, {}, {}]);
    const { batches, nextOffset } = await fetchBatches(old.broker, { ...all, position: { at: 'offset', offset: 1 } });
    const offsets = batches.flatMap((chunk) => [...batchHeaders(chunk)].map(({ baseOffset }) => baseOffset));
    expect(offsets).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(nextOffset).toBe(12);
  });

  it('is not sent to a segment that was replaced, once its object may be gone', async () => {
    const { process, ledger, stores } = await buildPartition([...sealed, ...sealed.slice(0, 4)]);
    await mergePageByPage(process, ledger);
    const old = makeBroker({ stores });
    const request = { topic: 't', partition: 0, offset: 7, maxBytes: 1_000_000 };
    const planned = async () => (await planFetch(old.broker, request)).segments;
    expect(await planned()).toMatchObject([{ baseOffset: 7, lastOffset: 7 }]);
    const topic = await process.broker.topics.get('t');
    await mergeSegments(process.broker, { topic, ledger, partition: 0 });
    await stores.clock.advance(mergingLimits.lifecycleGraceMs - storageLimits.presignedUrlMs);
    expect(await planned()).toMatchObject([{ baseOffset: 0, lastOffset: 7 }]);
  });

  it('finds the first record since a time also while segments are replaced', async () => {
    const { process, ledger, stores } = await buildPartition([...sealed, ...sealed]);
    await mergePageByPage(process, ledger);
    const before = await segmentsOf(stores, ledger, 0);
    const topic = await process.broker.topics.get('t');
    await mergeSegments(process.broker, { topic, ledger, partition: 0 });
    const old = makeBroker({ stores });
    let asked = 0;
    old.metadata.onQuery = async (proceed) => {
      const page = await proceed();
      if (asked++ > 0) return page;
      // The deletions of a transaction are seen, and what it has put is not yet.
      const first = { ...(page.items[0] as Item), attributes: encodeSegmentItem(before[0] as SegmentItem) };
      return { ...page, items: [first, ...page.items.slice(1)] };
    };
    const at = { at: 'timestamp' as const, timestampMs: 3 };
    expect(await listOffsets(old.broker, { topic: 't', partition: 0, at })).toMatchObject({ offset: 3 });
  });

  it('asks strongly once what it was told is wrong', async () => {
    const partition = await buildPartition([...sealed, ...sealed]);
    const { process, ledger, stores } = partition;
    await mergePageByPage(process, ledger);
    const [before] = await segmentsOf(stores, ledger, 0);
    const old = makeBroker({ stores });
    const pk = partitionKey(ledger.topicId, 0);
    const stale = await stores.metadata.query({ pk, limit: 1, consistency: 'strong' });
    const topic = await process.broker.topics.get('t');
    await mergeSegments(process.broker, { topic, ledger, partition: 0 });
    await stores.objects.delete([objectName('merged', (before as SegmentItem).object)]);
    old.metadata.onQuery = (proceed, query) =>
      query.consistency === 'eventual' && query.pk === pk ? Promise.resolve(stale) : proceed();
    expect((await readAll(old, 0)).map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('misses a page that is gone and takes a newer head', async () => {
    const partition = await buildPartition(sealed);
    const old = makeBroker({ stores: partition.stores });
    await old.broker.heads.strong(partition.ledger);
    await mergeByHand(partition.process, partition.ledger, { to: 4 });
    for (const sequence of [0, 1, 2, 3]) {
      await partition.stores.metadata.write([
        { kind: 'delete', key: pageKey(partition.ledger, sequence), conditions: [] },
      ]);
    }
    expect((await readAll(old, 0)).map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('says which offsets are missing where the segment’s object is gone', async () => {
    const partition = await buildPartition(sealed);
    const [segment] = await mergeByHand(partition.process, partition.ledger, { to: 4 });
    if (segment === undefined) throw new Error('nothing was merged');
    await partition.stores.objects.delete([objectName('merged', segment.object)]);
    const { broker } = makeBroker({ stores: partition.stores });
    await expect(readAll({ broker }, 0)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      retriable: true,
      message: expect.stringContaining('offsets 0 to 3'),
    });
    expect((await readAll({ broker }, 4)).map(({ offset }) => offset)).toEqual([4, 5]);
  });

  it('refuses a segment whose bytes were changed to who decodes them', async () => {
    const partition = await buildPartition(sealed);
    const [segment] = await mergeByHand(partition.process, partition.ledger, { to: 4 });
    if (segment === undefined) throw new Error('nothing was merged');
    const name = objectName('merged', segment.object);
    const bytes = (await partition.stores.objects.getRange(name)) as Uint8Array;
    const changed = bytes.slice();
    changed[70] = (changed[70] as number) ^ 1;
    await partition.stores.objects.delete([name]);
    await partition.stores.objects.put(name, [changed]);
    const { broker } = makeBroker({ stores: partition.stores });
    await expect(readAll({ broker }, 0)).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      message: expect.stringContaining('do not match their checksum'),
    });
  });
});
