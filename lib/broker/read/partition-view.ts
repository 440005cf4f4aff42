/**
 * One partition as one head shows it: where its offsets and times are, in pages and in the tail.
 *
 * Pages below the head's `sealed` and the head's tail together are the whole partition at the moment of the head; each
 * part is immutable, so a view stays right while the partition goes on growing. An entry for a bundle is read into the
 * runs of the bundle's commits.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import { isBundle } from '../../log/ledger/bundle.ts';
import { type LedgerHead, tailStart } from '../../log/ledger/head.ts';
import { type LocatedRun, pageForOffset, pageForTimestamp, runsInPage, unbundled } from '../../log/ledger/locate.ts';
import type { Page } from '../../log/ledger/page.ts';
import type { PageCache } from '../ledger/page-cache.ts';
import { highWatermark } from '../ledger/replicated.ts';
import { visibleInTail } from './visible.ts';

export interface PlacedRun {
  run: LocatedRun;
  among: 'tail' | 'history';
}

export class PartitionView {
  readonly head: LedgerHead;
  readonly ledger: LedgerId;
  readonly slot: number;
  private readonly pages: PageCache;

  constructor(parts: { ledger: LedgerId; slot: number; head: LedgerHead; pages: PageCache }) {
    this.ledger = parts.ledger;
    this.slot = parts.slot;
    this.head = parts.head;
    this.pages = parts.pages;
  }

  get logStart(): number {
    return this.head.start[this.slot] as number;
  }

  get highWatermark(): number {
    return highWatermark(this.head, this.slot);
  }

  /** The runs from the one that holds `offset` on, in order. `offset` must lie between log start and high watermark. */
  async *runsFrom(offset: number): AsyncGenerator<PlacedRun> {
    if (offset < tailStart(this.head, this.slot)) {
      for (let sequence = await this.pageOf(offset); sequence < this.head.sealed; sequence++) {
        const page = await this.pages.get(this.ledger, sequence);
        yield* this.from(runsInPage(page, this.slot), 'history', offset);
      }
    }
    yield* this.from(visibleInTail(this.head, this.slot), 'tail', offset);
  }

  /**
   * The runs that may hold a record at or after the time, in order, without those that end below the log start. The
   * first that does is mostly the first given; it is a later one where the newest timestamps were below the log start.
   */
  async *runsSince(timestampMs: number): AsyncGenerator<PlacedRun> {
    const reached = await this.search((page) =>
      pageForTimestamp(page, this.slot, timestampMs) === 'after' ? 'after' : 'at-or-before',
    );
    for (let sequence = reached; sequence < this.head.sealed; sequence++) {
      const page = await this.pages.get(this.ledger, sequence);
      yield* this.since(runsInPage(page, this.slot), 'history', timestampMs);
    }
    yield* this.since(visibleInTail(this.head, this.slot), 'tail', timestampMs);
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

  private async *from(
    runs: readonly LocatedRun[],
    among: PlacedRun['among'],
    offset: number,
  ): AsyncGenerator<PlacedRun> {
    const wanted = (run: LocatedRun) => run.endOffset > offset;
    for await (const run of this.unbundle(runs, wanted)) yield { run, among };
  }

  private async *since(
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
    let low = 0;
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

/** An offset that the view shows to be outside the partition; the view must be of a strongly read head. */
export function outOfRange(offset: number, view: PartitionView): MillraceError {
  const { logStart: logStartOffset, highWatermark } = view;
  const detail = `Offset ${offset} is not between the log start ${logStartOffset} and the high watermark ${highWatermark}.`;
  return new MillraceError('OFFSET_OUT_OF_RANGE', detail, { facts: { logStartOffset, highWatermark } });
}
