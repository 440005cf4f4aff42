/**
 * Taking a producer's own batches: checked as a broker checks them, then stored as they are, unless the topic's configs
 * want another compression or the time of the append.
 */
import { crc32cCombine } from '../../kernel/crc32c.ts';
import { limits } from '../../kernel/limits.ts';
import { decodeBatch } from '../../log/record-batch/decode.ts';
import { encodeBatch } from '../../log/record-batch/encode.ts';
import { type BatchHeader, batchHeaders, setLogAppendTime } from '../../log/record-batch/header.ts';
import { validateProducedBatches } from '../../log/record-batch/validate.ts';
import { type BatchRun, storedChecksum } from '../../log/segment/layout.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';

/** The batches as they are to be stored. Changes `bytes` in place where the topic stamps the append's time. */
export function acceptBatches(
  broker: Broker,
  topic: Topic,
  bytes: Uint8Array,
): { batches: Uint8Array[]; records: number } {
  const nowMs = broker.clock.now();
  const appendTime = topic.config['message.timestamp.type'] === 'LogAppendTime';
  const headers = validateProducedBatches(bytes, broker.compression, {
    batchBytesMax: topic.config['max.message.bytes'],
    timestamps: appendTime
      ? undefined
      : {
          earliestMs: nowMs - topic.config['message.timestamp.before.max.ms'],
          latestMs: Math.min(nowMs + topic.config['message.timestamp.after.max.ms'], limits.timestampMsMax),
        },
    baseOffset: 'any',
    keyRequired: topic.config['cleanup.policy'].includes('compact'),
  });
  const records = headers.reduce((sum, header) => sum + header.recordCount, 0);
  const wanted = topic.config['compression.type'];
  const target = wanted === 'uncompressed' ? 'none' : wanted;
  if (target !== 'producer' && headers.some(({ compression }) => compression !== target)) {
    return {
      batches: headers.map((header) => recompressed(broker, bytes, header, target, appendTime, nowMs)),
      records,
    };
  }
  if (appendTime) for (const { position } of headers) setLogAppendTime(bytes, position, nowMs);
  return { batches: [bytes], records };
}

function recompressed(
  broker: Broker,
  bytes: Uint8Array,
  header: BatchHeader,
  compressionType: BatchHeader['compression'],
  appendTime: boolean,
  nowMs: number,
): Uint8Array {
  const { position, producerId, producerEpoch, baseSequence } = header;
  const records = decodeBatch(bytes, position, broker.compression, { verifyChecksum: false });
  const { compression } = broker;
  const batch = encodeBatch(records, { compressionType, compression, producerId, producerEpoch, baseSequence });
  if (appendTime) setLogAppendTime(batch, 0, nowMs);
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
