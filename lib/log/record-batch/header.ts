/**
 * The header of a record batch, Kafka's message format version ("magic") 2. All integers are big-endian.
 *
 *   byte  size
 *      0     8  base offset: the first record's offset; 0 from producers
 *      8     4  length of what follows: the batch's size − 12
 *     12     4  partition leader epoch
 *     16     1  magic: 2
 *     17     4  CRC-32C of everything from byte 21 to the end
 *     21     2  attributes: bits 0–2 compression (none, gzip, snappy, lz4, zstd), 3 timestamp type (0 CreateTime,
 *               1 LogAppendTime), 4 transactional, 5 control, 6 delete horizon; the others must be 0
 *     23     4  last offset delta: the last record's offset − base offset
 *     27     8  base timestamp, ms: what the records' timestamps are relative to
 *     35     8  max timestamp, ms: the highest of the records, or the broker's time with LogAppendTime
 *     43     8  producer id, −1 without idempotence
 *     51     2  producer epoch
 *     53     4  base sequence: of the first record, per producer and partition
 *     57     4  record count; less than last offset delta + 1 only where compaction has removed records
 *     61        the records, as one compressed stream unless compression is none
 *
 * A record is:
 *
 *   varint   length of what follows
 *   byte     attributes: 0
 *   varlong  timestamp − base timestamp
 *   varint   offset − base offset
 *   varint   length of the key, −1 for null; the key
 *   varint   length of the value, −1 for null; the value
 *   varint   number of headers; each: varint length of its key, the key (UTF-8), varint length of its value or −1, the value
 *
 * (Kafka: org.apache.kafka.common.record.DefaultRecordBatch and DefaultRecord; KIP-98.) Base offset and leader epoch lie
 * outside the CRC, so a broker sets them without reading the rest.
 */
import { dataView } from '../../kernel/bytes.ts';
import { crc32c, crc32cCombine } from '../../kernel/crc32c.ts';
import { type ErrorCode, MillraceError } from '../../kernel/errors.ts';
import { COMPRESSION_TYPES, type CompressionType } from './compression.ts';
import { NO_TIMESTAMP } from './record.ts';

/** The header's size, and so the least a batch can have. */
export const BATCH_OVERHEAD = 61;
/** Base offset and length, which the length field does not count. */
export const LENGTH_OVERHEAD = 12;
export const MAGIC = 2;

/** Where the fields are that other files of this folder write or read on their own. */
export const FIELD = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

export const ATTRIBUTE = {
  compression: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40,
} as const;

const USED_ATTRIBUTES = 0x7f;

export type TimestampType = 'CreateTime' | 'LogAppendTime';

export interface BatchHeader {
  /** Where the batch begins in the bytes it was read from. */
  position: number;
  /** The whole batch, with the 12 bytes before what its length field counts. */
  sizeBytes: number;
  baseOffset: number;
  leaderEpoch: number;
  magic: number;
  crc: number;
  compression: CompressionType;
  timestampType: TimestampType;
  transactional: boolean;
  /** Transaction markers and the like, which brokers write and consumers skip. */
  control: boolean;
  /** Set by compaction: the base timestamp is then the time from which the batch's tombstones may go. */
  deleteHorizon: boolean;
  lastOffsetDelta: number;
  baseTimestamp: number;
  maxTimestamp: number;
  producerId: bigint;
  producerEpoch: number;
  baseSequence: number;
  recordCount: number;
}

/** A fault of the batch at `position`, as the sentence a caller gets. */
export function batchError(code: ErrorCode, position: number, reason: string): MillraceError {
  return new MillraceError(code, `The record batch at byte ${position}: ${reason}.`);
}

/**
 * The size that the batch at `position` announces; it may go beyond the bytes. Reads no further than the magic byte,
 * which is in the same place in every format Kafka ever had, so that old formats are refused by name.
 */
