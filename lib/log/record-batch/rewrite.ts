/**
 * A stored batch without some of its records, for compaction and erasure. Whoever decides sees each record where the
 * reader is; nothing is made of it, and what is kept is copied as bytes.
 *
 * Kept as they are: base offset, last offset delta, leader epoch, producer (id, epoch, base sequence), compression
 * type, attributes, and of each record everything. The last sequence of a batch follows from its last offset delta, so
 * it stays right. New are sizes, record count, CRC, and with CreateTime the max timestamp, which is that of the records
 * that are left. A batch that loses nothing keeps its bytes.
 *
 * The CRC is checked first, always: a damaged batch must not come out of this with a checksum that is right.
 */
import { dataView, releaseBytes } from '../../kernel/bytes.ts';
import type { Compression } from './compression.ts';
import { recordsPayload } from './decode.ts';
import {
  ATTRIBUTE,
  BATCH_OVERHEAD,
  type BatchHeader,
  checkBatchChecksum,
  FIELD,
  LENGTH_OVERHEAD,
  setMaxTimestamp,
  writeInt64,
} from './header.ts';
import { NO_TIMESTAMP } from './record.ts';
import { type Payload, RecordReader } from './record-reader.ts';
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from './varint.ts';

export type Rewrite =
  /** No byte has changed: the batch as it was goes on. */
  | { kind: 'unchanged' }
  | { kind: 'rewritten'; batch: Uint8Array; removed: number }
  /** No record is left. The offsets stay taken. */
  | { kind: 'gone'; removed: number };

export const UNCHANGED: Rewrite = { kind: 'unchanged' };

export interface RecordFilter {
  keeps(record: RecordReader, header: BatchHeader): boolean;
  /**
   * The delete horizon that a batch gets which has none and keeps tombstones, or `undefined` for none. Absent: batches
   * never get one.
   */
  deleteHorizonMs?(header: BatchHeader): number | undefined;
}

/**
 * `header`'s batch, all of which is in `bytes`, with the records that the filter keeps. Compressed anew it can be
 * larger than it was, where its producer took more effort. Throws the `MillraceError`s of decoding.
 */
export function rewriteBatch(
  bytes: Uint8Array,
  header: BatchHeader,
  compression: Compression,
  filter: RecordFilter,
): Rewrite {
  checkBatchChecksum(bytes, header.position);
  const whole = recordsPayload(bytes, header, compression);
  const kept = filterRecords(header, whole, filter);
  try {
    if (kept.count === 0) return { kind: 'gone', removed: header.recordCount };
    const horizonMs = kept.tombstones && !header.deleteHorizon ? filter.deleteHorizonMs?.(header) : undefined;
    if (kept.count === header.recordCount && horizonMs === undefined) return UNCHANGED;
    const batch = build(bytes, { ...header, recordCount: kept.count }, kept, compression, horizonMs);
    return { kind: 'rewritten', batch, removed: header.recordCount - kept.count };
  } finally {
    // What is made on the way is as large as the batch: left to the collector it adds up to a hundred MB.
    if (kept.payload.source !== whole.source) releaseBytes(kept.payload.source);
    if (whole.source !== bytes) releaseBytes(whole.source);
  }
}

interface Kept {
  payload: Payload;
  count: number;
  /** Whether any of the records has no value. */
  tombstones: boolean;
  maxTimestamp: number;
}

/** Stretches of kept records are copied when they end; a batch that keeps all is not copied. */
function filterRecords(header: BatchHeader, whole: Payload, filter: RecordFilter): Kept {
  const reader = new RecordReader(header, whole);
  const kept: Kept = { payload: whole, count: 0, tombstones: false, maxTimestamp: NO_TIMESTAMP };
  let copy: Uint8Array | undefined;
  let copied = 0;
  let stretchStart = whole.start;
  const copyUpTo = (end: number): void => {
    if (end > stretchStart) {
      copy ??= new Uint8Array(whole.end - whole.start);
      copy.set(whole.source.subarray(stretchStart, end), copied);
      copied += end - stretchStart;
    }
    stretchStart = reader.end;
  };
  for (let index = 0; index < header.recordCount; index++) {
    reader.read();
    if (filter.keeps(reader, header)) {
      kept.count++;
      if (reader.valueLength < 0) kept.tombstones = true;
      if (reader.timestamp > kept.maxTimestamp) kept.maxTimestamp = reader.timestamp;
    } else {
      copyUpTo(reader.start);
    }
  }
  reader.finish();
  if (kept.count === header.recordCount) return kept;
  copyUpTo(whole.end);
  if (copy !== undefined) kept.payload = { source: copy, start: 0, end: copied };
  return kept;
}

function build(
  bytes: Uint8Array,
  header: BatchHeader,
  kept: Kept,
  compression: Compression,
  horizonMs: number | undefined,
): Uint8Array {
  const { source, start, end } = horizonMs === undefined ? kept.payload : rebase(header, kept.payload, horizonMs);
  const body = source.subarray(start, end);
  const stored = header.compression === 'none' ? body : compression.compress(header.compression, body);
  const batch = new Uint8Array(BATCH_OVERHEAD + stored.length);
  batch.set(bytes.subarray(header.position, header.position + BATCH_OVERHEAD));
  batch.set(stored, BATCH_OVERHEAD);
  if (stored !== body) releaseBytes(stored);
  if (source !== kept.payload.source) releaseBytes(source);
  const view = dataView(batch);
  view.setInt32(FIELD.length, batch.length - LENGTH_OVERHEAD);
  view.setInt32(FIELD.recordCount, header.recordCount);
  if (horizonMs !== undefined) {
    view.setUint16(FIELD.attributes, view.getUint16(FIELD.attributes) | ATTRIBUTE.deleteHorizon);
    writeInt64(view, FIELD.baseTimestamp, horizonMs);
  }
  // With LogAppendTime it is the time of all records, whichever are left.
  setMaxTimestamp(batch, 0, header.timestampType === 'LogAppendTime' ? header.maxTimestamp : kept.maxTimestamp);
  return batch;
}

/**
 * The records with their timestamps relative to another base: the delete horizon takes the base timestamp's place, and
 * every record's timestamp stays what it was.
 */
function rebase(header: BatchHeader, payload: Payload, baseTimestamp: number): Payload {
  const sizing = new RecordReader(header, payload);
  let size = 0;
  for (let index = 0; index < header.recordCount; index++) {
    sizing.read();
    const body = rebasedLength(sizing, baseTimestamp);
    size += sizeOfVarint(body) + body;
  }
  const target = new Uint8Array(size);
  const reader = new RecordReader(header, payload);
  let at = 0;
  for (let index = 0; index < header.recordCount; index++) {
    reader.read();
    at = writeVarint(target, at, rebasedLength(reader, baseTimestamp));
    target[at++] = 0; // attributes
    at = writeVarlong(target, at, reader.timestamp - baseTimestamp);
    target.set(payload.source.subarray(reader.offsetDeltaStart, reader.end), at);
    at += reader.end - reader.offsetDeltaStart;
  }
  return { source: target, start: 0, end: size };
}

function rebasedLength(record: RecordReader, baseTimestamp: number): number {
  return 1 + sizeOfVarlong(record.timestamp - baseTimestamp) + record.end - record.offsetDeltaStart;
}
