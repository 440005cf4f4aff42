/** A ledger's pages and tail: that they are there, follow each other and name objects that are there. */
import type { Attributes } from '../../kernel/items.ts';
import { checkLimits } from '../../kernel/limits/check.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { headKey, ledgerKey } from '../../log/ledger/head.ts';
import { decodePage, type Page, pageKey, pageSortKey } from '../../log/ledger/page.ts';
import { checkCommit, named, type PlacedCommit, placed, readable } from './check-commit.ts';
import type { CheckContext } from './context.ts';
import { type Affected, type Finding, finding } from './finding.ts';
import type { LedgerInView } from './ledger-in-view.ts';
import {
  type Border,
  borderAfter,
  FIRST_BORDER,
  offsetGaps,
  type SlotGap,
  slowSlots,
  tailStarts,
} from './page-order.ts';
import { decoded } from './unreadable.ts';

/** The pages `from` … `to` − 1, and what the next page, or the tail, is to go on from. */
export interface CheckedPages {
  findings: Finding[];
  border: Border;
}

/** `from` is at or above the head's `retired`. */
export async function checkPages(
  context: CheckContext,
  view: LedgerInView,
  { from, to }: { from: number; to: number },
): Promise<CheckedPages> {
  const { head, topic, ledger } = view;
  const findings: Finding[] = [];
  const items = await readPages(context, view, { from: Math.max(from - 1, head.retired), to });
  let border = borderBefore(items, from, head.retired);
  let missing: number[] = [];
  const reportMissing = (bases: readonly number[]) => {
    for (const number of missing) findings.push(pageMissing(view, number, border, bases));
    if (missing.length > 0) border = { newest: border.newest };
    missing = [];
  };
  for (let number = from; number < to; number++) {
    context.counts.pages++;
    const attributes = items.get(number);
    if (attributes === undefined) {
      missing.push(number);
      continue;
    }
    const item = pageKey(ledger, number);
    const { value: page, reason } = decoded(() => decodePage(number, attributes));
    if (page === undefined) {
      findings.push(
        finding('item-unreadable', { topic: topic.name, item }, `The page ${number} cannot be read: ${reason}.`),
      );
      border = {};
      continue;
    }
    reportMissing(page.bases);
    for (const gap of offsetGaps(border, page.bases)) findings.push(offsetsDisagree(view, gap, `page ${number}`, item));
    for (const slot of slowSlots(border, page)) findings.push(timesDisagree(view, slot, number));
    findings.push(
      ...(await checkCommits(
        context,
        view,
        placed(page.commits, page.bases, { merged: number < head.merged, sealed: true }),
      )),
    );
    border = borderAfter(page);
  }
  reportMissing(tailStarts(head));
  return { findings, border };
}

/** The tail, which goes on from there. */
export async function checkTail(context: CheckContext, view: LedgerInView, border: Border): Promise<Finding[]> {
  const { head, ledger } = view;
  const starts = tailStarts(head);
  const gaps = offsetGaps(border, starts).map((gap) => offsetsDisagree(view, gap, 'the tail', headKey(ledger)));
  return [...gaps, ...(await checkCommits(context, view, placed(head.tail, starts, { merged: false, sealed: false })))];
}

async function checkCommits(
  context: CheckContext,
  view: LedgerInView,
  commits: readonly PlacedCommit[],
): Promise<Finding[]> {
  const found = await mapBounded(commits, checkLimits.checkLooksInFlightMax, (place) =>
    checkCommit(context, view, place),
  );
  return found.flat();
}

async function readPages(
  { broker }: CheckContext,
  { ledger }: LedgerInView,
  { from, to }: { from: number; to: number },
): Promise<Map<number, Attributes>> {
  const items = new Map<number, Attributes>();
  let start: string | undefined = pageSortKey(from);
  while (start !== undefined) {
    const page = await broker.metadata.query({
      pk: ledgerKey(ledger),
      from: start,
      to: pageSortKey(to),
      limit: checkLimits.checkPagesPerStep,
      consistency: 'strong',
    });
    for (const { key, attributes } of page.items) items.set(Number(key.sk.slice(key.sk.indexOf('#') + 1)), attributes);
    start = page.next;
  }
  return items;
}

function borderBefore(items: ReadonlyMap<number, Attributes>, from: number, retired: number): Border {
  if (from === 0) return FIRST_BORDER;
  const before = from > retired ? items.get(from - 1) : undefined;
  // A page that is missing or cannot be read was reported with those before it.
  const page: Page | undefined = before && decoded(() => decodePage(from - 1, before)).value;
  return page === undefined ? {} : borderAfter(page);
}

function pageMissing(view: LedgerInView, number: number, { ends }: Border, bases: readonly number[]): Finding {
  const { topic, ledger, head } = view;
  const affected = bases.flatMap((to, slot) => {
    const from = ends?.[slot] ?? head.start[slot] ?? 0;
    return readable(head, slot, { partition: view.partitionOf(slot), from, to });
  });
  const place = { topic: topic.name, affected, item: pageKey(ledger, number) };
  return finding(
    'page-missing',
    place,
    `The page ${number} is missing${named(affected)}.`,
    number < head.merged ? 'conflict' : undefined,
  );
}

function offsetsDisagree(
  view: LedgerInView,
  { slot, expected, found }: SlotGap,
  what: string,
  item: Finding['item'],
): Finding {
  const partition = view.partitionOf(slot);
  const affected: Affected[] = [{ partition, from: Math.min(expected, found), to: Math.max(expected, found) }];
  return finding(
    'offsets-disagree',
    { topic: view.topic.name, affected, ...(item && { item }) },
    `In partition ${partition}, ${what} begins at offset ${found}, and what is before it ends at ${expected}.`,
  );
}

function timesDisagree(view: LedgerInView, slot: number, number: number): Finding {
  const partition = view.partitionOf(slot);
  return finding(
    'times-disagree',
    { topic: view.topic.name, item: pageKey(view.ledger, number) },
    `In partition ${partition}, the newest timestamp up to page ${number} is below that of an earlier record: looking for times may miss records.`,
  );
}
