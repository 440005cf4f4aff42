import { describe, expect, it } from 'vitest';
import type { Write } from '../../../lib/kernel/items.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { decodeHead, encodeHead, headKey, initialHead, type LedgerHead } from '../../../lib/log/ledger/head.ts';
import { condemnedKey, decodeCondemned } from '../../../lib/log/merged/condemned-item.ts';
import { planSegmentFence } from '../../../lib/log/merged/fence.ts';
import { decodeLifecycle, type Lifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { planMerge, planReplace } from '../../../lib/log/merged/plans.ts';
import { decodeSegmentItem, type SegmentItem, segmentKey } from '../../../lib/log/merged/segment-item.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';
import { segmentOf } from '../../support/merged-arbitraries.ts';

const NOW = 1_790_000_000_000;
const CONDEMNED = { ms: NOW, random: '0123abcd' };

/** A ledger with 10 sealed pages, in a table with the adapter's own checks. */
async function aLedger(head: Partial<LedgerHead> = {}) {
  const store = openSqliteMetadataStore({ path: ':memory:' });
  const first = { ...initialHead(), sealed: 10, ...head };
  await store.write([{ kind: 'put', key: headKey(LEDGER), attributes: encodeHead(first) }]);
  return {
    store,
    head: async () => decodeHead((await store.get(headKey(LEDGER), 'strong')) ?? {}),
    lifecycle: async () => decodeLifecycle(await store.get(lifecycleKey(LEDGER), 'strong')),
    segment: async (place: { partition: number; base: number }) => {
      const key = segmentKey(LEDGER.topicId, place);
      const attributes = await store.get(key, 'strong');
      return attributes && decodeSegmentItem({ key, attributes });
    },
    /** `applied`, or the index of the write that was refused. */
    write: async (writes: readonly Write[]) => {
      const result = await store.write(writes);
      return result.outcome === 'applied' ? 'applied' : result.index;
    },
  };
}

type Ledger = Awaited<ReturnType<typeof aLedger>>;

async function merged(ledger: Ledger, to: number, segments: readonly SegmentItem[]) {
  return ledger.write(planMerge(LEDGER, await ledger.head(), await ledger.lifecycle(), { to, segments, nowMs: NOW }));
}

describe('a merge', () => {
  it('raises the head, adds the segments and marks the time, all at once', async () => {
    const ledger = await aLedger();
    const segments = [segmentOf(0, 100), segmentOf(0, 50, { partition: 1 })];
    expect(await merged(ledger, 4, segments)).toBe('applied');
    expect(await ledger.head()).toMatchObject({ merged: 4, version: 1, sealed: 10 });
    const { version, marks } = await ledger.lifecycle();
    expect([version, marks.map(({ pages }) => pages)]).toEqual([1, [4]]);
    for (const segment of segments) expect(await ledger.segment(segment)).toEqual(segment);
    expect(await merged(ledger, 9, [segmentOf(100, 200)])).toBe('applied');
    expect(await ledger.head()).toMatchObject({ merged: 9, version: 2 });
    expect(await ledger.lifecycle()).toMatchObject({ version: 2 });
  });

  it('needs no segment where all of its records are below the log start', async () => {
    const ledger = await aLedger();
    expect(await merged(ledger, 4, [])).toBe('applied');
    expect(await ledger.head()).toMatchObject({ merged: 4 });
  });

  it('is refused by the head where another has merged, or the topic is deleted', async () => {
    const ledger = await aLedger();
    const late = planMerge(LEDGER, await ledger.head(), await ledger.lifecycle(), mergeTo(5, segmentOf(0, 70)));
    await merged(ledger, 4, [segmentOf(0, 50)]);
    expect(await ledger.write(late)).toBe(0);
    const next = planMerge(LEDGER, await ledger.head(), await ledger.lifecycle(), mergeTo(5, segmentOf(50, 70)));
    await ledger.store.write([{ kind: 'delete', key: headKey(LEDGER) }]);
    expect(await ledger.write(next)).toBe(0);
    expect(await ledger.segment({ partition: 0, base: 50 })).toBeUndefined();
  });

  it('is refused after a deletion that it was planned before, also where it is the first', async () => {
    const ledger = await aLedger();
    const late = planMerge(LEDGER, await ledger.head(), await ledger.lifecycle(), mergeTo(5, segmentOf(0, 70)));
    await ledger.store.write([{ kind: 'delete', key: headKey(LEDGER) }]);
    expect(await ledger.write(late)).toBe(0);
    expect(await ledger.store.get(lifecycleKey(LEDGER), 'strong')).toBeUndefined();
  });

  it('is refused by the lifecycle item where segments have changed, and where the sweeper gave the object up', async () => {
    const ledger = await aLedger();
    await merged(ledger, 4, [segmentOf(0, 50)]);
    const [head, before] = [await ledger.head(), await ledger.lifecycle()];
    const segment = segmentOf(50, 70);
    await ledger.write(planReplace(LEDGER, before, replacement([segmentOf(0, 50)], [segmentOf(0, 50, { born: 9 })])));
    expect(await ledger.write(planMerge(LEDGER, head, before, mergeTo(5, segment)))).toBe(1);

    const fresh = await ledger.lifecycle();
    await ledger.write(planSegmentFence(LEDGER, fresh, segment.object.birthMs));
    expect(await ledger.write(planMerge(LEDGER, head, fresh, mergeTo(5, segment)))).toBe(1);
    const fenced = await ledger.lifecycle();
    expect(() => planMerge(LEDGER, head, fenced, mergeTo(5, segment))).toThrow('were given up');
    const reborn = segmentOf(50, 70, { born: segment.object.birthMs + 1 });
    await ledger.write(planSegmentFence(LEDGER, fenced, segment.object.birthMs + 1));
    expect(await ledger.write(planMerge(LEDGER, head, fenced, mergeTo(5, reborn)))).toBe(1);
    const later = segmentOf(50, 70, { born: segment.object.birthMs + 2 });
    expect(await ledger.write(planMerge(LEDGER, head, fenced, mergeTo(5, later)))).toBe('applied');
  });

  it('of a replicated ledger is refused when its in-sync set has changed', async () => {
    const replication = { q: Uint8Array.of(1, 0, 3, 0, 0, 1), g: 0, k0: 0, k1: 0 };
    const ledger = await aLedger({ replication, isrVersion: 3 });
    const plan = planMerge(LEDGER, await ledger.head(), await ledger.lifecycle(), mergeTo(5, segmentOf(0, 70)));
    await ledger.store.write([{ kind: 'update', key: headKey(LEDGER), changes: { add: { i: 1, v: 1 } } }]);
    expect(await ledger.write(plan)).toBe(0);
    expect(await merged(ledger, 5, [segmentOf(0, 70)])).toBe('applied');
  });

  it('takes only pages that are sealed and not merged yet, and what fits a transaction', async () => {
    const head = { ...initialHead(), sealed: 10, merged: 4 };
    for (const to of [3, 4, 11]) expect(() => plan(head, to)).toThrow(`pages 4 to ${to} of 10`);
    const most = Array.from({ length: mergingLimits.segmentWritesMax }, (_, n) => segmentOf(0, 10, { partition: n }));
    expect(plan(head, 5, most).length).toBeLessThanOrEqual(storageLimits.transactionItemsMax);
    expect(() => plan(head, 5, [...most, segmentOf(10, 20)])).toThrow('98 segments in one merge');
  });
});

describe('a replacement', () => {
  const before = [segmentOf(0, 50), segmentOf(50, 70), segmentOf(70, 90)] as const;
  const after = segmentOf(0, 70, { born: 900, level: 1 });

  async function withSegments() {
    const ledger = await aLedger();
    await merged(ledger, 4, before);
    return ledger;
  }

  it('puts one segment in the place of several, and condemns their objects', async () => {
    const ledger = await withSegments();
    const plan = planReplace(LEDGER, await ledger.lifecycle(), replacement(before.slice(0, 2), [after]));
    expect(await ledger.write(plan)).toBe('applied');
    expect(await ledger.segment(after)).toEqual(after);
    expect(await ledger.segment(before[1])).toBeUndefined();
    expect(await ledger.segment(before[2])).toEqual(before[2]);
    const condemned = await ledger.store.get(condemnedKey(LEDGER, CONDEMNED), 'strong');
    const objects = before.slice(0, 2).map(({ object }) => ({ tier: 'merged', object }));
    expect(decodeCondemned(condemned ?? {})).toEqual(objects);
    expect(await ledger.lifecycle()).toMatchObject({ version: 2 });
    expect(await ledger.write(plan)).toBe(0); // again
  });

  it('is refused where another was applied that was planned from the same state, whatever it did', async () => {
    const ledger = await withSegments();
    const lifecycle = await ledger.lifecycle();
    const first = planReplace(LEDGER, lifecycle, replacement(before.slice(0, 2), [after]));
    const other = planReplace(LEDGER, lifecycle, replacement([before[2]], [segmentOf(70, 90, { born: 901 })]));
    expect(await ledger.write(first)).toBe('applied');
    expect(await ledger.write(other)).toBe(0);
  });

  it('is refused by a segment that is not what it was, though nothing should come to that', async () => {
    const ledger = await withSegments();
    const lifecycle = await ledger.lifecycle();
    const wrong = segmentOf(0, 70, { born: 77 });
    const plan = planReplace(LEDGER, lifecycle, replacement([wrong], [after]));
    expect(await ledger.write(plan)).toBe(2);
    expect(await ledger.write(planReplace(LEDGER, lifecycle, replacement([wrong], [])))).toBe(2);
  });

  it('removes segments below the log start', async () => {
    const ledger = await withSegments();
    const plan = planReplace(LEDGER, await ledger.lifecycle(), replacement(before.slice(0, 2), []));
    expect(await ledger.write(plan)).toBe('applied');
    expect(await Promise.all(before.map((segment) => ledger.segment(segment)))).toEqual([
      undefined,
      undefined,
      before[2],
    ]);
  });

  it('goes around segments that stay', async () => {
    const ledger = await withSegments();
    const around = [
      segmentOf(0, 50, { born: 900 }),
      segmentOf(70, 80, { born: 900 }),
      segmentOf(80, 90, { born: 901 }),
    ];
    const plan = planReplace(LEDGER, await ledger.lifecycle(), replacement([before[0], before[2]], around));
    expect(await ledger.write(plan)).toBe('applied');
    expect(await ledger.segment(before[1])).toEqual(before[1]);
  });

  it('can say how far compaction has come, also where it changed nothing', async () => {
    const ledger = await withSegments();
    const progress = new Map([[3, { dirtyFrom: 90, atMs: NOW }]]);
    const plan = planReplace(LEDGER, await ledger.lifecycle(), { ...replacement([], []), progress });
    expect(await ledger.write(plan)).toBe('applied');
    expect(await ledger.lifecycle()).toMatchObject({ version: 2, compacted: progress });
    expect(await ledger.store.get(condemnedKey(LEDGER, CONDEMNED), 'strong')).toBeUndefined();
  });

  it('neither condemns nor fences an object that only gets another item', async () => {
    const ledger = await withSegments();
    await ledger.write(planSegmentFence(LEDGER, await ledger.lifecycle(), NOW));
    const archived = { ...before[0], storageClass: 'GLACIER_IR' };
    const plan = planReplace(LEDGER, await ledger.lifecycle(), replacement([before[0]], [archived]));
    expect(await ledger.write(plan)).toBe('applied');
    expect(await ledger.segment(archived)).toEqual(archived);
    expect(await ledger.store.get(condemnedKey(LEDGER, CONDEMNED), 'strong')).toBeUndefined();
  });

  it('does not bring items of a deleted topic back', async () => {
    const ledger = await withSegments();
    const lifecycle = await ledger.lifecycle();
    await ledger.store.write([
      { kind: 'delete', key: headKey(LEDGER) },
      { kind: 'delete', key: lifecycleKey(LEDGER) },
    ]);
    expect(await ledger.write(planReplace(LEDGER, lifecycle, replacement(before.slice(0, 2), [after])))).toBe(0);
  });

  it('covers exactly what it replaces', () => {
    const lifecycle: Lifecycle = { ...decodeLifecycle(undefined), version: 1 };
    const wrong: [readonly SegmentItem[], readonly SegmentItem[]][] = [
      [before, [after]], // less
      [before.slice(0, 2), [segmentOf(0, 90)]], // more
      [before.slice(1, 2), [segmentOf(49, 70)]],
      [[before[0], before[2]], [segmentOf(0, 90)]], // over a gap
      [before, [segmentOf(0, 50), segmentOf(60, 90)]], // with a gap
      [before.slice(0, 2), [{ ...after, partition: 1 }]],
    ];
    for (const [remove, add] of wrong) {
      expect(() => planReplace(LEDGER, lifecycle, replacement(remove, add))).toThrow(/a segment of|segments of/);
    }
    expect(() => planReplace(LEDGER, decodeLifecycle(undefined), replacement(before, []))).toThrow('a lifecycle item');
  });

  it('fits a transaction', () => {
    const lifecycle: Lifecycle = { ...decodeLifecycle(undefined), version: 1 };
    const most = Array.from({ length: mergingLimits.segmentWritesMax }, (_, n) => segmentOf(n, n + 1));
    expect(planReplace(LEDGER, lifecycle, replacement(most, [])).length).toBeLessThanOrEqual(
      storageLimits.transactionItemsMax,
    );
    expect(() => planReplace(LEDGER, lifecycle, replacement([...most, segmentOf(97, 98)], []))).toThrow('98 segments');
  });
});

function mergeTo(to: number, ...segments: SegmentItem[]) {
  return { to, segments, nowMs: NOW };
}

function plan(head: LedgerHead, to: number, segments: SegmentItem[] = []) {
  return planMerge(LEDGER, head, decodeLifecycle(undefined), mergeTo(to, ...segments));
}

function replacement(remove: readonly SegmentItem[], add: readonly SegmentItem[]) {
  return { remove, add, condemned: CONDEMNED };
}
