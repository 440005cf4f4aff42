/**
 * When pages are merged: when they hold enough bytes for segments of some size, when there are many of them to look through,
 * or when they are old.
 */
import { assert } from '../../kernel/assert.ts';
import { limits } from '../../kernel/limits.ts';
import type { LedgerHead } from '../ledger/head.ts';
import type { Page } from '../ledger/page.ts';

export interface MergePolicy {
  /** Pages that hold as much as this are due, … */
  bytesMin: number;
  /** … and as many as this, … */
  pagesMin: number;
  /** … and those of which the oldest commit is as old as this. */
  ageMsMin: number;
  /** What one step merges, unless a single page has more. */
  stepBytesMax: number;
}

export const DEFAULT_POLICY: MergePolicy = {
  bytesMin: limits.mergeBytesMin,
  pagesMin: limits.mergePagesMin,
  ageMsMin: limits.mergeAgeMsMin,
  stepBytesMax: limits.mergeStepBytesMax,
};

/** What a page has that its merging depends on. */
export interface PageFacts {
  sequence: number;
  /** Of record batches, of all slots. */
  bytes: number;
  /** The birth of its oldest object. */
  oldestMs: number;
}

export function pageFacts({ sequence, commits }: Page): PageFacts {
  let [bytes, oldestMs] = [0, Number.MAX_SAFE_INTEGER];
  for (const { object, runs } of commits) {
    oldestMs = Math.min(oldestMs, object.birthMs);
    for (const run of runs) bytes += run.bytes;
  }
  return { sequence, bytes, oldestMs };
}

/**
 * The page before which pages are to be merged now; `undefined` where none is due. `pages` are the first ones that are not
 * merged, as many as the caller has looked at; more than that are not merged at once.
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
  if (!many && bytes < policy.bytesMin && nowMs - first.oldestMs < policy.ageMsMin) return undefined;
  let to = first.sequence + 1;
  let stepBytes = first.bytes;
  for (const page of pages.slice(1)) {
    stepBytes += page.bytes;
    if (stepBytes > policy.stepBytesMax) break;
    to++;
  }
  return to;
}
