import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import { type Mark, packMarks, pagesMergedForGrace, unpackMarks, withMark } from '../../../lib/log/merged/marks.ts';

const GRACE = mergingLimits.lifecycleGraceMs;
const START = 1_790_000_000_000;

/** Merges one after the other, each some pages and some time after the one before. */
const history = fc.array(
  fc.record({ pages: fc.nat({ max: 100 }), afterMs: fc.oneof(fc.nat({ max: 60_000 }), fc.nat({ max: 2 * GRACE })) }),
  { maxLength: 60 },
);

describe('marks', () => {
  it('survive their bytes', () => {
    const mark = fc.record({ pages: fc.maxSafeNat(), atMs: fc.nat({ max: topicLimits.timestampMsMax }) });
    fc.assert(
      fc.property(fc.array(mark, { maxLength: 8 }), (marks) => {
        expect(unpackMarks(packMarks(marks))).toEqual(marks);
      }),
    );
  });

  it('are few, let no page go before its grace, and all within a sixth of a grace more', () => {
    fc.assert(
      fc.property(history, fc.nat({ max: 3 * GRACE }), (merges, waitMs) => {
        let nowMs = START;
        let pages = 0;
        let marks: Mark[] = [];
        const truth: Mark[] = [];
        for (const merge of merges) {
          nowMs += merge.afterMs;
          pages += merge.pages;
          marks = withMark(marks, pages, nowMs);
          truth.push({ pages, atMs: nowMs });
          expect(marks.length).toBeLessThanOrEqual(mergingLimits.lifecycleMarksMax);
          for (const atMs of [nowMs, nowMs + waitMs]) {
            const may = pagesMergedForGrace(marks, atMs);
            expect(may).toBeLessThanOrEqual(mergedBy(truth, atMs - GRACE));
            expect(may).toBeGreaterThanOrEqual(mergedBy(truth, atMs - GRACE - GRACE / 6));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('of a clock that was ahead hold nothing back for longer than a mark of now', () => {
    const ahead = withMark([], 5, START + 1_000 * GRACE);
    const corrected = withMark(ahead, 7, START);
    expect(pagesMergedForGrace(corrected, START + GRACE + GRACE / 6)).toBe(7);
  });

  it('never go back', () => {
    expect(() => withMark([{ pages: 5, atMs: START }], 4, START)).toThrow('4 merged pages after 5');
  });
});

function mergedBy(truth: readonly Mark[], ms: number): number {
  return truth.findLast(({ atMs }) => atMs <= ms)?.pages ?? 0;
}
