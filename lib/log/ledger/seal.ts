/**
 * Sealing: moving the tail's commits into a page, in two writes that anyone may repeat or interleave.
 *
 * 1. Put the page `sealed`, if it is absent. Whoever finds it there goes on with the page that is stored.
 * 2. Trim from the head exactly what the stored page holds, if `sealed` is unchanged. While it is, the tail only grows
 *    at its end, and the stored page was built from a head with the same `sealed`: its commits are the tail's first
 *    ones.
 *
 * Between the two a commit is in the page and in the tail; readers take pages only below `sealed`, so they see it once.
 * A crash between the two leaves a page that the next sealer trims by. The page, not the sealer's own view of the tail,
 * says what is trimmed: two sealers with different views would otherwise drop commits that no page holds.
 */

import { assert } from '../../kernel/assert.ts';
import { bytesEqual } from '../../kernel/bytes.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, Write } from '../../kernel/items.ts';
import { ledgerLimits } from '../../kernel/limits/ledger.ts';
import { idOf } from './commit.ts';
import { headKey, type LedgerHead, tailStart } from './head.ts';
import { encodePage, type Page, pageKey } from './page.ts';

/** Whether a tail of this length starts a seal: exactly one append of a batch of them sees each multiple. */
export function startsSeal(tailLength: number): boolean {
  return tailLength >= ledgerLimits.tailEntriesSeal && tailLength % ledgerLimits.tailEntriesSeal === 0;
}

/**
 * The page that moves the head's whole tail, or the first `count` commits of it. `previous` is the page before it,
 * absent for the first.
 */
export function pageOf(head: LedgerHead, previous: Page | undefined, count = head.tail.length): Page {
  assert(count > 0 && count <= head.tail.length, `${count} of ${head.tail.length} commits make no page`);
  assert((previous?.sequence ?? -1) === head.sealed - 1, 'a page follows the one before it');
  const maxTimestamps = previous === undefined ? Array<number>(head.next.length).fill(-1) : [...previous.maxTimestamps];
  const commits = head.tail.slice(0, count);
  for (const commit of commits) {
    for (const run of commit.runs) {
      maxTimestamps[run.slot] = Math.max(maxTimestamps[run.slot] as number, run.maxTimestamp);
    }
  }
  return {
    sequence: head.sealed,
    epoch: head.epoch,
    bases: head.next.map((_, slot) => tailStart(head, slot)),
    maxTimestamps,
    commits,
    ...(head.replication && { firstCommit: pagedCommits(head.replication) }),
  };
}

/** Commits moved into pages so far. */
function pagedCommits({ g }: Attributes): number {
  assert(typeof g === 'number', 'a replicated head counts the commits in pages');
  return g;
}

export function planPage(ledger: LedgerId, page: Page): Write {
  return {
    kind: 'put',
    key: pageKey(ledger, page.sequence),
    attributes: encodePage(page),
    conditions: [{ clause: 'item-absent' }],
  };
}

/**
 * The trim of `head` by the page that is stored as its number `head.sealed`: the page's commits leave the tail, and the
 * ids of the oldest remembered seal leave with them once K seals are remembered.
 */
export function planTrim(ledger: LedgerId, head: LedgerHead, stored: Page): Write {
  assert(stored.sequence === head.sealed, 'the trim is by the page of the same number');
  for (const [index, commit] of stored.commits.entries()) {
    const entry = head.tail[index];
    assert(
      entry !== undefined && bytesEqual(idOf(entry), idOf(commit)),
      'the page holds the first commits of the tail',
    );
  }
  const remembered = [...head.recentSealed, stored.commits.length];
  const forgotten = remembered.length > ledgerLimits.sealsRemembered ? (remembered.shift() as number) : 0;
  return {
    kind: 'update',
    key: headKey(ledger),
    changes: {
      set: { c: remembered },
      // The number of the tail's first commit, in replicated ledgers.
      add: { x: 1, v: 1, ...(head.replication && { g: stored.commits.length }) },
      dropFirst: forgotten > 0 ? { t: stored.commits.length, r: forgotten } : { t: stored.commits.length },
    },
    conditions: [{ clause: 'equals', attribute: 'x', value: head.sealed }],
  };
}
