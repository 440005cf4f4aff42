/**
 * Records to one record batch (the layout is in header.ts).
 *
 * The hot path of produce: one pass finds the size, one buffer takes everything, a second pass writes. Per record
 * nothing is allocated; what remains is copying the values and the CRC.
 */
import { assert } from '../../kernel/assert.ts';
import { bufferOfParts, dataView, releaseBytes } from '../../kernel/bytes.ts';
import { crc32c } from '../../kernel/crc32c.ts';
import { type Compression, type CompressionType, compressionId, noCompression } from './compression.ts';
import { ATTRIBUTE, BATCH_OVERHEAD, FIELD, LENGTH_OVERHEAD, MAGIC, type TimestampType, writeInt64 } from './header.ts';
import { type NewRecord, NO_TIMESTAMP, type RecordHeader } from './record.ts';
import { sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from './varint.ts';

export interface EncodeOptions {
  compressionType?: CompressionType;
  /** Needed for every compression type but none. */
  compression?: Compression;
  baseOffset?: number;
  leaderEpoch?: number;
  producerId?: bigint;
  producerEpoch?: number;
  baseSequence?: number;
  transactional?: boolean;
  /** With LogAppendTime readers see the batch's max timestamp, here the highest of the records, on every record. */
  timestampType?: TimestampType;
}

const encoder = new TextEncoder();

/**
 * `records`, at least one, as a batch. Timestamps must be −1 or safe, non-negative integers; header keys well-formed
 * text.
 */
export function encodeBatch(records: readonly NewRecord[], options: EncodeOptions = {}): Uint8Array {
  return encodeBatches([records], options)[0] as Uint8Array;
}

/** Each list as a batch, as `encodeBatch` does; uncompressed they are the parts of one buffer. */
export function encodeBatches(lists: readonly (readonly NewRecord[])[], options: EncodeOptions = {}): Uint8Array[] {
  const { compressionType = 'none', compression = noCompression } = options;
  const bodySizes = sizesOf(lists.reduce((sum, records) => sum + records.length, 0));
  let first = 0;
  const sizes = lists.map((records) => {
    const size = sizeBatch(records, bodySizes, first);
    first += records.length;
    return size;
  });
  const buffer = bufferOfParts(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  first = 0;
  const batches = lists.map((records, index) => {
    const size = sizes[index] as number;
    let batch = buffer.subarray(at, at + size);
    at += size;
    writeRecords(batch, records, bodySizes, first);
    first += records.length;
    if (compressionType !== 'none') {
      const stream = compression.compress(compressionType, batch.subarray(BATCH_OVERHEAD));
      batch = new Uint8Array(BATCH_OVERHEAD + stream.length);
      batch.set(stream, BATCH_OVERHEAD);
    }
    writeHeader(batch, records, options);
    return batch;
  });
  if (compressionType !== 'none') releaseBytes(buffer);
  return batches;
}

/**
 * Encoding never yields to other code, so all calls share one array of sizes: one for each would cost a third of all.
 */
let sizes = new Int32Array(1_024);

function sizesOf(records: number): Int32Array {
  if (sizes.length < records) sizes = new Int32Array(records);
  return sizes;
}

/** The uncompressed batch's size; fills `bodySizes`, from `first` on, with what each record's length field says. */
function sizeBatch(records: readonly NewRecord[], bodySizes: Int32Array, first: number): number {
  const [oldest] = records;
  assert(oldest !== undefined, 'a batch has at least one record');
  const baseTimestamp = oldest.timestamp;
  let size = BATCH_OVERHEAD;
  for (let index = 0; index < records.length; index++) {
    const record = records[index] as NewRecord;
    if (!Number.isSafeInteger(record.timestamp) || record.timestamp < NO_TIMESTAMP) {
      assert(false, `record ${index} has timestamp ${record.timestamp}`);
    }
    let body = 1 + sizeOfVarlong(record.timestamp - baseTimestamp) + sizeOfVarint(index);
    body += sizeOfBytes(record.key) + sizeOfBytes(record.value) + sizeOfVarint(record.headers.length);
    for (const header of record.headers) {
      const keyLength = utf8Length(header.key);
      body += sizeOfVarint(keyLength) + keyLength + sizeOfBytes(header.value);
    }
    bodySizes[first + index] = body;
    size += sizeOfVarint(body) + body;
  }
  assert(size <= 0x7fffffff, `${size} bytes do not fit a batch`);
  return size;
}

function writeRecords(batch: Uint8Array, records: readonly NewRecord[], bodySizes: Int32Array, first: number): void {
  const baseTimestamp = (records[0] as NewRecord).timestamp;
  let at = BATCH_OVERHEAD;
  for (let index = 0; index < records.length; index++) {
    const record = records[index] as NewRecord;
    at = writeVarint(batch, at, bodySizes[first + index] as number);
    batch[at++] = 0; // attributes
    at = writeVarlong(batch, at, record.timestamp - baseTimestamp);
    at = writeVarint(batch, at, index);
    at = writeBytes(batch, at, record.key);
    at = writeBytes(batch, at, record.value);
    at = writeHeaders(batch, at, record.headers);
  }
  assert(at === batch.length, 'both passes find the same size');
}

function writeHeaders(batch: Uint8Array, position: number, headers: readonly RecordHeader[]): number {
  let at = writeVarint(batch, position, headers.length);
  for (const header of headers) {
    const keyLength = utf8Length(header.key);
    at = writeVarint(batch, at, keyLength);
    writeText(batch, at, header.key, keyLength);
    at = writeBytes(batch, at + keyLength, header.value);
  }
  return at;
}

function writeHeader(batch: Uint8Array, records: readonly NewRecord[], options: EncodeOptions): void {
  const view = dataView(batch);
  let maxTimestamp = NO_TIMESTAMP;
  for (const record of records) if (record.timestamp > maxTimestamp) maxTimestamp = record.timestamp;
  writeInt64(view, FIELD.baseOffset, options.baseOffset ?? 0);
  view.setInt32(FIELD.length, batch.length - LENGTH_OVERHEAD);
  view.setInt32(FIELD.leaderEpoch, options.leaderEpoch ?? -1);
  batch[FIELD.magic] = MAGIC;
  view.setUint16(FIELD.attributes, attributesOf(options));
  view.setInt32(FIELD.lastOffsetDelta, records.length - 1);
  writeInt64(view, FIELD.baseTimestamp, (records[0] as NewRecord).timestamp);
  writeInt64(view, FIELD.maxTimestamp, maxTimestamp);
  view.setBigInt64(FIELD.producerId, options.producerId ?? -1n);
  view.setInt16(FIELD.producerEpoch, options.producerEpoch ?? -1);
  view.setInt32(FIELD.baseSequence, options.baseSequence ?? -1);
  view.setInt32(FIELD.recordCount, records.length);
  view.setUint32(FIELD.crc, crc32c(batch, FIELD.attributes));
}

function attributesOf(options: EncodeOptions): number {
  let attributes = compressionId(options.compressionType ?? 'none');
  if (options.timestampType === 'LogAppendTime') attributes |= ATTRIBUTE.logAppendTime;
  if (options.transactional) attributes |= ATTRIBUTE.transactional;
  return attributes;
}

function sizeOfBytes(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : sizeOfVarint(bytes.length) + bytes.length;
}

function writeBytes(target: Uint8Array, position: number, bytes: Uint8Array | null): number {
  if (bytes === null) {
    target[position] = 1; // the varint −1
    return position + 1;
  }
  const { length } = bytes;
  const at = writeVarint(target, position, length);
  // Below some 32 bytes a loop is faster than the call.
  if (length < 32) for (let index = 0; index < length; index++) target[at + index] = bytes[index] as number;
  else target.set(bytes, at);
  return at + length;
}

/** The UTF-8 size as TextEncoder writes it: an unpaired surrogate becomes U+FFFD, three bytes. */
function utf8Length(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    length += unit < 0x800 ? 1 : 2;
    if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00) index++;
  }
  return length;
}

function writeText(target: Uint8Array, position: number, text: string, length: number): void {
  if (length === text.length) {
    for (let index = 0; index < length; index++) target[position + index] = text.charCodeAt(index);
  } else {
    encoder.encodeInto(text, target.subarray(position, position + length));
  }
}
