/**
 * Whether pages follow each other, as pure rules: each begins where the one before it ends, for every slot, and the
 * running newest timestamps never go down and are at least those of the page's own records. Readers find offsets and
 * times by halving pages, and rely on both.
 */
import { topicLimits } from '../../kernel/limits/topics.ts';
import { type LedgerHead, tailStart } from '../../log/ledger/head.ts';
import { type Page, pageEnd } from '../../log/ledger/page.ts';

const SLOTS = Array.from({ length: topicLimits.partitionsPerLedgerMax }, (_, slot) => slot);

/** What the next page must go on from; absent numbers are not known. */
export interface Border {
  /** By slot. */
  ends?: readonly number[];
  newest?: readonly number[];
}

/** Where a ledger begins. */
export const FIRST_BORDER: Border = { ends: SLOTS.map(() => 0), newest: SLOTS.map(() => -1) };

export function borderAfter(page: Page): Border {
  return { ends: SLOTS.map((slot) => pageEnd(page, slot)), newest: page.maxTimestamps };
}

/** The offset at which the tail begins, by slot. */
export function tailStarts(head: LedgerHead): number[] {
  return SLOTS.map((slot) => tailStart(head, slot));
}

export interface SlotGap {
  slot: number;
  /** Where it should begin, and where it does. */
  expected: number;
  found: number;
}

export function offsetGaps({ ends }: Border, bases: readonly number[]): SlotGap[] {
  if (ends === undefined) return [];
  return SLOTS.flatMap((slot) => {
    const [expected, found] = [ends[slot] as number, bases[slot] as number];
    return expected === found ? [] : [{ slot, expected, found }];
  });
}

/** The slots whose running newest timestamp is below that of an earlier page, or of a record of its own. */
export function slowSlots({ newest }: Border, page: Page): number[] {
  return SLOTS.filter((slot) => {
    const said = page.maxTimestamps[slot] as number;
    if (newest !== undefined && said < (newest[slot] as number)) return true;
    return page.commits.some(({ runs }) => runs.some((run) => run.slot === slot && run.maxTimestamp > said));
  });
}
