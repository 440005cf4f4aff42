/**
 * What a broker checks of record batches that a client produces (Kafka: LogValidator, UnifiedLog's
 * analyzeAndValidateRecords, DefaultRecordBatch, DefaultRecord), without making records of them.
 *
 * Stricter than Kafka in that uncompressed batches need dense offset deltas too (Kafka looks at compressed ones only),
 * that the attributes of records and the unused ones of batches must be 0, that header keys must be UTF-8, that
 * timestamps below −1 do not exist, and that a producer id needs an epoch and a transactional batch a producer id. All
 * of this holds for what Kafka's own and the other common clients write.
 *
 * As in Kafka a wrong max timestamp is not an error but put right: kafkajs, for one, leaves records out of it that have
 * no timestamp of their own.
 */

import { MillraceError } from '../../kernel/errors.ts';
import { batchLimits } from '../../kernel/limits/batches.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import type { Compression } from './compression.ts';
import { recordsPayload } from './decode.ts';
import {
  type BatchHeader,
  batchError,
  checkBatchChecksum,
  readBatchHeader,
  setMaxTimestamp,
  wholeBatchSizeBytes,
} from './header.ts';
import { NO_TIMESTAMP } from './record.ts';
import { RecordReader } from './record-reader.ts';

export interface ProducedBatchRules {
  /** The topic's `max.message.bytes`: the size of a batch as it is stored. */
  batchBytesMax: number;
  /** What the compressed batches may inflate to together. Default `batchLimits.inflatedBatchBytesMax`. */
  inflatedBytesMax?: number;
  /**
   * What one record may take, inflated: what a reader must take in one piece. Default `topicLimits.messageBytesMax`.
   */
  recordBytesMax?: number;
  /** How many batches may follow each other; Kafka's protocol allows one per partition of a request. */
  batchesMax?: number;
  /** True for a topic with `cleanup.policy=compact`: every record needs a key. */
  keyRequired?: boolean;
  /**
   * What `message.timestamp.before.max.ms` and `.after.max.ms` allow now; −1 is always allowed. Absent for a topic with
   * LogAppendTime.
   */
  timestamps?: { earliestMs: number; latestMs: number };
  /**
   * Kafka's rule is that producers write 0, the default; `any` takes what a fetch gave, since the field is set anew.
   */
  baseOffset?: 'zero' | 'any';
}

/**
 * Checks everything that `bytes`, one or more batches, must be, and returns their headers. Changes `bytes` in one case:
 * a wrong max timestamp, and with it the CRC.
 *
 * Throws `MillraceError`: CORRUPT_MESSAGE (sizes, magic, CRC, compressed stream), UNSUPPORTED_FOR_MESSAGE_FORMAT (magic
 * 0 and 1), UNSUPPORTED_COMPRESSION_TYPE, MESSAGE_TOO_LARGE, INVALID_TIMESTAMP, or INVALID_RECORD for all else.
 */
export function validateProducedBatches(
  bytes: Uint8Array,
  compression: Compression,
  rules: ProducedBatchRules,
): BatchHeader[] {
  if (bytes.length === 0)
    throw new MillraceError('INVALID_RECORD', 'There is no record batch; at least one is needed.');
  const headers: BatchHeader[] = [];
  const batchesMax = rules.batchesMax ?? Number.POSITIVE_INFINITY;
  const budget = { inflatedBytes: rules.inflatedBytesMax ?? batchLimits.inflatedBatchBytesMax };
  for (let position = 0; position < bytes.length; ) {
    if (headers.length >= batchesMax) {
      throw batchError('INVALID_RECORD', position, `only ${batchesMax} may be written to a partition at once`);
    }
    const header = validateBatch(bytes, position, { compression, rules, budget });
    headers.push(header);
    position += header.sizeBytes;
  }
  return headers;
}

interface Validation {
  compression: Compression;
  rules: ProducedBatchRules;
  /** What is left for the batches that follow. */
  budget: { inflatedBytes: number };
}

function validateBatch(bytes: Uint8Array, position: number, validation: Validation): BatchHeader {
  const { rules } = validation;
  const sizeBytes = wholeBatchSizeBytes(bytes, position);
  if (sizeBytes > rules.batchBytesMax) {
    const reason = `it has ${sizeBytes} bytes, the topic allows ${rules.batchBytesMax}`;
    throw batchError('MESSAGE_TOO_LARGE', position, reason);
  }
  // Before anything else is believed: a flipped bit is a transport fault, which a client may retry.
  checkBatchChecksum(bytes, position);
  const header = readBatchHeader(bytes, position);
  checkHeader(header, rules);
  checkProducer(header);
  const maxTimestamp = checkRecords(bytes, header, validation);
  if (maxTimestamp === header.maxTimestamp) return header;
  setMaxTimestamp(bytes, position, maxTimestamp);
  return readBatchHeader(bytes, position);
}

