/**
 * The second pass of compaction: a batch with what the first pass (newest-offsets.ts) found out. Kafka's rules, as in
 * its LogCleaner:
 *
 * - Records at or above the range's end are kept.
 * - Below it, a record goes when the range has a newer one of its key. Of a key that the range doesn't have, what is
 *   below the range is the newest already.
 * - A tombstone (no value) is kept until its batch's delete horizon, so that a reader who has seen the key's last value
 *   has time to see that it is gone. The horizon is set when the batch is first cleaned: now + `delete.retention.ms`,
 *   in place of the base timestamp (KIP-534). Without one the tombstones stay.
 * - A record without a key goes: it was written before the topic was compacted, and is the newest of nothing.
 * - Control batches are kept as they are. Millrace writes none.
 *
 * Unlike Kafka, a batch that reaches beyond the range gets no horizon yet: the older records of its tombstones may
 * still be there. And no empty batch is left behind for a producer's last sequence or the end of the log; both are
 * elsewhere.
 *
 * Cleaned batches have to replace the log's oldest first, or all at once. Where a tombstone's batch got its horizon
 * before the older records of the key are gone, it could go before them, and the key would be back.
 */
import type { Compression } from '../record-batch/compression.ts';
import type { BatchHeader } from '../record-batch/header.ts';
import type { RecordReader } from '../record-batch/record-reader.ts';
import { type RecordFilter, type Rewrite, rewriteBatch, UNCHANGED } from '../record-batch/rewrite.ts';
import type { NewestOffsets } from './newest-offsets.ts';

export interface CleaningOptions {
  newest: NewestOffsets;
  compression: Compression;
  /** One time for the whole pass. */
  nowMs: number;
  deleteRetentionMs: number;
}

export class BatchCleaner {
  private readonly newest: NewestOffsets;
  private readonly compression: Compression;
  private readonly filter: NewestOfKeys;

  constructor(options: CleaningOptions) {
    this.newest = options.newest;
    this.compression = options.compression;
    this.filter = new NewestOfKeys(options);
  }

  /** How many records have gone because they had no key. */
  get keylessRemoved(): number {
    return this.filter.keylessRemoved;
  }

  /**
   * `header`'s batch, all of which is in `bytes`. Throws the `MillraceError`s of decoding, also where the CRC is wrong.
   */
  clean(bytes: Uint8Array, header: BatchHeader): Rewrite {
    if (header.control || header.baseOffset >= this.newest.end) return UNCHANGED;
    return rewriteBatch(bytes, header, this.compression, this.filter);
  }
}

class NewestOfKeys implements RecordFilter {
  keylessRemoved = 0;
  private readonly newest: NewestOffsets;
  private readonly end: number;
  private readonly nowMs: number;
  private readonly horizonMs: number;

  constructor({ newest, nowMs, deleteRetentionMs }: CleaningOptions) {
    this.newest = newest;
    this.end = newest.end;
    this.nowMs = nowMs;
    // "For ever" is the largest safe integer already.
    this.horizonMs = Math.min(nowMs + deleteRetentionMs, Number.MAX_SAFE_INTEGER);
  }

  keeps(record: RecordReader, header: BatchHeader): boolean {
    const offset = header.baseOffset + record.offsetDelta;
    if (offset >= this.end) return true;
    if (record.keyLength < 0) {
      this.keylessRemoved++;
      return false;
    }
    if (record.valueLength < 0 && header.deleteHorizon && this.nowMs >= header.baseTimestamp) return false;
    return offset >= this.newest.newestOf(record);
  }

  deleteHorizonMs({ baseOffset, lastOffsetDelta }: BatchHeader): number | undefined {
    return baseOffset + lastOffsetDelta < this.end ? this.horizonMs : undefined;
  }
}
