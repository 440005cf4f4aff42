/**
 * Retention of one ledger: moves the log starts of its partitions beyond what is too old, or too much, with one write.
 *
 * By age each piece is looked at once, when it goes: a walk begins at the log start and ends at the first piece that
 * stays. By size the walk begins at the end and goes back over all that stays, where a topic has `retention.bytes` and
 * its ledger ever took that many: an item of about 100 bytes a segment, and as many pages as are not merged yet. Either
 * is bounded; what a walk by age has come to is kept, so that the next one goes on there.
 */
import type { LedgerId } from '../../kernel/ids.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { type LedgerHead, tailStart } from '../../log/ledger/head.ts';
import { pageForOffset } from '../../log/ledger/locate.ts';
import { type AgeProgress, passByAge } from '../../log/retention/by-age.ts';
import { type SizeProgress, weigh } from '../../log/retention/by-size.ts';
import { type LogPiece, pagePiece, segmentPiece, tailPiece } from '../../log/retention/piece.ts';
import { retentionRules } from '../../log/retention/rules.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { highWatermark } from '../ledger/replicated.ts';
import { pagesBack, pagesFrom, segmentsBack, segmentsFrom } from './ledger-pieces.ts';
import { raiseLogStarts } from './raise-log-starts.ts';

/** A partition whose log start was moved. */
export interface MovedStart {
  partition: number;
  from: number;
  to: number;
}

/** One partition of the ledger that has records. */
interface Slot {
  slot: number;
  partition: number;
  start: number;
  highWatermark: number;
  /** Below it offsets are in segments, … */
  mergedEnd: number;
  /** … from here on they are in the tail, and between the two in pages. */
  tailStart: number;
}

interface Ledger {
  broker: Broker;
  topic: Topic;
  ledger: LedgerId;
  head: LedgerHead;
}

export async function retainLedger(broker: Broker, topic: Topic, ledger: LedgerId): Promise<MovedStart[]> {
  const rules = retentionRules(topic.config);
  if (rules === undefined) return [];
  const head = await broker.heads.strong(ledger);
  if (head === undefined) return [];
  const looked: Ledger = { broker, topic, ledger, head };
  const slots = await slotsWithRecords(looked);
  const starts = new Map<number, number>();
  const note = (slot: number, start: number) => starts.set(slot, Math.max(start, starts.get(slot) ?? 0));
  const { retentionMs, retentionBytes } = rules;
  if (retentionMs !== undefined) {
    for (const [slot, { reached }] of await byAge(looked, slots, retentionMs)) note(slot, reached);
  }
  // Of the whole ledger, ever: no partition can have more.
  if (retentionBytes !== undefined && head.bytes > retentionBytes) {
    for (const [slot, { reached, enough }] of await bySize(looked, slots, retentionBytes)) {
      if (enough) note(slot, reached);
    }
  }
  const raised = await raiseLogStarts(broker, { ledger, seen: head, starts });
  if (raised === undefined) return [];
  return slots.flatMap(({ slot, partition, start: from }) => {
    const to = starts.get(slot) ?? from;
    return to > from ? [{ partition, from, to }] : [];
  });
}

async function slotsWithRecords({ broker, topic, ledger, head }: Ledger): Promise<Slot[]> {
  const firstPage = head.merged < head.sealed ? await broker.pages.get(ledger, head.merged) : undefined;
  return head.next.flatMap((next, slot) => {
    const start = head.start[slot] as number;
    if (start >= next) return [];
    const tail = tailStart(head, slot);
    return {
      slot,
      partition: ledger.index * topic.ledgerPartitions + slot,
      start,
      highWatermark: highWatermark(head, slot),
      mergedEnd: firstPage?.bases[slot] ?? tail,
      tailStart: tail,
    };
  });
}

/** How far what is too old reaches, by slot. */
async function byAge(looked: Ledger, slots: readonly Slot[], retentionMs: number): Promise<Map<number, AgeProgress>> {
  const { broker, topic, head } = looked;
  const nowMs = broker.clock.now();
  const progress = new Map(
    slots.map(({ slot, start }): [number, AgeProgress] => [slot, { reached: start, ended: false }]),
  );
  const pass = (one: Slot, piece: LogPiece | undefined): AgeProgress => {
    const bounds = { retentionMs, nowMs, highWatermark: one.highWatermark };
    const passed = passByAge(progress.get(one.slot) as AgeProgress, piece === undefined ? [] : [piece], bounds);
    progress.set(one.slot, passed);
    return passed;
  };
  const merged = slots.filter(({ start, mergedEnd }) => start < mergedEnd);
  await mapBounded(merged, storageLimits.storageFanOutMax, async (one) => {
    const place = { topicId: topic.topicId, partition: one.partition };
    for await (const segment of segmentsFrom(broker.metadata, place, one.start)) {
      const { reached, ended } = pass(one, segmentPiece(segment));
      if (ended || reached >= one.mergedEnd) break;
    }
  });
  await passPages(looked, slots, { progress, pass });
  for (const one of slots) pass(one, tailPiece(head, one.slot));
  return progress;
}