function batchSizeBytes(bytes: Uint8Array, position = 0): number {
  const left = bytes.length - position;
  if (left <= FIELD.magic) {
    throw batchError('CORRUPT_MESSAGE', position, `${left} bytes are left, a batch has at least ${BATCH_OVERHEAD}`);
  }
  const magic = bytes[position + FIELD.magic] as number;
  if (magic === 0 || magic === 1) {
    const reason = `message format version ${magic} is not supported, only version ${MAGIC} (Kafka 0.11 and later)`;
    throw batchError('UNSUPPORTED_FOR_MESSAGE_FORMAT', position, reason);
  }
  if (magic !== MAGIC) throw batchError('CORRUPT_MESSAGE', position, `its magic byte is ${magic}, it must be ${MAGIC}`);
  const length = dataView(bytes).getInt32(position + FIELD.length);
  if (length < BATCH_OVERHEAD - LENGTH_OVERHEAD) {
    const least = BATCH_OVERHEAD - LENGTH_OVERHEAD;
    throw batchError('CORRUPT_MESSAGE', position, `its length field is ${length}, it must be at least ${least}`);
  }
  return length + LENGTH_OVERHEAD;
}

/** As `batchSizeBytes`, and all of the batch is there. */
export function wholeBatchSizeBytes(bytes: Uint8Array, position = 0): number {
  const sizeBytes = batchSizeBytes(bytes, position);
  const left = bytes.length - position;
  if (sizeBytes > left) {
    throw batchError('CORRUPT_MESSAGE', position, `it is truncated: it announces ${sizeBytes} bytes, ${left} are left`);
  }
  return sizeBytes;
}

/**
 * The header at `position`. The bytes may end after the header; the CRC is not checked. Throws `MillraceError`:
 * CORRUPT_MESSAGE, UNSUPPORTED_FOR_MESSAGE_FORMAT (magic 0 and 1), UNSUPPORTED_COMPRESSION_TYPE, INVALID_RECORD (unused
 * attributes, offsets and count that contradict each other) or INVALID_TIMESTAMP (negative and not −1, or beyond safe
 * integers).
 */
export function readBatchHeader(bytes: Uint8Array, position = 0): BatchHeader {
  const sizeBytes = batchSizeBytes(bytes, position);
  const left = bytes.length - position;
  if (left < BATCH_OVERHEAD) {
    throw batchError('CORRUPT_MESSAGE', position, `its header has ${BATCH_OVERHEAD} bytes, ${left} are left`);
  }
  const view = dataView(bytes);
  const attributes = view.getUint16(position + FIELD.attributes);
  const header: BatchHeader = {
    position,
    sizeBytes,
    baseOffset: readInt64(view, position + FIELD.baseOffset),
    leaderEpoch: view.getInt32(position + FIELD.leaderEpoch),
    magic: MAGIC,
    crc: view.getUint32(position + FIELD.crc),
    compression: compressionOf(attributes, position),
    timestampType: attributes & ATTRIBUTE.logAppendTime ? 'LogAppendTime' : 'CreateTime',
    transactional: (attributes & ATTRIBUTE.transactional) !== 0,
    control: (attributes & ATTRIBUTE.control) !== 0,
    deleteHorizon: (attributes & ATTRIBUTE.deleteHorizon) !== 0,
    lastOffsetDelta: view.getInt32(position + FIELD.lastOffsetDelta),
    baseTimestamp: readInt64(view, position + FIELD.baseTimestamp),
    maxTimestamp: readInt64(view, position + FIELD.maxTimestamp),
    producerId: view.getBigInt64(position + FIELD.producerId),
    producerEpoch: view.getInt16(position + FIELD.producerEpoch),
    baseSequence: view.getInt32(position + FIELD.baseSequence),
    recordCount: view.getInt32(position + FIELD.recordCount),
  };
  checkRanges(header, attributes);
  return header;
}

/** The headers of concatenated batches, in order. Bytes after the last whole batch are an error. */
export function* batchHeaders(bytes: Uint8Array): Generator<BatchHeader> {
  for (let position = 0; position < bytes.length; ) {
    wholeBatchSizeBytes(bytes, position);
    const header = readBatchHeader(bytes, position);
    yield header;
    position += header.sizeBytes;
  }
}

/** Sets what a broker gives a batch, in place. The CRC stays right: both fields lie outside of it. */
export function patchBatch(
  bytes: Uint8Array,
  position: number,
  fields: { baseOffset: number; leaderEpoch: number },
): void {
  const view = dataView(bytes);
  writeInt64(view, position + FIELD.baseOffset, fields.baseOffset);
  view.setInt32(position + FIELD.leaderEpoch, fields.leaderEpoch);
}

/**
 * Makes the batch one of `message.timestamp.type=LogAppendTime`, in place, as a broker does: the attribute, the max
 * timestamp and the CRC. The records are not touched; readers give all of them the max timestamp.
 */
