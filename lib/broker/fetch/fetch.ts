/**
 * Fetch: a stretch of one partition, at once or when there is something.
 *
 * A cached head may answer where it knows of records, and was seen a short time ago; that there are none, that an
 * offset is out of range and where the end is, is said from a strongly read head only.
 */
import type { LedgerHead } from '../../log/ledger/head.ts';
import { tailStart } from '../../log/ledger/head.ts';
import { records } from '../../log/record-batch/decode.ts';
import type { LogRecord } from '../../log/record-batch/record.ts';
import type { Broker } from '../broker.ts';
import { highWatermark } from '../ledger/replicated.ts';
import type { Loan } from '../read/loan.ts';
import { freshView, type OpenPartition, openPartition, viewOf, withNewerView } from '../read/open-partition.ts';
import { outOfRange, type PartitionView } from '../read/partition-view.ts';
import { readBatches } from '../read/read-batches.ts';
import type { BatchUse } from '../read/run-cache.ts';
import { visibleInTail } from '../read/visible.ts';
import { firstSince } from './list-offsets.ts';

export type FetchPosition =
  | { at: 'offset'; offset: number }
  | { at: 'earliest' }
  | { at: 'latest' }
  /** `records` before the end, but not before the start. */
  | { at: 'before-end'; records: number }
  /** The first record with this timestamp or a later one; the end where there is none. */
  | { at: 'timestamp'; timestampMs: number };

export interface FetchRequest {
  topic: string;
  partition: number;
  position: FetchPosition;
  /** Bytes of record batches; one batch is served however large it is, unless `strict`. */
  maxBytes: number;
  /** Wait for this many bytes (1: for anything) … */
  minBytes: number;
  /** … but at most this long. 0 answers at once. */
  waitMs: number;
  /** Ends the wait early, with what is there. */
  signal?: AbortSignal;
  /** Nothing that is not known to fit `maxBytes` before it is read; there may be something all the same. */
  strict?: boolean;
  /** Where the reader is: replicas there are asked before others that have the same. */
  rack?: string;
}

export interface FetchBatchesRequest extends FetchRequest {
  /** Ends when the batches are looked at no more; absent: they may be for ever. */
  loan?: Loan | undefined;
}

export interface FetchBatchesResult {
  /**
   * Whole record batches with their offsets and leader epochs; the first may begin before `offset`. Not to be changed.
   */
  batches: Uint8Array[];
  /** The offset that the position stands for. */
  offset: number;
  /** Where to go on. It may be further on where there are no batches: what an unclean election lost is passed over. */
  nextOffset: number;
  highWatermark: number;
  logStartOffset: number;
}

export interface FetchRecordsRequest extends FetchRequest {
  maxRecords: number;
}

export interface FetchRecordsResult {
  records: LogRecord[];
  offset: number;
  nextOffset: number;
  highWatermark: number;
  logStartOffset: number;
}

/**
 * Whole batches from the position on, as they are stored: whoever decodes them checks their CRCs. Throws
 * OFFSET_OUT_OF_RANGE below the log start and beyond the end.
 */
export async function fetchBatches(broker: Broker, request: FetchBatchesRequest): Promise<FetchBatchesResult> {
  const fetched = await stretch(broker, request, 'pass-on');
  broker.meter.fetched(fetched.nextOffset - fetched.offset, bytesOf(fetched.batches));
  return fetched;
}

async function stretch(broker: Broker, request: FetchBatchesRequest, use: BatchUse): Promise<FetchBatchesResult> {
  const partition = await openPartition(broker, request.topic, request.partition);
  const offset = await resolve(broker, partition, request);
  const view = await viewWith(broker, partition, offset, request);
  return withNewerView(broker, partition, view, (newer) => stretchIn(broker, newer, offset, { ...request, use }));
}

async function stretchIn(
  broker: Broker,
  view: PartitionView,
  offset: number,
  { maxBytes, strict, rack, use, loan }: FetchBatchesRequest & { use: BatchUse },
): Promise<FetchBatchesResult> {
  const { logStart: logStartOffset, highWatermark } = view;
  if (offset < logStartOffset) throw outOfRange(offset, view);
  if (offset >= highWatermark) {
    return { batches: [], offset, nextOffset: offset, highWatermark, logStartOffset };
  }
  const { batches, nextOffset } = await readBatches(broker, view, offset, {
    maxBytes,
    use,
    rack,
    loan,
    ...(strict !== undefined && { strict }),
  });
  return { batches, offset, nextOffset, highWatermark, logStartOffset };
}

