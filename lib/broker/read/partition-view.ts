/**
 * One partition as one head shows it: where its offsets and times are, in merged segments, in pages and in the tail.
 *
 * Segments up to where the first page that is not merged begins, pages from there to the head's `sealed`, and the
 * head's tail together are the whole partition at the moment of the head. Pages and tail are immutable, and segments
 * change only into others of the same records, so a view stays right while the partition goes on growing, but for what
 * is deleted: who misses something takes a newer view (`withNewerView`). An entry for a bundle is read into the runs of
 * the bundle's commits.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import { isBundle } from '../../log/ledger/bundle.ts';
import { type LedgerHead, tailStart } from '../../log/ledger/head.ts';
import { type LocatedRun, pageForOffset, pageForTimestamp, runsInPage, unbundled } from '../../log/ledger/locate.ts';
import type { Page } from '../../log/ledger/page.ts';
import type { PageCache } from '../ledger/page-cache.ts';
import { highWatermark } from '../ledger/replicated.ts';
import type { Extent, SegmentPlace, SegmentReader } from './segment-reader.ts';
import { readOrder, visibleInTail } from './visible.ts';

export interface PlacedRun {
  run: LocatedRun;
  among: 'tail' | 'history';
}

export interface PlacedExtent {
  extent: Extent;
  among: 'segments';
}

/** What is read at once: a run of batches, or an extent of a merged segment. */
export type Placed = PlacedRun | PlacedExtent;

export function baseOf(placed: Placed): number {
  return placed.among === 'segments' ? placed.extent.baseOffset : placed.run.baseOffset;
}

/** One past the last offset that it covers. */
export function endOf(placed: Placed): number {
  return placed.among === 'segments' ? placed.extent.endOffset : placed.run.endOffset;
}

export function bytesOf(placed: Placed): number {
  return placed.among === 'segments' ? placed.extent.bytes : placed.run.bytes;
}

export interface ViewParts {
  ledger: LedgerId;
  slot: number;
  partition: number;
  head: LedgerHead;
  pages: PageCache;
  segments: SegmentReader;
}

export class PartitionView {
  readonly head: LedgerHead;
  readonly ledger: LedgerId;
  readonly slot: number;
  readonly partition: number;
  private readonly pages: PageCache;
  private readonly segments: SegmentReader;

  constructor(parts: ViewParts) {
    this.ledger = parts.ledger;
    this.slot = parts.slot;
    this.partition = parts.partition;
    this.head = parts.head;
    this.pages = parts.pages;
    this.segments = parts.segments;
  }

  get logStart(): number {
    return this.head.start[this.slot] as number;
  }

  get highWatermark(): number {
    return highWatermark(this.head, this.slot);
  }

  /** From the one that covers `offset` on, in order. `offset` must lie between log start and high watermark. */
  async *from(offset: number): AsyncGenerator<Placed> {
    const mergedEnd = await this.mergedEnd();
    let at = Math.max(offset, mergedEnd);
    if (offset < mergedEnd) {
      for await (const placed of this.inSegments(offset, mergedEnd)) {
        yield placed;
        // The last segment reaches beyond where more was merged since this head.
        at = Math.max(at, placed.extent.endOffset);
      }
    }
    yield* this.runsFrom(at);
  }

  /**
   * Those that may hold a record at or after the time, in order, without those that end below the log start. The first
   * that does is mostly the first given; it is a later one where the newest timestamps were below the log start.
   */
  async *since(timestampMs: number): AsyncGenerator<Placed> {
    const mergedEnd = await this.mergedEnd();
    if (this.logStart < mergedEnd) yield* this.inSegmentsSince(timestampMs, mergedEnd);
    yield* this.runsSince(timestampMs);
  }

  /**
   * The newest timestamp of what is stored last, 0 where nothing is: where to begin to look for the newest of all. It
   * may be of a record below the log start.
   */
  async newestNearEnd(): Promise<number> {
    const tail = visibleInTail(this.head, this.slot);
    if (tail.length > 0) return newestOf(tail);
    const { merged, sealed } = this.head;
    const runs = sealed > merged ? runsInPage(await this.pages.get(this.ledger, sealed - 1), this.slot) : [];
    if (runs.length > 0) return newestOf(runs);
    const mergedEnd = await this.mergedEnd();
    if (mergedEnd <= this.logStart) return 0;
    return (await this.segments.covering(this.place, mergedEnd - 1)).newestMs ?? 0;
  }

  /** Below are segments, from there on pages and the tail. */
  private async mergedEnd(): Promise<number> {
    const { merged, sealed } = this.head;
    if (merged === 0) return 0;
    if (merged === sealed) return tailStart(this.head, this.slot);
    return (await this.pages.get(this.ledger, merged)).bases[this.slot] as number;
  }

