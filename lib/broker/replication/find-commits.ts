/** The commits of a replicated ledger by their numbers, whether they are in pages or in the tail. */
import { type LedgerView, offsetAt } from '../../coordination/replication/ledger-view.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { Page } from '../../log/ledger/page.ts';
import type { PageCache } from '../ledger/page-cache.ts';
import { findPaged, offsetsBefore } from './find-paged.ts';

export interface FoundCommit {
  number: number;
  commit: Commit;
  /** By slot, the offsets at which it begins. */
  offsets: () => readonly number[];
}

export interface CommitsRequest {
  ledger: LedgerId;
  head: LedgerHead;
  /** Of that head. */
  view: LedgerView;
  /** The number of the first, unless its page is retired: then it is the first one that is not. */
  from: number;
  /** How many at most. */
  max: number;
}

export async function commitsFrom(pages: PageCache, request: CommitsRequest): Promise<FoundCommit[]> {
  const { view, from, max } = request;
  const found = from < view.paged ? await inPages(pages, request) : [];
  return [...found, ...inTail(request, Math.max(from, view.paged))].slice(0, max);
}

async function inPages(pages: PageCache, { ledger, head, view, from, max }: CommitsRequest): Promise<FoundCommit[]> {
  const found: FoundCommit[] = [];
  let { page, index, number } = await findPaged(pages, { ledger, head, number: from });
  for (; number < view.paged && found.length < max; number++) {
    if (index === page.commits.length) {
      page = await pages.get(ledger, page.sequence + 1);
      index = 0;
    }
    found.push(foundInPage(page, index++, number));
  }
  return found;
}

function foundInPage(page: Page, index: number, number: number): FoundCommit {
  return { number, commit: page.commits[index] as Commit, offsets: () => offsetsBefore(page, index) };
}

function inTail({ head, view }: CommitsRequest, from: number): FoundCommit[] {
  return head.tail.slice(from - view.paged).map((commit, index) => {
    const number = from + index;
    return { number, commit, offsets: () => view.next.map((_, slot) => offsetAt(view, slot, number)) };
  });
}
