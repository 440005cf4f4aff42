/**
 * Where records lie: from a head or a page to the runs of one slot with their offsets.
 */
import { type BundleEntry, isBundle } from './bundle.ts';
import type { Commit } from './commit.ts';
import { type LedgerHead, tailStart } from './head.ts';
import { type Page, pageEnd } from './page.ts';

/**
 * One partition's contiguous batches in one object, with the offsets they have. Where the commit is an entry for a
 * bundle, the run is of the whole bundle, and has no place in an object before it is unbundled.
 */
export interface LocatedRun {
  commit: Commit;
  slot: number;
  /** The bytes in the commit's object: from `position`, `bytes` of them. */
  position: number;
  bytes: number;
  crc32c: number;
  baseOffset: number;
  /** One past the last record. */
  endOffset: number;
  maxTimestamp: number;
  leaderEpoch: number;
}

/** The slot's runs in the tail, in offset order. */
export function runsInTail(head: LedgerHead, slot: number): LocatedRun[] {
  return locate(head.tail, { slot, from: tailStart(head, slot), epochOf: ownEpochOr(head.epoch) });
}

/** The slot's runs in the page, in offset order. */
export function runsInPage(page: Page, slot: number): LocatedRun[] {
  return locate(page.commits, { slot, from: page.bases[slot] as number, epochOf: ownEpochOr(page.epoch) });
}

/** The runs of the bundle's commits, from the run of its entry. */
export function unbundled({ slot, baseOffset, leaderEpoch }: LocatedRun, commits: readonly Commit[]): LocatedRun[] {
  // Appended together: what a commit itself says of its epoch was known before.
  return locate(commits, { slot, from: baseOffset, epochOf: () => leaderEpoch });
}

export interface LocatedCommit {
  commit: Commit;
  /** In slot order. */
  runs: readonly LocatedRun[];
}

/** All of the page's commits, those of its bundles in place of their entries, with the runs of all slots. */
export function commitsInPage(
  page: Page,
  commitsOf: (entry: BundleEntry) => readonly Commit[],
): readonly LocatedCommit[] {
  const bundled = (entry: Commit) => (isBundle(entry) ? commitsOf(entry) : undefined);
  const runs = new Map<Commit, LocatedRun[]>();
  for (const entry of page.commits) for (const commit of bundled(entry) ?? [entry]) runs.set(commit, []);
  for (const slot of page.bases.keys()) {
    for (const run of runsInPage(page, slot)) {
      const commits = bundled(run.commit);
      for (const own of commits === undefined ? [run] : unbundled(run, commits)) runs.get(own.commit)?.push(own);
    }
  }
  return [...runs].map(([commit, own]) => ({ commit, runs: own }));
}

/** A commit of a replicated ledger says its epoch itself. */
function ownEpochOr(epoch: number): (commit: Commit) => number {
  return (commit) => commit.replicated?.epoch ?? epoch;
}

interface Locating {
  slot: number;
  from: number;
  epochOf: (commit: Commit) => number;
}

function locate(commits: readonly Commit[], { slot, from, epochOf }: Locating): LocatedRun[] {
  const located: LocatedRun[] = [];
  let offset = from;
  for (const commit of commits) {
    let position = commit.position;
    for (const run of commit.runs) {
      if (run.slot === slot) {
        const { bytes, crc32c, maxTimestamp } = run;
        const endOffset = offset + run.records;
        located.push({
          commit,
          slot,
          position,
          bytes,
          crc32c,
          baseOffset: offset,
          endOffset,
          maxTimestamp,
          leaderEpoch: epochOf(commit),
        });
        offset = endOffset;
      }
      position += run.bytes;
    }
  }
  return located;
}

/** Where a page lies to what is looked for; the search halves the pages between. */
export type PageVerdict = 'before' | 'here' | 'after';

/** Is the slot's offset in this page, in one before it, or after it? */
export function pageForOffset(page: Page, slot: number, offset: number): PageVerdict {
  if (offset < (page.bases[slot] as number)) return 'before';
  return offset < pageEnd(page, slot) ? 'here' : 'after';
}

/**
 * Is the slot's first record at or after the time in this page? The running maximum reaches the time here or earlier;
 * it is here if no commit before the page reached it.
 */
export function pageForTimestamp(page: Page, slot: number, timestampMs: number): 'at-or-before' | 'after' {
  return (page.maxTimestamps[slot] as number) >= timestampMs ? 'at-or-before' : 'after';
}