  private async *inSegments(from: number, to: number): AsyncGenerator<PlacedExtent> {
    for (let offset = from; offset < to; ) {
      const segment = await this.segments.covering(this.place, offset);
      for (const extent of await this.segments.extents(segment, readOrder(this.head, undefined))) {
        if (extent.endOffset > offset) yield { extent, among: 'segments' };
      }
      offset = segment.end;
    }
  }

  private async *inSegmentsSince(timestampMs: number, to: number): AsyncGenerator<PlacedExtent> {
    const first = await this.segments.since(this.place, { timestampMs, logStart: this.logStart, to });
    if (first === undefined) return;
    for await (const placed of this.inSegments(Math.max(first.base, this.logStart), to)) {
      if ((placed.extent.newestMs ?? -1) >= timestampMs) yield placed;
    }
  }

  private get place(): SegmentPlace {
    return { topicId: this.ledger.topicId, partition: this.partition };
  }

  private async *runsFrom(offset: number): AsyncGenerator<PlacedRun> {
    if (offset < tailStart(this.head, this.slot)) {
      for (let sequence = await this.pageOf(offset); sequence < this.head.sealed; sequence++) {
        const page = await this.pages.get(this.ledger, sequence);
        yield* this.wantedFrom(runsInPage(page, this.slot), 'history', offset);
      }
    }
    yield* this.wantedFrom(visibleInTail(this.head, this.slot), 'tail', offset);
  }

  private async *runsSince(timestampMs: number): AsyncGenerator<PlacedRun> {
    const reached = await this.search((page) =>
      pageForTimestamp(page, this.slot, timestampMs) === 'after' ? 'after' : 'at-or-before',
    );
    for (let sequence = reached; sequence < this.head.sealed; sequence++) {
      const page = await this.pages.get(this.ledger, sequence);
      yield* this.wantedSince(runsInPage(page, this.slot), 'history', timestampMs);
    }
    yield* this.wantedSince(visibleInTail(this.head, this.slot), 'tail', timestampMs);
  }

  private async pageOf(offset: number): Promise<number> {
    const sequence = await this.search((page) =>
      pageForOffset(page, this.slot, offset) === 'after' ? 'after' : 'at-or-before',
    );
    if (sequence === this.head.sealed) {
      throw new MillraceError('KAFKA_STORAGE_ERROR', `Offset ${offset} is in the log and was not found; try again.`);
    }
    return sequence;
  }

  private async *wantedFrom(
    runs: readonly LocatedRun[],
    among: PlacedRun['among'],
    offset: number,
  ): AsyncGenerator<PlacedRun> {
    const wanted = (run: LocatedRun) => run.endOffset > offset;
    for await (const run of this.unbundle(runs, wanted)) yield { run, among };
  }

  private async *wantedSince(
    runs: readonly LocatedRun[],
    among: PlacedRun['among'],
    timestampMs: number,
  ): AsyncGenerator<PlacedRun> {
    const wanted = (run: LocatedRun) => run.maxTimestamp >= timestampMs && run.endOffset > this.logStart;
    for await (const run of this.unbundle(runs, wanted)) yield { run, among };
  }

  /** The wanted runs, where what is wanted of a bundle's commits is wanted of the bundle's run. */
  private async *unbundle(
    runs: readonly LocatedRun[],
    wanted: (run: LocatedRun) => boolean,
  ): AsyncGenerator<LocatedRun> {
    for (const run of runs.filter(wanted)) {
      if (isBundle(run.commit)) yield* unbundled(run, await this.pages.bundle(this.ledger, run.commit)).filter(wanted);
      else yield run;
    }
  }

  /** The first page that is not before what is looked for; `sealed` where all are. Halves the pages between. */
  private async search(verdict: (page: Page) => 'after' | 'at-or-before'): Promise<number> {
    let low = this.head.merged;
    let high = this.head.sealed;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const page = await this.pages.get(this.ledger, middle);
      if (verdict(page) === 'after') low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function newestOf(runs: readonly LocatedRun[]): number {
  return runs.reduce((newest, { maxTimestamp }) => Math.max(newest, maxTimestamp), 0);
}

/** An offset that the view shows to be outside the partition; the view must be of a strongly read head. */
export function outOfRange(offset: number, view: PartitionView): MillraceError {
  const { logStart: logStartOffset, highWatermark } = view;
  const detail = `Offset ${offset} is not between the log start ${logStartOffset} and the high watermark ${highWatermark}.`;
  return new MillraceError('OFFSET_OUT_OF_RANGE', detail, { facts: { logStartOffset, highWatermark } });
}
