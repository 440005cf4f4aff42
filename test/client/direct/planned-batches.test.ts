import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchesWithin, recordsWithin, type Span } from '../../../lib/client/direct/planned-batches.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { noCompression } from '../../../lib/log/record-batch/compression.ts';
import { absolute, batchOf, rangeOf } from './history.ts';

function offsetsOf(bytes: Uint8Array, segment: Parameters<typeof batchesWithin>[1], span: Span): number[] {
  const batches = batchesWithin(bytes, segment, span);
  return Array.from(recordsWithin(batches, span, noCompression), ({ offset }) => offset);
}

const upTo = (first: number, end: number) => Array.from({ length: end - first }, (_, index) => first + index);

describe('batches with relative offsets', () => {
  it('follow each other from the base offset on, and are cut to the span', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 }),
        fc.nat(1_000),
        fc.nat(30),
        (sizes, baseOffset, skipped) => {
          const bytes = concatBytes(sizes.map((size) => batchOf(0, size)));
          const end = baseOffset + sizes.reduce((sum, size) => sum + size, 0);
          const first = baseOffset + skipped;
          const segment = rangeOf(bytes, { baseOffset, lastOffset: end - 1 });
          const offsets = offsetsOf(bytes, segment, { first, last: end - 1 });
          expect(offsets).toEqual(upTo(first, Math.max(first, end)));
        },
      ),
    );
  });

  it('are refused where there are more or fewer than the plan says', () => {
    const bytes = batchOf(0, 3);
    const span = { first: 5, last: 8 };
    expect(() => batchesWithin(bytes, rangeOf(bytes, { baseOffset: 5, lastOffset: 8 }), span)).toThrow(/more or fewer/);
  });
});

describe('batches with absolute offsets', () => {
  const bytes = concatBytes([absolute(batchOf(0, 4), 10), absolute(batchOf(0, 3), 30), absolute(batchOf(0, 5), 33)]);
  const segment = rangeOf(bytes, { baseOffset: 12, lastOffset: 35 }, { offsets: 'absolute' });

  it('keep their own, gaps included, and are cut at both ends', () => {
    expect(offsetsOf(bytes.slice(), segment, { first: 12, last: 35 })).toEqual([12, 13, 30, 31, 32, 33, 34, 35]);
    expect(offsetsOf(bytes.slice(), segment, { first: 20, last: 35 })).toEqual([30, 31, 32, 33, 34, 35]);
  });

  it('are handed over whole, but only those with offsets of the span', () => {
    expect(batchesWithin(bytes.slice(), segment, { first: 20, last: 32 }).length).toBe(batchOf(0, 3).length);
    expect(batchesWithin(bytes.slice(), segment, { first: 14, last: 29 }).length).toBe(0);
  });
});
