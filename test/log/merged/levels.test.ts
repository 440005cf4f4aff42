import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assert } from '../../../lib/kernel/assert.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { proposeSegmentMerge } from '../../../lib/log/merged/levels.ts';
import type { SegmentItem } from '../../../lib/log/merged/segment-item.ts';
import { segmentOf } from '../../support/merged-arbitraries.ts';

const MIB = 1_024 * 1_024;
const TARGET = { targetBytes: 256 * MIB };

/** Segments one after the other, of these sizes in MiB. */
function row(sizes: readonly number[], level = 0, from = 0): SegmentItem[] {
  return sizes.map((size, n) => segmentOf(from + n * 10, from + n * 10 + 10, { level, bytes: size * MIB }));
}

/** How many segments the proposed merge takes, from which offset on, and to which level. */
function proposed(segments: readonly SegmentItem[]) {
  const merge = proposeSegmentMerge(segments, TARGET);
  return merge && { from: merge.segments[0]?.base, count: merge.segments.length, level: merge.level };
}

describe('small segments next to each other', () => {
  it('become one of the next level when they are eight', () => {
    expect(proposed(row([1, 1, 1, 1, 1, 1, 1]))).toBeUndefined();
    expect(proposed(row([1, 1, 1, 1, 1, 1, 1, 1, 1]))).toEqual({ from: 0, count: 8, level: 1 });
    const older = row([8, 8, 8], 1);
    expect(proposed([...older, ...row(Array<number>(8).fill(1), 0, 30)])).toEqual({ from: 30, count: 8, level: 1 });
  });

  it('become one that is full where one more would be too much', () => {
    expect(proposed(row([60, 60, 60, 60]))).toBeUndefined();
    expect(proposed(row([60, 60, 60, 60, 60]))).toEqual({ from: 0, count: 4, level: 1 });
  });

  it('are merged whatever their levels are when they lie before a full one', () => {
    const left = [...row([8, 8], 1), ...row([1, 1], 0, 20)];
    expect(proposed(left)).toBeUndefined();
    expect(proposed([...left, ...row([200], 0, 40)])).toEqual({ from: 0, count: 4, level: 2 });
    expect(proposed([...row([8]), ...row([200], 0, 10)])).toBeUndefined();
  });

  it('are not merged over a gap, nor what is archived, but what is compacted with what is not', () => {
    const all = (change: Partial<SegmentItem>) => eight.map((segment) => Object.assign({}, segment, change));
    const eight = row([1, 1, 1, 1, 1, 1, 1, 1]);
    expect(proposed([...eight.slice(0, 4), ...row([1, 1, 1, 1], 0, 41)])).toBeUndefined();
    expect(proposed([...all({ compacted: true }).slice(0, 4), ...eight.slice(4)])).toMatchObject({ count: 8 });
    expect(proposed(all({ storageClass: 'GLACIER_IR' }))).toBeUndefined();
  });

  it('come to an end, are never too large, and their bytes were rewritten a bounded number of times', () => {
    const size = fc.oneof(fc.nat({ max: 4 }), fc.nat({ max: 100 }), fc.nat({ max: 256 }));
    const sizes = fc.oneof(
      fc.array(size, { maxLength: 200 }),
      fc.array(fc.nat({ max: 1 }), { maxLength: 700, size: 'max' }),
    );
    fc.assert(
      fc.property(sizes, fc.boolean(), (arriving, oneByOne) => {
        const world = new World();
        for (const leaf of row(arriving)) {
          world.segments.push(leaf);
          if (oneByOne) world.mergeAll();
        }
        world.mergeAll();
        for (const { base, end, level, bytes } of world.segments) {
          const leaves = (end - base) / 10;
          expect(8 ** Math.max(0, level - 1)).toBeLessThanOrEqual(leaves);
          expect(bytes).toBeLessThanOrEqual(TARGET.targetBytes);
        }
        const full = world.segments.map((segment) => segment.bytes > TARGET.targetBytes / 2);
        // Nothing but a single small one between full ones; behind the last one seven of a level.
        const last = full.lastIndexOf(true);
        expect(full.some((is, n) => n < last && !is && full[n - 1] === false)).toBe(false);
        const levels = 1 + Math.max(0, ...world.segments.map(({ level }) => level));
        expect(full.length - 1 - last).toBeLessThanOrEqual(7 * levels);
      }),
      { numRuns: 100 },
    );
  });
});

/** What carries out every proposal. */
class World {
  segments: SegmentItem[] = [];

  mergeAll(): void {
    for (;;) {
      const merge = proposeSegmentMerge(this.segments, TARGET);
      if (merge === undefined) return;
      const { segments: chosen, level } = merge;
      const [first, last] = [chosen[0] as SegmentItem, chosen.at(-1) as SegmentItem];
      assert(chosen.length > 1 && chosen.length < mergingLimits.segmentWritesMax, 'a merge fits a transaction');
      const at = this.segments.indexOf(first);
      assert(
        chosen.every((segment, n) => segment === this.segments[at + n]),
        'a merge is of neighbours',
      );
      const bytes = chosen.reduce((sum, segment) => sum + segment.bytes, 0);
      this.segments.splice(at, chosen.length, segmentOf(first.base, last.end, { level, bytes }));
    }
  }
}
