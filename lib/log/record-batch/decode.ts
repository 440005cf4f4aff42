/**
 * Record batches to records. Keys and values are views into the batch (or into what its records inflate to): they cost
 * no copy, and keep those bytes alive and must not be changed.
 *
 * Nothing is tolerated: a truncated batch, a wrong checksum, a malformed record or bytes left over are
 * `MillraceError`s. Control batches are decoded like others; who must skip them looks at the header.
 */
import { utf8Text } from '../../kernel/bytes.ts';
import { batchLimits } from '../../kernel/limits/batches.ts';
import type { Compression } from './compression.ts';
import {
  BATCH_OVERHEAD,
  type BatchHeader,
  batchError,
  checkBatchChecksum,
  readBatchHeader,
  wholeBatchSizeBytes,
} from './header.ts';
import type { LogRecord, RecordHeader } from './record.ts';
import { type Payload, RecordReader } from './record-reader.ts';
import { VarintReader } from './varint.ts';

export interface DecodeOptions {
  /** False where the bytes were checked on their way here. Default true. */
  verifyChecksum?: boolean;
  /** What a compressed batch may inflate to. */
  inflatedBytesMax?: number;
}

/** All records of the batch at `position`. */
export function decodeBatch(
  bytes: Uint8Array,
  position: number,
  compression: Compression,
  options: DecodeOptions = {},
): LogRecord[] {
  return [...recordsAt(bytes, position, compression, options)];
}

/** The records of concatenated batches, one by one: a batch is inflated, and a record made, when it is asked for. */
export function* records(
  bytes: Uint8Array,
  compression: Compression,
  options: DecodeOptions = {},
): Generator<LogRecord> {
  for (let position = 0; position < bytes.length; position += wholeBatchSizeBytes(bytes, position)) {
    yield* recordsAt(bytes, position, compression, options);
  }
}

/** The batch's records as uncompressed bytes; its whole size must be there. */
export function recordsPayload(
  bytes: Uint8Array,
  header: BatchHeader,
  compression: Compression,
  inflatedBytesMax: number = batchLimits.inflatedBatchBytesMax,
): Payload {
  const start = header.position + BATCH_OVERHEAD;
  const end = header.position + header.sizeBytes;
  if (header.compression === 'none') return { source: bytes, start, end };
  const source = compression.decompress(header.compression, bytes.subarray(start, end), inflatedBytesMax);
  return { source, start: 0, end: source.length };
}

function* recordsAt(
  bytes: Uint8Array,
  position: number,
  compression: Compression,
  options: DecodeOptions,
): Generator<LogRecord> {
  wholeBatchSizeBytes(bytes, position);
  if (options.verifyChecksum !== false) checkBatchChecksum(bytes, position);
  const header = readBatchHeader(bytes, position);
  const reader = new RecordReader(header, recordsPayload(bytes, header, compression, options.inflatedBytesMax));
  const appendTime = header.timestampType === 'LogAppendTime' ? header.maxTimestamp : undefined;
  for (let index = 0; index < header.recordCount; index++) {
    reader.read();
    yield {
      offset: header.baseOffset + reader.offsetDelta,
      timestamp: appendTime ?? reader.timestamp,
      key: view(reader.source, reader.keyStart, reader.keyLength),
      value: view(reader.source, reader.valueStart, reader.valueLength),
      headers: reader.headerCount === 0 ? [] : headersOf(reader, header),
    };
  }
  reader.finish();
}

/** A plain Uint8Array whatever the source is, so that nobody comes to depend on a Buffer. */
function view(source: Uint8Array, start: number, length: number): Uint8Array | null {
  return length < 0 ? null : new Uint8Array(source.buffer, source.byteOffset + start, length);
}

/** Reads the headers that the reader has walked over, and so found to be well-formed. */
function headersOf(reader: RecordReader, header: BatchHeader): RecordHeader[] {
  const varints = new VarintReader(reader.source, reader.headersStart);
  const headers: RecordHeader[] = [];
  for (let index = 0; index < reader.headerCount; index++) {
    const keyLength = varints.varint();
    const keyStart = varints.skip(keyLength);
    const key = utf8Text(reader.source.subarray(keyStart, keyStart + keyLength));
    if (key === undefined) throw batchError('INVALID_RECORD', header.position, 'a header key is not UTF-8');
    const valueLength = varints.varint();
    const valueStart = valueLength > 0 ? varints.skip(valueLength) : varints.position;
    headers.push({ key, value: view(reader.source, valueStart, valueLength) });
  }
  return headers;
}
