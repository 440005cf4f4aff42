/** What retention keeps or lets go as a whole: a merged segment, what a page has of a partition, or the tail. */
import type { Commit } from '../ledger/commit.ts';
import { type LedgerHead, tailStart } from '../ledger/head.ts';
import { type Page, pageEnd } from '../ledger/page.ts';
import type { SegmentItem } from '../merged/segment-item.ts';

export interface LogPiece {
  base: number;
  /** One past its last offset. */
  end: number;
  bytes: number;
  /**
   * The newest timestamp of its records. Of those that carry none, as of files in Kafka, when they were stored: never
   * earlier than they were written.
   */
  newestMs: number;
}

export function segmentPiece({ base, end, bytes, newestMs, object }: SegmentItem): LogPiece {
  return { base, end, bytes, newestMs: newestMs ?? object.birthMs };
}

/** `undefined`: the page has nothing of the slot. */
export function pagePiece(page: Page, slot: number): LogPiece | undefined {
  return pieceOf(page.commits, slot, page.bases[slot] as number, pageEnd(page, slot));
}

/** `undefined`: the tail has nothing of the slot. */
export function tailPiece(head: LedgerHead, slot: number): LogPiece | undefined {
  return pieceOf(head.tail, slot, tailStart(head, slot), head.next[slot] as number);
}

function pieceOf(commits: readonly Commit[], slot: number, base: number, end: number): LogPiece | undefined {
  if (base === end) return undefined;
  let bytes = 0;
  let newestMs = 0;
  for (const { object, runs } of commits) {
    const run = runs.find((one) => one.slot === slot);
    if (run === undefined) continue;
    bytes += run.bytes;
    newestMs = Math.max(newestMs, run.maxTimestamp < 0 ? object.birthMs : run.maxTimestamp);
  }
  return { base, end, bytes, newestMs };
}