function checkHeader(header: BatchHeader, rules: ProducedBatchRules): void {
  const { position, baseOffset, recordCount, lastOffsetDelta } = header;
  if (header.control) throw batchError('INVALID_RECORD', position, 'only brokers write control batches');
  if (header.deleteHorizon)
    throw batchError('INVALID_RECORD', position, 'only brokers set the delete horizon attribute');
  if (header.timestampType !== 'CreateTime') {
    throw batchError('INVALID_TIMESTAMP', position, 'its timestamp type is LogAppendTime, which only brokers set');
  }
  if (baseOffset !== 0 && rules.baseOffset !== 'any') {
    throw batchError('INVALID_RECORD', position, `its base offset is ${baseOffset}, a producer's must be 0`);
  }
  if (recordCount !== lastOffsetDelta + 1) {
    const reason = `its record count is ${recordCount}, with last offset delta ${lastOffsetDelta} it must be one more`;
    throw batchError('INVALID_RECORD', position, reason);
  }
  if (recordCount > batchLimits.recordsPerBatchMax) {
    const reason = `it has ${recordCount} records, at most ${batchLimits.recordsPerBatchMax} are allowed`;
    throw batchError('MESSAGE_TOO_LARGE', position, reason);
  }
}

function checkProducer(header: BatchHeader): void {
  const { position, producerId, producerEpoch, baseSequence } = header;
  if (producerId < -1n) throw batchError('INVALID_RECORD', position, `its producer id is ${producerId}, below -1`);
  if (producerId === -1n) {
    if (header.transactional) throw batchError('INVALID_RECORD', position, 'it is transactional without a producer id');
    return; // Epoch and sequence mean nothing then; some clients write −1, some 0.
  }
  if (producerEpoch < 0) {
    throw batchError(
      'INVALID_RECORD',
      position,
      `its producer epoch is ${producerEpoch}, with a producer id it is at least 0`,
    );
  }
  if (baseSequence < 0) {
    throw batchError(
      'INVALID_RECORD',
      position,
      `its base sequence is ${baseSequence}, with a producer id it is at least 0`,
    );
  }
}

/**
 * Walks over the records and returns the highest timestamp. The first that is malformed ends it; what the topic does
 * not take is looked for in all of them, so that producers can tell their users which ones it was (KIP-467).
 */
function checkRecords(bytes: Uint8Array, header: BatchHeader, { compression, rules, budget }: Validation): number {
  const { recordBytesMax = topicLimits.messageBytesMax } = rules;
  const payload = recordsPayload(bytes, header, compression, budget.inflatedBytes);
  if (header.compression !== 'none') budget.inflatedBytes -= payload.end - payload.start;
  const reader = new RecordReader(header, payload);
  const faults: MillraceError[] = [];
  let maxTimestamp = NO_TIMESTAMP;
  for (let index = 0; index < header.recordCount; index++) {
    reader.read();
    if (reader.length > recordBytesMax) {
      throw reader.error('MESSAGE_TOO_LARGE', `it has ${reader.length} bytes, at most ${recordBytesMax} are allowed`);
    }
    if (reader.offsetDelta !== index) {
      throw reader.error('INVALID_RECORD', `its offset delta is ${reader.offsetDelta}, it must be ${index}`);
    }
    const fault = faultOf(reader, rules);
    if (fault !== undefined && faults.push(fault) >= batchLimits.recordFaultsMax) break;
    if (reader.timestamp > maxTimestamp) maxTimestamp = reader.timestamp;
  }
  refuseFor(faults);
  reader.finish();
  return maxTimestamp;
}

/** What the topic does not take of the record that the reader is on. */
function faultOf(
  reader: RecordReader,
  { keyRequired = false, timestamps }: ProducedBatchRules,
): MillraceError | undefined {
  if (keyRequired && reader.keyLength < 0) {
    return reader.error('INVALID_RECORD', 'its key is null, a compacted topic needs keys');
  }
  const { timestamp } = reader;
  if (timestamps === undefined || timestamp === NO_TIMESTAMP) return undefined;
  if (timestamp >= timestamps.earliestMs && timestamp <= timestamps.latestMs) return undefined;
  const allowed = `between ${timestamps.earliestMs} and ${timestamps.latestMs}`;
  return reader.error('INVALID_TIMESTAMP', `its timestamp is ${timestamp}, the topic allows ${allowed} now`);
}

/** With the message of the first, and the places of all. A wrong timestamp comes before other faults, as in Kafka. */
function refuseFor(faults: readonly MillraceError[]): void {
  const first = faults.find(({ code }) => code === 'INVALID_TIMESTAMP') ?? faults[0];
  if (first === undefined) return;
  const records = faults.flatMap(({ facts }) => facts.records ?? []);
  throw new MillraceError(first.code, first.message, { facts: { records } });
}