interface Passing {
  progress: ReadonlyMap<number, AgeProgress>;
  pass: (one: Slot, piece: LogPiece | undefined) => AgeProgress;
}

/** All slots together, from the page on with which the first of them begins. */
async function passPages(looked: Ledger, slots: readonly Slot[], { progress, pass }: Passing): Promise<void> {
  const { broker, ledger, head } = looked;
  const isOpen = ({ slot, tailStart: end }: Slot) => {
    const { reached, ended } = progress.get(slot) as AgeProgress;
    return !ended && reached < end;
  };
  const open = slots.filter(isOpen);
  const firsts = await mapBounded(open, storageLimits.storageFanOutMax, (one) =>
    firstPageOf(looked, one.slot, (progress.get(one.slot) as AgeProgress).reached),
  );
  // One that is held up early must not make the others read what lies between again and again: they wait for their
  // page.
  const begins = new Map(open.map((one, index) => [one, firsts[index] as number]));
  while (begins.size > 0) {
    const from = Math.min(...begins.values());
    let last = from;
    for await (const page of pagesFrom(broker.metadata, ledger, { from, to: head.sealed })) {
      last = page.sequence;
      for (const one of begins.keys()) {
        pass(one, pagePiece(page, one.slot));
        if (!isOpen(one)) begins.delete(one);
      }
      if ([...begins.values()].every((first) => first > page.sequence)) break;
    }
    // The walk was as long as it may be: the rest is the next one's.
    for (const [one, first] of begins) if (first <= last) begins.delete(one);
  }
}

/** The page that has the slot's offset, which is in one. */
async function firstPageOf({ broker, ledger, head }: Ledger, slot: number, offset: number): Promise<number> {
  let [low, high] = [head.merged, head.sealed];
  // Mostly it is the first one; then it is looked at first.
  for (let middle = low; low < high; middle = (low + high) >>> 1) {
    if (pageForOffset(await broker.pages.get(ledger, middle), slot, offset) === 'after') low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where what is not too much begins, by slot. */
async function bySize(
  looked: Ledger,
  slots: readonly Slot[],
  retentionBytes: number,
): Promise<Map<number, SizeProgress>> {
  const { broker, topic, ledger, head } = looked;
  const progress = new Map(
    slots.map(({ slot }): [number, SizeProgress] => [
      slot,
      { bytes: 0, reached: head.next[slot] as number, enough: false },
    ]),
  );
  /** Whether there is more to weigh. */
  const take = (one: Slot, piece: LogPiece | undefined): boolean => {
    const bounds = { retentionBytes, highWatermark: one.highWatermark };
    const weighed = weigh(progress.get(one.slot) as SizeProgress, piece === undefined ? [] : [piece], bounds);
    progress.set(one.slot, weighed);
    return !weighed.enough && weighed.reached > one.start;
  };
  const open = new Set(slots.filter((one) => take(one, tailPiece(head, one.slot))));
  const inPages = new Set([...open].filter((one) => one.tailStart > one.mergedEnd));
  if (inPages.size > 0) {
    for await (const page of pagesBack(broker.metadata, ledger, { from: head.merged, to: head.sealed })) {
      for (const one of inPages) {
        const goesOn = take(one, pagePiece(page, one.slot));
        if (!goesOn) open.delete(one);
        if (!goesOn || (progress.get(one.slot) as SizeProgress).reached <= one.mergedEnd) inPages.delete(one);
      }
      if (inPages.size === 0) break;
    }
  }
  await mapBounded([...open], storageLimits.storageFanOutMax, async (one) => {
    if (one.start >= one.mergedEnd) return;
    const place = { topicId: topic.topicId, partition: one.partition };
    for await (const segment of segmentsBack(broker.metadata, place, one.mergedEnd)) {
      if (!take(one, segmentPiece(segment))) break;
    }
  });
  return progress;
}
