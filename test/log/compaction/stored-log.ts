/** A small log of stored batches, and compaction of it as a use case would do it: two passes, then another range. */
import * as fc from 'fast-check';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { concatBytes, toHex, utf8 } from '../../../lib/kernel/bytes.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { BatchCleaner } from '../../../lib/log/compaction/clean.ts';
import { keyMapBytes } from '../../../lib/log/compaction/key-map.ts';
import { NewestOffsets } from '../../../lib/log/compaction/newest-offsets.ts';
import { COMPRESSION_TYPES, type CompressionType } from '../../../lib/log/record-batch/compression.ts';
import { records } from '../../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { readBatchHeader } from '../../../lib/log/record-batch/header.ts';
import type { LogRecord, NewRecord } from '../../../lib/log/record-batch/record.ts';

export type StoredLog = readonly Uint8Array[];

export interface GivenRecord {
  key: string | null;
  /** `null` makes it a tombstone, and nothing makes it some value. */
  value?: string | null;
  timestamp?: number;
}

export interface GivenBatch {
  records: readonly GivenRecord[];
  codec?: CompressionType;
  /** Offsets that nobody has, before the batch. */
  gap?: number;
}

export function storedLog(batches: readonly GivenBatch[], firstOffset = 0): StoredLog {
  let baseOffset = firstOffset;
  return batches.map(({ records: given, codec = 'none', gap = 0 }) => {
    baseOffset += gap;
    const batch = encodeBatch(given.map(newRecord), {
      baseOffset,
      compressionType: codec,
      compression: nodeCompression,
      leaderEpoch: 3,
      producerId: 77n,
      producerEpoch: 2,
      baseSequence: baseOffset,
    });
    baseOffset += given.length;
    return batch;
  });
}

function newRecord({ key, value = 'some value', timestamp = 1_000 }: GivenRecord): NewRecord {
  return {
    key: key === null ? null : utf8(key),
    value: value === null ? null : utf8(value),
    timestamp,
    headers: [{ key: 'h', value: null }],
  };
}

export function recordsOf(log: StoredLog): LogRecord[] {
  return [...records(concatBytes(log), nodeCompression)];
}

export function offsetsOf(log: StoredLog): number[] {
  return recordsOf(log).map(({ offset }) => offset);
}

export function endOf(log: StoredLog): number {
  const last = log.at(-1);
  if (last === undefined) return 0;
  const { baseOffset, lastOffsetDelta } = readBatchHeader(last);
  return baseOffset + lastOffsetDelta + 1;
}

/** The newest record of each key. */
export function newestRecords(log: readonly LogRecord[]): LogRecord[] {
  const newest = new Map<string, LogRecord>();
  for (const record of log) if (record.key !== null) newest.set(toHex(record.key), record);
  return [...newest.values()].sort((a, b) => a.offset - b.offset);
}

/** What a reader's table holds after the log: the newest value of each key that isn't deleted. */
export function tableOf(log: StoredLog): Map<string, string> {
  const table = new Map<string, string>();
  for (const { key, value } of recordsOf(log)) {
    if (key === null) continue;
    if (value === null) table.delete(toHex(key));
    else table.set(toHex(key), toHex(value));
  }
  return table;
}

export interface PassOptions {
  from: number;
  /** Where what may be compacted ends. */
  to?: number;
  nowMs: number;
  deleteRetentionMs?: number;
  /** Keys that the map has room for. */
  keys?: number;
  /** After so many batches the pass is cut off, and what it has done so far stays. */
  batchesMax?: number;
}

/** One range, and the log after it. A batch that isn't rewritten is the same array. */
export function compact(log: StoredLog, options: PassOptions): { log: StoredLog; end: number; keylessRemoved: number } {
  const { from, nowMs, deleteRetentionMs = 100, keys = 1_000, batchesMax = Number.POSITIVE_INFINITY } = options;
  const { to = endOf(log) } = options;
  const newest = new NewestOffsets({ from, memoryBytes: keyMapBytes(keys), random: seededRandom(nowMs) });
  for (const batch of log) {
    const header = readBatchHeader(batch);
    if (header.baseOffset >= to || !newest.offer(batch, header, nodeCompression)) break;
  }
  newest.reach(to);
  const cleaner = new BatchCleaner({ newest, compression: nodeCompression, nowMs, deleteRetentionMs });
  const cleaned = log.flatMap((batch, index) => {
    const rewrite = index < batchesMax ? cleaner.clean(batch, readBatchHeader(batch)) : { kind: 'unchanged' as const };
    if (rewrite.kind === 'gone') return [];
    return [rewrite.kind === 'unchanged' ? batch : rewrite.batch];
  });
  return { log: cleaned, end: newest.end, keylessRemoved: cleaner.keylessRemoved };
}

const someRecord: fc.Arbitrary<GivenRecord> = fc.record({
  key: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 0, max: 9 }).map((key) => `key ${key}`) },
    { weight: 1, arbitrary: fc.constantFrom(null, '') },
  ),
  value: fc.option(fc.string({ maxLength: 30 }), { freq: 3 }),
  timestamp: fc.integer({ min: -1, max: 5_000 }),
});

export const someLog: fc.Arbitrary<StoredLog> = fc
  .array(
    fc.record({
      records: fc.array(someRecord, { minLength: 1, maxLength: 8 }),
      codec: fc.constantFrom(...COMPRESSION_TYPES),
      gap: fc.constantFrom(0, 0, 0, 5),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((batches) => storedLog(batches, 3));
