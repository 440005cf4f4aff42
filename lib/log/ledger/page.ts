/**
 * A page: commits moved out of the head's tail, with the offsets they got. Immutable.
 *
 * Key: `ledger#<topicId>#<index>` / `page#<sequence as 12 digits>`. Attributes:
 *
 *     c   bytes   the packed commits one after the other, each behind its length as a varint, oldest first
 *     o   bytes   for each of the 16 slots: varint offset at which the page begins | varint (0 = none yet, else
 *                 1 + the newest timestamp (ms) of the slot in this page and all before it)
 *     e   number  leader epoch of its commits, where they do not say it themselves
 *     g   number  replicated ledgers only: the number of its first commit, counted from the ledger's first
 *
 * The running newest timestamp never goes down from page to page, so the first record at or after a time is found by
 * binary search, as an offset is.
 */

import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter } from '../../kernel/bytes.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, ItemKey } from '../../kernel/items.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { type Commit, packCommit, unpackCommit } from './commit.ts';
import { ledgerKey, recordsOf } from './head.ts';

export interface Page {
  sequence: number;
  epoch: number;
  /** Per slot, the offset at which the page begins. */
  bases: readonly number[];
  /** Per slot, the newest timestamp in this page and all before it; −1 where there is none. */
  maxTimestamps: readonly number[];
  commits: readonly Commit[];
  /** Of a replicated ledger: the number of the first commit. */
  firstCommit?: number;
}

const SLOTS = topicLimits.partitionsPerLedgerMax;
const PREFIX = 'page#';
const DIGITS = 12;

export function pageKey(ledger: LedgerId, sequence: number): ItemKey {
  return { pk: ledgerKey(ledger), sk: pageSortKey(sequence) };
}

export function pageSortKey(sequence: number): string {
  assert(Number.isSafeInteger(sequence) && sequence >= 0 && sequence < 10 ** DIGITS, `page ${sequence}`);
  return PREFIX + String(sequence).padStart(DIGITS, '0');
}

/** Sorts after every page: the end of a query for pages. */
export const PAGES_END = 'page$';
export const PAGES_START = PREFIX;

export function encodePage(page: Page): Attributes {
  const commits = new ByteWriter(1024);
  for (const commit of page.commits) {
    const packed = packCommit(commit);
    commits.unsignedVarint(packed.length).bytes(packed);
  }
  const slots = new ByteWriter(128);
  for (let slot = 0; slot < SLOTS; slot++) {
    slots.unsignedVarint(page.bases[slot] as number).unsignedVarint((page.maxTimestamps[slot] as number) + 1);
  }
  const attributes: Attributes = { c: commits.finish(), o: slots.finish(), e: page.epoch };
  if (page.firstCommit !== undefined) attributes['g'] = page.firstCommit;
  return attributes;
}

export function isPageKey({ sk }: ItemKey): boolean {
  return sk.startsWith(PREFIX);
}

/** The number of the page with this key. */
export function pageSequence({ sk }: ItemKey): number {
  return Number(sk.slice(PREFIX.length));
}

export function decodePage(sequence: number, attributes: Attributes): Page {
  const { c, o, e, g } = attributes;
  assert(
    c instanceof Uint8Array && o instanceof Uint8Array && typeof e === 'number',
    `page ${sequence} has c, o and e`,
  );
  const commits: Commit[] = [];
  for (const reader = new ByteReader(c); reader.remaining > 0; ) {
    commits.push(unpackCommit(reader.bytes(reader.unsignedVarint())));
  }
  const reader = new ByteReader(o);
  const bases: number[] = [];
  const maxTimestamps: number[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    bases.push(reader.unsignedVarint());
    maxTimestamps.push(reader.unsignedVarint() - 1);
  }
  const page = { sequence, epoch: e, bases, maxTimestamps, commits };
  return typeof g === 'number' ? { ...page, firstCommit: g } : page;
}

/** The offset at which the page ends for a slot. */
export function pageEnd(page: Page, slot: number): number {
  let offset = page.bases[slot] as number;
  for (const commit of page.commits) offset += recordsOf(commit, slot);
  return offset;
}
