/**
 * Takes one subject's records out of stored batches, for a legal erasure. Their offsets stay taken, as after
 * compaction; a batch that has none of them keeps its bytes.
 *
 * In a compacted topic erasing by header is no update of the key: a value from before, without that header, would be
 * the newest again. Erasing by key takes all that there is of it.
 */
import { bytesEqual, utf8 } from '../../kernel/bytes.ts';
import type { Compression } from '../record-batch/compression.ts';
import type { BatchHeader } from '../record-batch/header.ts';
import type { RecordReader } from '../record-batch/record-reader.ts';
import { type RecordFilter, type Rewrite, rewriteBatch, UNCHANGED } from '../record-batch/rewrite.ts';
import { VarintReader } from '../record-batch/varint.ts';

/** What a subject's records have: their key, or a header of this name and value, whatever others they have. */
export type Subject = { kind: 'key'; key: Uint8Array } | { kind: 'header'; name: string; value: Uint8Array };

/** Erases a subject from batches, one after the other. */
export class BatchEraser {
  private readonly compression: Compression;
  private readonly filter: RecordFilter;

  constructor(subject: Subject, compression: Compression) {
    this.compression = compression;
    this.filter = subject.kind === 'key' ? new OtherKeys(subject.key) : new OtherHeaders(subject);
  }

  /**
   * `header`'s batch, all of which is in `bytes`. Throws the `MillraceError`s of decoding, also where the CRC is wrong.
   */
  erase(bytes: Uint8Array, header: BatchHeader): Rewrite {
    // An empty batch holds nothing of anybody.
    if (header.control || header.recordCount === 0) return UNCHANGED;
    return rewriteBatch(bytes, header, this.compression, this.filter);
  }
}

class OtherKeys implements RecordFilter {
  private readonly key: Uint8Array;

  constructor(key: Uint8Array) {
    this.key = key;
  }

  keeps({ source, keyStart, keyLength }: RecordReader): boolean {
    return !holds(source, keyStart, keyLength, this.key);
  }
}

class OtherHeaders implements RecordFilter {
  private readonly name: Uint8Array;
  private readonly value: Uint8Array;

  constructor({ name, value }: { name: string; value: Uint8Array }) {
    this.name = utf8(name);
    this.value = value;
  }

  /** The reader has walked over the headers and found them well-formed. */
  keeps({ source, headerCount, headersStart }: RecordReader): boolean {
    if (headerCount === 0) return true;
    const varints = new VarintReader(source, headersStart);
    for (let index = 0; index < headerCount; index++) {
      const nameLength = varints.varint();
      const nameStart = varints.skip(nameLength);
      const valueLength = varints.varint();
      const valueStart = valueLength > 0 ? varints.skip(valueLength) : varints.position;
      if (holds(source, nameStart, nameLength, this.name) && holds(source, valueStart, valueLength, this.value)) {
        return false;
      }
    }
    return true;
  }
}

/** Whether the `length` bytes at `start` are `wanted`; none of length −1 (null) are. */
function holds(source: Uint8Array, start: number, length: number, wanted: Uint8Array): boolean {
  return length === wanted.length && bytesEqual(source.subarray(start, start + length), wanted);
}