/**
 * Single records from the position on: one at least if one is there, then as many as `maxRecords` and `maxBytes` allow.
 * The byte limit is of whole batches as for `fetchBatches`, and of what the records have inside, because compressed
 * batches inflate to far more than their size.
 */
export async function fetchRecords(broker: Broker, request: FetchRecordsRequest): Promise<FetchRecordsResult> {
  const { batches, ...fetched } = await stretch(broker, request, 'decode');
  const found: LogRecord[] = [];
  const nextOffset = takeRecords(broker, batches, request, fetched, found);
  broker.meter.fetched(found.length, bytesOf(batches));
  return { ...fetched, nextOffset, records: found };
}

/** Adds records from the offset on, as many as are wanted; the offset after them. */
function takeRecords(
  broker: Broker,
  batches: readonly Uint8Array[],
  { maxRecords, maxBytes }: FetchRecordsRequest,
  { offset, nextOffset }: { offset: number; nextOffset: number },
  found: LogRecord[],
): number {
  let bytes = 0;
  for (const chunk of batches) {
    for (const record of records(chunk, broker.compression, { verifyChecksum: false })) {
      if (record.offset < offset) continue;
      bytes += contentBytes(record);
      if (found.length === maxRecords || (found.length > 0 && bytes > maxBytes)) return record.offset;
      found.push(record);
    }
  }
  return nextOffset;
}

function contentBytes({ key, value, headers }: LogRecord): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += header.key.length + (header.value?.length ?? 0);
  return bytes;
}

function bytesOf(batches: readonly Uint8Array[]): number {
  return batches.reduce((sum, chunk) => sum + chunk.length, 0);
}

/** The offset that the position stands for. */
async function resolve(broker: Broker, partition: OpenPartition, { position, rack }: FetchRequest): Promise<number> {
  if (position.at === 'offset') return position.offset;
  return withNewerView(broker, partition, await freshView(broker, partition), async (view) => {
    switch (position.at) {
      case 'earliest':
        return view.logStart;
      case 'latest':
        return view.highWatermark;
      case 'before-end':
        return Math.max(view.logStart, view.highWatermark - position.records);
      case 'timestamp':
        return (await firstSince(broker, view, { ...position, rack }))?.offset ?? view.highWatermark;
    }
  });
}

/** A view in which the offset is in range: with enough after it, or read after the wait for it. */
async function viewWith(
  broker: Broker,
  partition: OpenPartition,
  offset: number,
  { minBytes, waitMs, signal }: FetchRequest,
): Promise<PartitionView> {
  const { ledger, slot } = partition;
  const enough = (head: LedgerHead) => bytesFrom(head, slot, offset) >= Math.max(1, minBytes);
  const cached = broker.heads.recent(ledger);
  if (cached !== undefined && offset >= (cached.start[slot] as number) && enough(cached)) {
    return viewOf(broker, partition, cached);
  }
  // Up to the log's end: what is above the high watermark is there, and nobody sees it yet.
  const inRange = (head: LedgerHead) => offset >= (head.start[slot] as number) && offset <= (head.next[slot] as number);
  const read =
    waitMs > 0
      ? broker.watcher.wait(ledger, (head) => enough(head) || !inRange(head), { timeoutMs: waitMs, signal })
      : broker.heads.strong(ledger);
  const view = viewOf(broker, partition, await read);
  if (!inRange(view.head)) throw outOfRange(offset, view);
  return view;
}

/** Bytes of batches from the offset to the high watermark, roughly: what lies in pages counts as plenty. */
export function bytesFrom(head: LedgerHead, slot: number, offset: number): number {
  if (offset >= highWatermark(head, slot)) return 0;
  if (offset < tailStart(head, slot)) return Number.POSITIVE_INFINITY;
  return visibleInTail(head, slot).reduce((sum, run) => (run.endOffset > offset ? sum + run.bytes : sum), 0);
}
