/**
 * The first pass of compaction: which offset of each key is the newest, among the offsets from `from` up to `end`. It
 * reads batches from `from` on, in order, until the memory for keys is used up or the log has no more to be compacted.
 * What came so far is one range; what is left is for a later pass, which goes over the whole log again. A step that
 * goes on with a pass makes its keys anew, and says where the range ends at the latest.
 *
 * The range ends at a record, not at a batch: so it grows by a record at least, however many keys one batch has.
 */
import { assert } from '../../kernel/assert.ts';
import type { Random } from '../../kernel/random.ts';
import type { Compression } from '../record-batch/compression.ts';
import { recordsPayload } from '../record-batch/decode.ts';
import { type BatchHeader, checkBatchChecksum } from '../record-batch/header.ts';
import { RecordReader } from '../record-batch/record-reader.ts';
import { KeyMap } from './key-map.ts';

export interface NewestOffsetsOptions {
  /** The first offset that no earlier pass has had. */
  from: number;
  /** The range ends here at the latest. Default: wherever it may. */
  to?: number;
  memoryBytes: number;
  random: Random;
}

export class NewestOffsets {
  readonly from: number;
  private readonly to: number;
  private readonly keys: KeyMap;
  private endOffset: number;
  private full = false;

  constructor({ from, to = Number.MAX_SAFE_INTEGER, memoryBytes, random }: NewestOffsetsOptions) {
    this.from = from;
    this.to = to;
    this.endOffset = from;
    this.keys = new KeyMap(memoryBytes, random);
  }

  /** The range's end: the first offset that nothing is known of. */
  get end(): number {
    return this.endOffset;
  }

  get size(): number {
    return this.keys.size;
  }

  /**
   * Takes a batch in, all of which is in `bytes`; those below `from` count only from there on. False where not all of
   * it found room, or belongs to the range: it ends within it or before, and nothing may be offered any more. Throws
   * the `MillraceError`s of decoding, also where the CRC is wrong: a key that is not what was written could cost
   * another record its life.
   */
  offer(bytes: Uint8Array, header: BatchHeader, compression: Compression): boolean {
    const nextOffset = header.baseOffset + header.lastOffsetDelta + 1;
    if (nextOffset <= this.from) return true;
    assert(!this.full, 'nothing is offered after the range has ended');
    assert(
      header.baseOffset >= this.end || this.end === this.from,
      'batches are offered in the order of their offsets',
    );
    if (header.baseOffset >= this.to) {
      this.reach(this.to);
      this.full = true;
      return false;
    }
    if (!header.control && !this.note(bytes, header, compression)) {
      this.full = true;
      return false;
    }
    this.endOffset = Math.min(nextOffset, this.to);
    return true;
  }

  /** All that there is below `offset` has been offered: where earlier passes left no records, the range goes on. */
  reach(offset: number): void {
    if (!this.full && offset > this.end) this.endOffset = Math.min(offset, this.to);
  }

  /** The newest offset in the range of the key that `record` has, −1 where the range doesn't have the key. */
  newestOf(record: RecordReader): number {
    return this.keys.get(record.source, record.keyStart, record.keyStart + record.keyLength);
  }

  /** Gives the memory for keys back at once. Nothing may be asked any more. */
  release(): void {
    this.keys.release();
  }

  private note(bytes: Uint8Array, header: BatchHeader, compression: Compression): boolean {
    checkBatchChecksum(bytes, header.position);
    const reader = new RecordReader(header, recordsPayload(bytes, header, compression));
    for (let index = 0; index < header.recordCount; index++) {
      reader.read();
      const offset = header.baseOffset + reader.offsetDelta;
      if (offset >= this.to) {
        this.endOffset = this.to;
        return false;
      }
      if (offset < this.from || reader.keyLength < 0) continue;
      if (!this.keys.set(reader.source, reader.keyStart, reader.keyStart + reader.keyLength, offset)) {
        this.endOffset = offset;
        return false;
      }
    }
    reader.finish();
    return true;
  }
}
