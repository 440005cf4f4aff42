/**
 * Taking a producer's own batches: checked as a broker checks them, then stored as they are, unless the topic's configs
 * want another compression or the time of the append.
 */
import { crc32cCombine } from '../../kernel/crc32c.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { batchLimits } from '../../kernel/limits/batches.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import type { CompressionType } from '../../log/record-batch/compression.ts';
import { decodeBatch } from '../../log/record-batch/decode.ts';
import { encodeBatch } from '../../log/record-batch/encode.ts';
import { type BatchHeader, batchHeaders, setLogAppendTime, storedChecksum } from '../../log/record-batch/header.ts';
import { validateProducedBatches } from '../../log/record-batch/validate.ts';
import type { BatchRun } from '../../log/segment/layout.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';

export interface AcceptedBatches {
  batches: Uint8Array[];
  records: number;
  /** The time that all of their records have been given; absent where they keep their own. */
  appendTimeMs?: number;
}

/**
 * The batches as they are to be stored. Changes `bytes` in place where the topic stamps the append's time.
 *
 * Small batches can inflate to very much, so that those of one request take turns with those of others: of one request
 * are those whose bytes lie in the same memory. A promise only where it has to wait.
 */
export function acceptInTurn(
  broker: Broker,
  topic: Topic,
  bytes: Uint8Array,
): AcceptedBatches | Promise<AcceptedBatches> {
  return broker.checking.run(bytes.buffer, () => acceptBatches(broker, topic, bytes));
}

/** The same at once. */
export function acceptBatches(broker: Broker, topic: Topic, bytes: Uint8Array): AcceptedBatches {
  const nowMs = broker.clock.now();
  const appendTime = topic.config['message.timestamp.type'] === 'LogAppendTime';
  const headers = validateProducedBatches(bytes, broker.compression, {
    batchBytesMax: topic.config['max.message.bytes'],
    timestamps: appendTime
      ? undefined
      : {
          earliestMs: nowMs - topic.config['message.timestamp.before.max.ms'],
          latestMs: Math.min(nowMs + topic.config['message.timestamp.after.max.ms'], topicLimits.timestampMsMax),
        },
    baseOffset: 'any',
    batchesMax: batchLimits.batchesAtOnceMax,
    keyRequired: topic.config['cleanup.policy'].includes('compact'),
  });
  const records = headers.reduce((sum, header) => sum + header.recordCount, 0);
  const wanted = topic.config['compression.type'];
  const target = wanted === 'uncompressed' ? 'none' : wanted;
  const batches =
    target === 'producer' || headers.every(({ compression }) => compression === target)
      ? [bytes]
      : recompressedAll(broker, topic, bytes, headers, target);
  if (!appendTime) return { batches, records };
  stamp(batches, nowMs);
  return { batches, records, appendTimeMs: nowMs };
}

function stamp(chunks: readonly Uint8Array[], nowMs: number): void {
  for (const chunk of chunks) for (const { position } of batchHeaders(chunk)) setLogAppendTime(chunk, position, nowMs);
}

/** Together no more than one flush holds: small batches can inflate to very much. */
function recompressedAll(
  broker: Broker,
  topic: Topic,
  bytes: Uint8Array,
  headers: readonly BatchHeader[],
  compressionType: CompressionType,
): Uint8Array[] {
  const batches: Uint8Array[] = [];
  let total = 0;
  for (const header of headers) {
    const batch = recompressed(broker, topic, bytes, header, compressionType);
    total += batch.length;
    if (total > produceLimits.flushBytesMax) {
      const detail = `The batches together, in the topic's compression.type ${compressionType}, are larger than ${produceLimits.flushBytesMax} bytes.`;
      throw new MillraceError('MESSAGE_TOO_LARGE', detail);
    }
    batches.push(batch);
  }
  return batches;
}

function recompressed(
  broker: Broker,
  topic: Topic,
  bytes: Uint8Array,
  header: BatchHeader,
  compressionType: CompressionType,
): Uint8Array {
  const { position, producerId, producerEpoch, baseSequence, transactional } = header;
  const { compression } = broker;
  const records = decodeBatch(bytes, position, compression, { verifyChecksum: false });
  const producer = { producerId, producerEpoch, baseSequence, transactional };
  const batch = encodeBatch(records, { compressionType, compression, ...producer });
  const bytesMax = topic.config['max.message.bytes'];
  if (batch.length > bytesMax) {
    const detail = `A batch of ${batch.length} bytes, in the topic's compression.type ${compressionType}, is larger than its max.message.bytes of ${bytesMax}.`;
    throw new MillraceError('MESSAGE_TOO_LARGE', detail);
  }
  return batch;
}

/** What the append path needs to know of checked batches: counts, newest time, checksum. One chunk or several. */
export function runOf(chunks: readonly Uint8Array[]): BatchRun {
  const run: BatchRun = { chunks, bytes: 0, records: 0, maxTimestamp: 0, crc32c: 0 };
  for (const chunk of chunks) {
    for (const header of batchHeaders(chunk)) {
      run.records += header.recordCount;
      run.maxTimestamp = Math.max(run.maxTimestamp, header.maxTimestamp);
      run.crc32c = crc32cCombine(run.crc32c, storedChecksum(chunk, header), header.sizeBytes);
    }
    run.bytes += chunk.length;
  }
  return run;
}
