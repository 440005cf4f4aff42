/**
 * The sequences of producers as the append path meets them: what is let in, what was changed, and where duplicates are.
 */
import { isExpired, type ProducerState, unpackProducer } from '../../coordination/producers/producer-state.ts';
import { judge, type Place, type Sequences } from '../../coordination/producers/sequences.ts';
import { assert } from '../../kernel/assert.ts';
import { withEffect } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes } from '../../kernel/items.ts';
import { ledgerLimits } from '../../kernel/limits/ledger.ts';
import { type AppendPlan, type BaseOffsets, isRecent, offsetsInPage, offsetsInTail } from '../../log/ledger/append.ts';
import { idOf } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { decodeProducerItem, planProducerItem } from '../../log/ledger/producer-item.ts';
import { type Admission, admit, type Excluded, tooOld } from './admit.ts';
import type { CommitPlace, Coverage } from './coverage.ts';
import { type AppenderParts, goneError } from './parts.ts';
import { ProducerItems } from './producer-items.ts';
import type { ProducerSequence, Unit } from './unit.ts';

/**
 * A commit that was planned with so many seals in sight was applied K seals later at most, and is in the page of that
 * number or, where that page was being made already, in the next one.
 */
const PAGES_AFTER_SEEN = ledgerLimits.sealsRemembered + 1;

interface DeskParts {
  coverage: Coverage;
  /** Takes what was a duplicate of records that an election has cut off. */
  appendAgain: (unit: Unit) => void;
}

export class ProducerDesk {
  private readonly parts: AppenderParts;
  private readonly coverage: Coverage;
  private readonly appendAgain: DeskParts['appendAgain'];
  private readonly items: ProducerItems;

  constructor(parts: AppenderParts, { coverage, appendAgain }: DeskParts) {
    this.parts = parts;
    this.coverage = coverage;
    this.appendAgain = appendAgain;
    this.items = new ProducerItems(parts);
  }

  /** Decides by `head`, and by the items of producers that are not in it: as last seen, or `strong`ly read. */
  async admit(
    { ledger, commit, seen }: AppendPlan,
    units: readonly Unit[],
    head: LedgerHead,
    reading: 'known' | 'strong' = 'known',
  ): Promise<Admission> {
    const absent = new Set<string>();
    for (const { sequence } of units) {
      if (sequence !== undefined && !head.producers.has(sequence.producer)) absent.add(sequence.producer);
    }
    const items = new Map<string, Uint8Array>();
    const read = async (key: string) => {
      const packed = reading === 'strong' ? await this.items.strong(ledger, key) : await this.items.known(ledger, key);
      if (packed !== undefined) items.set(key, packed);
    };
    // At most `producersPerCommitMax`.
    await Promise.all([...absent].map(read));
    return admit({
      units,
      head,
      items,
      cutOff: await this.cutOffIn(ledger, items, head),
      commitId: idOf(commit),
      seen,
      nowMs: this.parts.clock.now(),
      expirationMs: this.parts.producerIdExpirationMs,
      offsetsInPages: (id, from) => this.offsetsInKnownPages(ledger, id, from),
    });
  }

  /** What the newest known head has of the producer in the partition; `undefined` where it has nothing. */
  peek(ledger: LedgerId, slot: number, producer: string): Sequences | undefined {
    const packed = this.parts.heads.peek(ledger)?.producers.get(producer);
    return packed && this.sequencesIn(packed, slot);
  }

  /** What is known of the producer in the partition, wherever it is. */
  async look(
    ledger: LedgerId,
    slot: number,
    producer: string,
    reading: 'known' | 'strong',
  ): Promise<Sequences | undefined> {
    const { heads } = this.parts;
    const head = await (reading === 'known' ? heads.known(ledger) : heads.strong(ledger));
    const inHead = head?.producers.get(producer);
    if (inHead !== undefined) return this.sequencesIn(inHead, slot);
    const inItem = await this.items[reading](ledger, producer);
    return inItem && this.sequencesIn(inItem, slot);
  }

  private sequencesIn(packed: Uint8Array, slot: number): Sequences | undefined {
    const { lastMs, slots } = unpackProducer(packed);
    return isExpired(lastMs, this.parts.clock.now(), this.parts.producerIdExpirationMs) ? undefined : slots.get(slot);
  }

  /** The plan's append was applied, and with it its items. */
  applied({ ledger, producers = [] }: AppendPlan): void {
    for (const { key, item } of producers) this.items.note(ledger, key, item.after);
  }

  /** The plan's write of this number, one of its items, found `item`. */
  found({ ledger, producers = [] }: AppendPlan, index: number, item: Attributes | undefined): void {
    const change = producers.filter((one) => planProducerItem(ledger, one) !== undefined)[index - 1];
    assert(change !== undefined, 'a refused write is one of the plan');
    this.items.note(ledger, change.key, item && decodeProducerItem(item));
  }

