/**
 * Walks the records of one batch without making anything of them: after `read` the fields say where the record's parts
 * are. Decoding builds records from the fields; validation only looks. So both agree on what a well-formed record is:
 *
 * - its parts fill its length exactly, and lengths below −1 (null) do not occur;
 * - its attributes are 0;
 * - every header has a key, in UTF-8;
 * - its timestamp is −1 or a safe, non-negative integer;
 * - offsets rise within the batch and end at or before the header's last offset delta.
 *
 * Whatever the bytes, only `MillraceError` is thrown.
 */
import { MalformedBytesError, utf8Text } from '../../kernel/bytes.ts';
import { type ErrorCode, MillraceError } from '../../kernel/errors.ts';
import { type BatchHeader, batchError } from './header.ts';
import { NO_TIMESTAMP } from './record.ts';
import { VarintReader } from './varint.ts';

/** The records of a batch as one stretch of uncompressed bytes. */
export interface Payload {
  source: Uint8Array;
  start: number;
  end: number;
}

export class RecordReader {
  /** Which record `read` was on: 0 for the batch's first. */
  index = -1;
  /** Where the record begins, with its length field. */
  start = 0;
  /** The record's bytes, without its length field. */
  length = 0;
  /** Where the record ends. */
  end = 0;
  offsetDelta = -1;
  timestamp = NO_TIMESTAMP;
  /** Where the offset delta is: what comes before it depends on the batch's base timestamp, the rest does not. */
  offsetDeltaStart = 0;
  keyStart = 0;
  /** −1 for null. */
  keyLength = 0;
  valueStart = 0;
  /** −1 for null. */
  valueLength = 0;
  headerCount = 0;
  headersStart = 0;

  readonly source: Uint8Array;
  private readonly header: BatchHeader;
  private readonly reader: VarintReader;

  constructor(header: BatchHeader, payload: Payload) {
    this.header = header;
    this.source = payload.source;
    this.reader = new VarintReader(payload.source, payload.start, payload.end);
  }

  /** Goes to the next record. To be called as often as the header counts records, and then `finish`. */
  read(): void {
    this.index++;
    try {
      this.readFields();
    } catch (error) {
      if (error instanceof MalformedBytesError) throw this.error('INVALID_RECORD', error.message);
      throw error;
    }
  }

  /** Refuses bytes after the last record. */
  finish(): void {
    const { position, end } = this.reader;
    if (position === end) return;
    const reason = `${end - position} bytes follow the last of its ${this.header.recordCount} records`;
    throw batchError('INVALID_RECORD', this.header.position, reason);
  }

  /** A fault of the record that `read` is on. */
  error(code: ErrorCode, reason: string): MillraceError {
    const { compression, position, recordCount } = this.header;
    // Positions in the reason are then those of the inflated records.
    const inflated = compression === 'none' ? '' : ' (inflated)';
    const detail = `record ${this.index} of ${recordCount}${inflated}: ${reason}`;
    const error = batchError(code, position, detail);
    return new MillraceError(code, error.message, {
      facts: { records: [{ index: this.index, message: error.message }] },
    });
  }

  private readFields(): void {
    const { reader } = this;
    this.start = reader.position;
    const length = reader.varint();
    const start = reader.position;
    if (length < 0 || length > reader.end - start) {
      throw this.error('INVALID_RECORD', `its length is ${length}, ${reader.end - start} bytes are left`);
    }
    this.length = length;
    this.end = start + length;
    const attributes = reader.byte();
    if (attributes !== 0) throw this.error('INVALID_RECORD', `its attributes are ${attributes}, they must be 0`);
    this.readTimestamp(reader.varlong());
    this.offsetDeltaStart = reader.position;
    this.readOffset(reader.varint());
    this.keyLength = this.nullableLength(reader.varint(), 'key');
    this.keyStart = this.keyLength > 0 ? reader.skip(this.keyLength) : reader.position;
    this.valueLength = this.nullableLength(reader.varint(), 'value');
    this.valueStart = this.valueLength > 0 ? reader.skip(this.valueLength) : reader.position;
    this.headerCount = reader.varint();
    if (this.headerCount !== 0) this.skipHeaders();
    else this.headersStart = reader.position;
    if (reader.position !== this.end) {
      throw this.error('INVALID_RECORD', `its length is ${length}, its fields take ${reader.position - start} bytes`);
    }
  }

  private readTimestamp(delta: number): void {
    const timestamp = this.header.baseTimestamp + delta;
    if (!Number.isSafeInteger(timestamp) || timestamp < NO_TIMESTAMP) {
      throw this.error('INVALID_TIMESTAMP', 'its timestamp is not -1 or between 0 and 2^53 milliseconds');
    }
    this.timestamp = timestamp;
  }

  private readOffset(delta: number): void {
    if (delta <= this.offsetDelta || delta > this.header.lastOffsetDelta) {
      const allowed = `above ${this.offsetDelta} and at most ${this.header.lastOffsetDelta}`;
      throw this.error('INVALID_RECORD', `its offset delta is ${delta}, it must be ${allowed}`);
    }
    this.offsetDelta = delta;
  }

  private nullableLength(length: number, name: string): number {
    if (length >= -1) return length;
    throw this.error('INVALID_RECORD', `its ${name} has length ${length}, only -1 stands for null`);
  }

  private skipHeaders(): void {
    const { reader } = this;
    this.headersStart = reader.position;
    // A header takes at least two bytes, so the loop is bounded by the record's own.
    if (this.headerCount < 0 || this.headerCount * 2 > reader.end - reader.position) {
      throw this.error('INVALID_RECORD', `it announces ${this.headerCount} headers`);
    }
    for (let index = 0; index < this.headerCount; index++) {
      const keyLength = reader.varint();
      if (keyLength < 0) throw this.error('INVALID_RECORD', `the key of its header ${index} is null`);
      const keyStart = reader.skip(keyLength);
      if (!isUtf8(this.source, keyStart, keyStart + keyLength)) {
        throw this.error('INVALID_RECORD', `the key of its header ${index} is not UTF-8`);
      }
      const valueLength = reader.varint();
      if (valueLength > 0) reader.skip(valueLength);
      else if (valueLength < -1) this.nullableLength(valueLength, `header ${index}`);
    }
  }
}

/** Header keys are short and nearly always ASCII; only others pay for the platform's check. */
function isUtf8(source: Uint8Array, start: number, end: number): boolean {
  for (let position = start; position < end; position++) {
    if ((source[position] as number) >= 0x80) return utf8Text(source.subarray(position, end)) !== undefined;
  }
  return true;
}
