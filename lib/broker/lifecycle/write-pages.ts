/** Writes what pages have of each slot to segments, all slots at once, and each source object is read once. */
import { assert } from '../../kernel/assert.ts';
import { releaseBytes } from '../../kernel/bytes.ts';
import type { ObjectId } from '../../kernel/ids.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { readAhead } from '../../kernel/read-ahead.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { commitsInPage, type LocatedCommit, type LocatedRun } from '../../log/ledger/locate.ts';
import { type Page, pageEnd } from '../../log/ledger/page.ts';
import type { SegmentItem } from '../../log/merged/segment-item.ts';
import type { Broker } from '../broker.ts';
import { OWN_BUCKET } from '../ledger/replicated.ts';
import { readOrder } from '../read/visible.ts';
import { bytesOfRuns, type CommitBytes, readCommit, type Unreadable } from './commit-bytes.ts';
import { discardObjects } from './commit-segments.ts';
import type { SegmentWriter } from './segment-writer.ts';
import type { SharedSources } from './shared-sources.ts';

/** A page, and the commits of the bundles that it has entries for. */
export interface OpenedPage {
  page: Page;
  bundles: ReadonlyMap<Commit, readonly Commit[]>;
}

export interface PagesWriting {
  head: LedgerHead;
  pages: readonly OpenedPage[];
  writerOf: (slot: number, base: number) => SegmentWriter;
  /** What is read once for several ledgers; it may end it before the next page, too. */
  shared?: SharedSources | undefined;
  /** Ends it before the next page, as `mergingLimits.mergeStepMsMax` does once one is written. */
  signal?: AbortSignal;
}

export type PagesWritten =
  /** The first `pages` of them, perhaps none. */
  | { outcome: 'written'; pages: number; segments: SegmentItem[]; objects: ObjectId[]; bytes: number }
  /** Nothing is written. The first `pages` of them can be. */
  | { outcome: 'unreadable'; pages: number; unreadable: Unreadable };

/** Throws where storage fails; then nothing of it stays that a crash would not leave either. */
export async function writePages(broker: Broker, writing: PagesWriting): Promise<PagesWritten> {
  const writers = new Map<number, SegmentWriter>();
  const letGo = async () => {
    for (const writer of writers.values()) await writer.abort();
    await discardObjects(
      broker,
      [...writers.values()].flatMap(({ objects }) => objects),
    );
  };
  try {
    const copied = await copyRuns(broker, writing, writers);
    if (copied.unreadable !== undefined) {
      await letGo();
      return { outcome: 'unreadable', pages: copied.pages, unreadable: copied.unreadable };
    }
    const last = writing.pages[copied.pages - 1]?.page;
    const finished = await mapBounded([...writers], storageLimits.storageFanOutMax, ([slot, writer]) => {
      assert(last !== undefined, 'what was written is of a page');
      return writer.finish(pageEnd(last, slot));
    });
    const objects = [...writers.values()].flatMap((writer) => writer.objects);
    return { outcome: 'written', pages: copied.pages, segments: finished.flat(), objects, bytes: copied.bytes };
  } catch (error) {
    await letGo();
    throw error;
  }
}

interface Source extends LocatedCommit {
  /** The number of its page among those that are written. */
  page: number;
}

interface Copied {
  /** Whole ones. */
  pages: number;
  bytes: number;
  unreadable?: Unreadable;
}

async function copyRuns(
  broker: Broker,
  { head, pages, writerOf, shared, signal }: PagesWriting,
  writers: Map<number, SegmentWriter>,
): Promise<Copied> {
  const objects = broker.objects.reading(readOrder(head, undefined) ?? { first: OWN_BUCKET });
  const ofSeveral = shared?.over(objects) ?? objects;
  const first = pages[0]?.page;
  const endMs = broker.clock.monotonic() + mergingLimits.mergeStepMsMax;
  let [page, bytes] = [-1, 0];
  const bounds = {
    inFlightMax: mergingLimits.mergeReadsInFlightMax,
    bytesMax: mergingLimits.mergeReadBytesMax,
    bytesOf: bytesOfRuns,
  };
  const sources = untilEnough(sourcesIn(pages, head), shared, pages.length);
  for await (const { item, result } of readAhead(sources, bounds, (source) =>
    readCommit(source.commit.alone === true ? objects : ofSeveral, source),
  )) {
    const isOver = signal?.aborted === true || (item.page > 0 && broker.clock.monotonic() >= endMs);
    if (item.page !== page && isOver) return { pages: item.page, bytes };
    page = item.page;
    const read: CommitBytes = result;
    if ('unreadable' in read) return { pages: page, bytes, unreadable: read.unreadable };
    for (const [index, { slot }] of item.runs.entries()) {
      const batches = read.found[index] as Uint8Array;
      let writer = writers.get(slot);
      if (writer === undefined) {
        writer = writerOf(slot, first?.bases[slot] as number);
        writers.set(slot, writer);
      }
      await writer.write(batches);
      bytes += batches.length;
    }
    // Sooner than it would be collected: memory is for what is read next.
    releaseBytes(read.whole);
  }
  return { pages: sources.pages, bytes };
}

/** Of whole pages; `pages` are how many, once it has ended. */
function untilEnough(
  sources: Iterable<Source>,
  shared: SharedSources | undefined,
  all: number,
): Iterable<Source> & { pages: number } {
  return {
    pages: all,
    *[Symbol.iterator]() {
      let last = 0;
      for (const source of sources) {
        if (source.page > last && shared?.hasEnough() === true) {
          this.pages = source.page;
          return;
        }
        last = source.page;
        yield source;
      }
    },
  };
}

/** In the order of the pages. Runs that end at or below the log start are deleted, and may be gone. */
function* sourcesIn(pages: readonly OpenedPage[], { start }: LedgerHead): Generator<Source> {
  const isKept = ({ slot, endOffset }: LocatedRun) => endOffset > (start[slot] as number);
  for (const [index, { page, bundles }] of pages.entries()) {
    for (const { commit, runs } of commitsInPage(page, (entry) => bundles.get(entry) as readonly Commit[])) {
      const kept = runs.filter(isKept);
      if (kept.length > 0) yield { commit, runs: kept, page: index };
    }
  }
}