  /** Answers a unit that is not to be written. Never rejects. */
  async answer(excluded: Excluded, head: LedgerHead): Promise<void> {
    const { unit, sequence } = excluded;
    if (excluded.reason === 'refused') return this.refuse(unit, excluded);
    try {
      const baseOffset = await this.offsetOf(excluded, head);
      if (baseOffset === undefined) return unit.reject(tooOld(sequence.firstSequence));
      this.coverage.answer(unit, { baseOffset, duplicate: true }, commitOf(excluded.place), this.appendAgain);
    } catch (error) {
      // That it cannot be said where they are does not mean that they are nowhere.
      unit.reject(withEffect(error, 'unknown'));
    }
  }

  private refuse(unit: Unit, { error, behind }: Extract<Excluded, { reason: 'refused' }>): void {
    const commit = behind && commitOf(behind);
    if (commit === undefined) return unit.reject(error);
    // An election may still cut off what it is behind.
    const refused = { ...unit, resolve: () => unit.reject(error) };
    const nowhere = { baseOffset: -1, duplicate: true };
    this.coverage.answer(refused, nowhere, commit, () => this.appendAgain(unit));
  }

  /** `undefined`: it is in the log, and nobody knows where any more. */
  private async offsetOf(
    { unit, sequence, place }: Extract<Excluded, { reason: 'duplicate' }>,
    head: LedgerHead,
  ): Promise<number | undefined> {
    if (place.at === 'offset') return place.offset;
    const { ledger, slot } = unit;
    let offsets = offsetsInTail(head, place.id);
    if (offsets === undefined) {
      const newest = await this.parts.heads.strong(ledger);
      if (newest === undefined) throw goneError();
      offsets = offsetsInTail(newest, place.id) ?? (await this.offsetsInPages(ledger, place, newest));
      // Its page may be gone since this was known of it: the offset took the commit's place then.
      if (offsets === undefined && place.seen < newest.retired) return this.offsetInPlace(unit, sequence);
    }
    const base = offsets?.get(slot);
    return base === undefined ? undefined : base + place.before;
  }

  private async offsetInPlace({ ledger, slot, run }: Unit, sequence: ProducerSequence): Promise<number | undefined> {
    const { producer, epoch, firstSequence } = sequence;
    const known = await this.look(ledger, slot, producer, 'strong');
    const verdict = judge(known, { epoch, firstSequence, records: run.records });
    return verdict.verdict === 'duplicate' && verdict.place.at === 'offset' ? verdict.place.offset : undefined;
  }

  private async offsetsInPages(
    ledger: LedgerId,
    { id, seen }: { id: Uint8Array; seen: number },
    { sealed, retired }: LedgerHead,
  ): Promise<BaseOffsets | undefined> {
    const end = Math.min(sealed, seen + PAGES_AFTER_SEEN + 1);
    for (let sequence = Math.max(seen, retired); sequence < end; sequence++) {
      const found = offsetsInPage(await this.parts.pages.get(ledger, sequence), id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /**
   * Ids of commits that producers' own items name and an election has cut off: those in the head lose them in the
   * election, these are found out when they are looked at. A commit is applied with the item that names it, so what a
   * head read after the item has not, nor a page, is gone for good.
   */
  private async cutOffIn(
    ledger: LedgerId,
    items: ReadonlyMap<string, Uint8Array>,
    known: LedgerHead,
  ): Promise<Uint8Array[]> {
    if (items.size === 0 || known.replication === undefined) return [];
    const places = [...items.values()].flatMap((packed) => commitsIn(unpackProducer(packed)));
    const missing = places.filter(({ id, seen }) => !this.isKnownIn(ledger, known, { id, seen }));
    if (missing.length === 0) return [];
    const head = await this.parts.heads.strong(ledger);
    if (head === undefined) throw goneError();
    if (head.epoch === 0) return [];
    const cutOff: Uint8Array[] = [];
    for (const place of missing) {
      // What may have been in a page that is gone was covered by then: it stays, and nobody knows where it is any more.
      if (isRecent(head, place.id) || place.seen < head.retired) continue;
      if ((await this.offsetsInPages(ledger, place, head)) === undefined) cutOff.push(place.id);
    }
    return cutOff;
  }

  private isKnownIn(ledger: LedgerId, head: LedgerHead, { id, seen }: { id: Uint8Array; seen: number }): boolean {
    return isRecent(head, id) || this.offsetsInKnownPages(ledger, id, seen) !== undefined;
  }

  /** Without reading anything. */
  private offsetsInKnownPages(ledger: LedgerId, id: Uint8Array, seen: number): BaseOffsets | undefined {
    for (let sequence = seen; sequence <= seen + PAGES_AFTER_SEEN; sequence++) {
      const page = this.parts.pages.peek(ledger, sequence);
      const found = page && offsetsInPage(page, id);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** `undefined` where it is known to be below the high watermark. */
function commitOf(place: Place): CommitPlace | undefined {
  return place.at === 'commit' ? place : undefined;
}

function commitsIn({ slots }: ProducerState): { id: Uint8Array; seen: number }[] {
  const places = [...slots.values()].flatMap(({ batches }) => batches.map(({ place }) => place));
  return places.filter((place) => place.at === 'commit');
}
