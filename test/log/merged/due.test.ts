import { describe, expect, it } from 'vitest';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { initialHead } from '../../../lib/log/ledger/head.ts';
import type { Page } from '../../../lib/log/ledger/page.ts';
import { mergeDue, type PageFacts, pageFacts } from '../../../lib/log/merged/due.ts';

const NOW = 1_790_000_000_000;
const HOUR = 60 * 60 * 1_000;
const MIB = 1_024 * 1_024;

const HEAD = { ...initialHead(), sealed: 30, merged: 20 };

/** The pages from 20 on, of these sizes in MiB. */
function pages(sizes: readonly number[], oldestMs = NOW - 1_000, slots = 1): PageFacts[] {
  return sizes.map((size, n) => ({ sequence: 20 + n, bytes: size * MIB, oldestMs: oldestMs + n, slots }));
}

describe('pages are due', () => {
  it('when they hold enough bytes', () => {
    expect(mergeDue(HEAD, pages([20, 20, 23]), NOW)).toBeUndefined();
    expect(mergeDue(HEAD, pages([20, 20, 24]), NOW)).toBe(23);
  });

  it('when they hold enough bytes for a segment of each partition that has something in them', () => {
    expect(mergeDue(HEAD, pages([40, 87], NOW, 0b1001), NOW)).toBeUndefined();
    expect(mergeDue(HEAD, pages([40, 88], NOW, 0b1001), NOW)).toBe(22);
    const different = [...pages([40], NOW, 0b0110), ...pages([0, 88], NOW, 0b1010).slice(1)];
    expect(mergeDue(HEAD, different, NOW)).toBeUndefined();
    for (const page of different) page.bytes = 96 * MIB;
    expect(mergeDue(HEAD, different, NOW)).toBe(22);
  });

  it('when there are many, also where only some were looked at', () => {
    const head = { ...HEAD, sealed: 20 + mergingLimits.mergePagesMin };
    expect(mergeDue({ ...head, sealed: head.sealed - 1 }, pages([1, 1]), NOW)).toBeUndefined();
    expect(mergeDue(head, pages([1, 1]), NOW)).toBe(22);
  });

  it('when the oldest commit is old', () => {
    expect(mergeDue(HEAD, pages([1, 1], NOW - HOUR + 1), NOW)).toBeUndefined();
    expect(mergeDue(HEAD, pages([1, 1], NOW - HOUR), NOW)).toBe(22);
    expect(mergeDue(HEAD, pages([1, 1], NOW + HOUR), NOW)).toBeUndefined(); // by a clock that was ahead
  });

  it('as much at once as a step may take, and a page that has more by itself', () => {
    expect(mergeDue(HEAD, pages([1_600, 1_600, 896, 1]), NOW)).toBe(23);
    expect(mergeDue(HEAD, pages([1_600, 1_600, 897, 1]), NOW)).toBe(22);
    expect(mergeDue(HEAD, pages([4_100, 1]), NOW)).toBe(21);
  });

  it('never where there is none, and only in order', () => {
    expect(mergeDue({ ...HEAD, merged: 30 }, [], NOW)).toBeUndefined();
    expect(() => mergeDue({ ...HEAD, merged: 19 }, pages([100]), NOW)).toThrow('page 20 is the next one to be merged');
    expect(() => mergeDue({ ...HEAD, sealed: 20 }, pages([100]), NOW)).toThrow('page 20 is the next one to be merged');
  });

  it('by what their commits say', () => {
    const run = { slot: 0, bytes: 10, records: 1, maxTimestamp: NOW, crc32c: 0 };
    const commit = (birthMs: number, runs: number) => ({
      tier: 'segments' as const,
      object: { birthMs, random: new Uint8Array(8) },
      part: 0,
      position: 0,
      runs: Array.from({ length: runs }, (_, slot) => ({ ...run, slot })),
    });
    const page: Page = {
      sequence: 7,
      epoch: 0,
      bases: [],
      maxTimestamps: [],
      commits: [commit(NOW, 2), commit(NOW - 5, 1)],
    };
    expect(pageFacts(page)).toEqual({ sequence: 7, bytes: 30, oldestMs: NOW - 5, slots: 0b11 });
  });
});