export function setLogAppendTime(bytes: Uint8Array, position: number, timestampMs: number): void {
  const view = dataView(bytes);
  const attributes = view.getUint16(position + FIELD.attributes);
  view.setUint16(position + FIELD.attributes, attributes | ATTRIBUTE.logAppendTime);
  setMaxTimestamp(bytes, position, timestampMs);
}

/** Sets the max timestamp and the CRC, in place. */
export function setMaxTimestamp(bytes: Uint8Array, position: number, timestampMs: number): void {
  const view = dataView(bytes);
  writeInt64(view, position + FIELD.maxTimestamp, timestampMs);
  view.setUint32(position + FIELD.crc, batchChecksum(bytes, position));
}

/** The CRC that the batch at `position`, all of which is there, must carry. */
export function batchChecksum(bytes: Uint8Array, position = 0): number {
  return crc32c(bytes, position + FIELD.attributes, position + wholeBatchSizeBytes(bytes, position));
}

/**
 * The CRC-32C of a whole stored batch, of which its own CRC is a part: made from the CRC inside it, which was checked,
 * so that only what lies before the attributes is read again.
 */
export function storedChecksum(bytes: Uint8Array, { position, crc, sizeBytes }: BatchHeader): number {
  const start = crc32c(bytes, position, position + FIELD.attributes);
  return crc32cCombine(start, crc, sizeBytes - FIELD.attributes);
}

/** Refuses a batch whose bytes are not the ones that its CRC was made of. */
export function checkBatchChecksum(bytes: Uint8Array, position = 0): void {
  const stored = dataView(bytes).getUint32(position + FIELD.crc);
  const computed = batchChecksum(bytes, position);
  if (stored === computed) return;
  const reason = `its checksum is ${stored}, its bytes have ${computed} (CRC-32C)`;
  throw batchError('CORRUPT_MESSAGE', position, reason);
}

/** An int64 as a number: exact where it is a safe integer, and no safe integer where it is not. */
function readInt64(view: DataView, position: number): number {
  return view.getInt32(position) * 2 ** 32 + view.getUint32(position + 4);
}

export function writeInt64(view: DataView, position: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  view.setInt32(position, high);
  view.setUint32(position + 4, value - high * 2 ** 32);
}

function compressionOf(attributes: number, position: number): CompressionType {
  const id = attributes & ATTRIBUTE.compression;
  const type = COMPRESSION_TYPES[id];
  if (type !== undefined) return type;
  const allowed = COMPRESSION_TYPES.map((name, index) => `${index} ${name}`).join(', ');
  throw batchError('UNSUPPORTED_COMPRESSION_TYPE', position, `compression type ${id} is not one of ${allowed}`);
}

function checkRanges(header: BatchHeader, attributes: number): void {
  const { position, baseOffset, lastOffsetDelta, recordCount } = header;
  if ((attributes & ~USED_ATTRIBUTES) !== 0) {
    const bits = `0x${attributes.toString(16).padStart(4, '0')}`;
    throw batchError('INVALID_RECORD', position, `its attributes are ${bits}, bits 7 to 15 must be 0`);
  }
  if (!Number.isSafeInteger(baseOffset) || baseOffset < 0 || !Number.isSafeInteger(baseOffset + lastOffsetDelta)) {
    throw batchError('CORRUPT_MESSAGE', position, 'its base offset is not between 0 and 2^53');
  }
  if (lastOffsetDelta < 0) {
    throw batchError(
      'INVALID_RECORD',
      position,
      `its last offset delta is ${lastOffsetDelta}, it must not be negative`,
    );
  }
  // Written so that a record count near 2^31 cannot overflow.
  if (recordCount < 0 || recordCount - 1 > lastOffsetDelta) {
    const reason = `its record count is ${recordCount}, with last offset delta ${lastOffsetDelta} it is at most one more`;
    throw batchError('INVALID_RECORD', position, reason);
  }
  checkTimestamp(header.baseTimestamp, 'base timestamp', position);
  checkTimestamp(header.maxTimestamp, 'max timestamp', position);
}

function checkTimestamp(timestamp: number, name: string, position: number): void {
  if (Number.isSafeInteger(timestamp) && timestamp >= NO_TIMESTAMP) return;
  throw batchError('INVALID_TIMESTAMP', position, `its ${name} is not -1 or between 0 and 2^53 milliseconds`);
}
