/**
 * When pages are merged: when they hold enough bytes for segments of some size, when there are many of them to look
 * through, or when they are old.
 */
import { assert } from '../../kernel/assert.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import type { LedgerHead } from '../ledger/head.ts';
import type { Page } from '../ledger/page.ts';

export interface MergePolicy {
  /** Pages that hold as much as this for each partition that has something in them are due, … */
  bytesMin: number;
  /** … and as many as this, … */
  pagesMin: number;
  /** … and those of which the oldest commit is as old as this. */
  ageMsMin: number;
  /** What one step merges, unless a single page has more. */
  stepBytesMax: number;
  /** Commits in bundles that one step holds in memory, unless a single page has more; absent: as a server does it. */
  stepBundledCommitsMax?: number;
}

export const DEFAULT_POLICY: MergePolicy = {
  bytesMin: mergingLimits.mergeBytesMin,
  pagesMin: mergingLimits.mergePagesMin,
  ageMsMin: mergingLimits.mergeAgeMsMin,
  stepBytesMax: mergingLimits.mergeStepBytesMax,
};

/** What a page has that its merging depends on. */
export interface PageFacts {
  sequence: number;
  /** Of record batches, of all slots. */
  bytes: number;
  /** The birth of its oldest object. */
  oldestMs: number;
  /** Those that have something in it, as bits. */
  slots: number;
}

export function pageFacts({ sequence, commits }: Page): PageFacts {
  let [bytes, oldestMs, slots] = [0, Number.MAX_SAFE_INTEGER, 0];
  for (const { object, runs } of commits) {
    oldestMs = Math.min(oldestMs, object.birthMs);
    for (const run of runs) {
      bytes += run.bytes;
      slots |= 1 << run.slot;
    }
  }
  return { sequence, bytes, oldestMs, slots };
}

/**
 * The page before which pages are to be merged now; `undefined` where none is due. `pages` are the first ones that are
 * not merged, as many as the caller has looked at; more than that are not merged at once.
 */
export function mergeDue(
  head: LedgerHead,
  pages: readonly PageFacts[],
  nowMs: number,
  policy: MergePolicy = DEFAULT_POLICY,
): number | undefined {
  for (const [n, { sequence }] of pages.entries()) {
    assert(sequence === head.merged + n && sequence < head.sealed, `page ${sequence} is the next one to be merged`);
  }
  const [first] = pages;
  if (first === undefined) return undefined;
  const bytes = pages.reduce((sum, page) => sum + page.bytes, 0);
  const many = head.sealed - head.merged >= policy.pagesMin;
  const active = bitCount(pages.reduce((all, { slots }) => all | slots, 0));
  const isMuch = bytes >= policy.bytesMin * Math.max(1, active);
  if (!many && !isMuch && nowMs - first.oldestMs < policy.ageMsMin) return undefined;
  let to = first.sequence + 1;
  let stepBytes = first.bytes;
  for (const page of pages.slice(1)) {
    stepBytes += page.bytes;
    if (stepBytes > policy.stepBytesMax) break;
    to++;
  }
  return to;
}

function bitCount(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
