import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunked, mapBounded } from '../../lib/kernel/map-bounded.ts';

describe('mapBounded', () => {
  it('returns results in order and never exceeds the bound', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 5 })), fc.integer({ min: 1, max: 4 }), async (items, bound) => {
        let running = 0;
        let most = 0;
        const results = await mapBounded(items, bound, async (item, index) => {
          most = Math.max(most, ++running);
          for (let turn = 0; turn < item; turn++) await Promise.resolve();
          running--;
          return item * 100 + index;
        });
        expect(results).toEqual(items.map((item, index) => item * 100 + index));
        // The bound is also used: nothing waits that could run.
        expect(most).toBe(Math.min(bound, items.length));
      }),
    );
  });

  it('begins nothing after a failure, awaits what is under way, and throws the first failure', async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    const work = mapBounded([0, 1, 2, 3], 2, async (item) => {
      begun.push(item);
      for (let turn = 0; turn < (item === 0 ? 1 : 10); turn++) await Promise.resolve();
      ended.push(item);
      throw new Error(`item ${item}`);
    });
    await expect(work).rejects.toThrow('item 0');
    expect(begun).toEqual([0, 1]);
    expect(ended).toEqual([0, 1]);
  });
});

describe('chunked', () => {
  it('cuts into full runs and a rest', () => {
    expect(chunked([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(chunked([], 2)).toEqual([]);
  });
});
