/** Commits of a replicated ledger that are in pages, by their numbers. */
import { assert } from '../../kernel/assert.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import { type LedgerHead, recordsOf } from '../../log/ledger/head.ts';
import type { Page } from '../../log/ledger/page.ts';
import type { PageCache } from '../ledger/page-cache.ts';

export interface PagedCommit {
  number: number;
  page: Page;
  /** The commit's place in its page. */
  index: number;
  /** By slot, the offset before the commit. */
  offsets: readonly number[];
}

/**
 * The commit `number`, which is in one of the head's pages. Where that page is retired it is the first one behind: what
 * is before was merged when all replicas were in sync, into segments that each of them has. Reads as many pages as a
 * binary search over them takes.
 */
export async function findPaged(
  pages: PageCache,
  { ledger, head, number }: { ledger: LedgerId; head: LedgerHead; number: number },
): Promise<PagedCommit> {
  let low = head.retired;
  let high = head.sealed - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (firstOf(await pages.get(ledger, middle)) <= number) low = middle;
    else high = middle - 1;
  }
  const page = await pages.get(ledger, low);
  const index = Math.max(0, number - firstOf(page));
  assert(index < page.commits.length, `commit ${number} is in page ${low}`);
  return { number: firstOf(page) + index, page, index, offsets: offsetsBefore(page, index) };
}

/** By slot, the offset at which the page's commit `index` begins. */
export function offsetsBefore(page: Page, index: number): number[] {
  const before = page.commits.slice(0, index);
  return page.bases.map((base, slot) => before.reduce((offset, commit) => offset + recordsOf(commit, slot), base));
}

function firstOf({ firstCommit, sequence }: Page): number {
  assert(firstCommit !== undefined, `page ${sequence} of a replicated ledger says the number of its first commit`);
  return firstCommit;
}
