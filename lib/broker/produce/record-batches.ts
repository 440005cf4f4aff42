/** From records to record batches as a topic wants them: the checks of single records, and the encoding of many. */
import { MillraceError } from '../../kernel/errors.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { encodeBatches } from '../../log/record-batch/encode.ts';
import type { NewRecord, RecordHeader } from '../../log/record-batch/record.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { unknownPartition } from '../topics/topic-cache.ts';

/** A record with the partition it goes to, before its time is known. */
export interface UncheckedRecord {
  timestamp?: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: RecordHeader[];
}

/** Why this record cannot be written; `undefined` where it can. */
export function recordFault(
  topic: Topic,
  record: UncheckedRecord,
  partition: number,
  nowMs: number,
): MillraceError | undefined {
  if (partition >= topic.partitions) return unknownPartition(topic, partition);
  const bytesMax = topic.config['max.message.bytes'];
  const bytes = recordBytesMax(record);
  if (bytes > bytesMax) {
    const detail = `A record of ${bytes} bytes is larger than the topic's max.message.bytes of ${bytesMax}.`;
    return new MillraceError('MESSAGE_TOO_LARGE', detail);
  }
  if (record.key === null && topic.config['cleanup.policy'].includes('compact')) {
    return new MillraceError('INVALID_RECORD', 'A record of a compacted topic needs a key.');
  }
  const { timestamp } = record;
  if (timestamp === undefined || topic.config['message.timestamp.type'] === 'LogAppendTime') return undefined;
  return timestampFault(topic, timestamp, nowMs);
}

/** Of a topic that keeps each tenant's records together. */
export function tenantMissing({ config }: Topic): MillraceError {
  const header = config['partitioner.tenant.header'];
  const needed = header === '' ? 'a key' : `the header ${JSON.stringify(header)}`;
  const detail = `A record needs ${needed} that names its tenant, or a partition: the topic has partitioner=tenant.`;
  return new MillraceError('INVALID_RECORD', detail);
}

function timestampFault(topic: Topic, timestamp: number, nowMs: number): MillraceError | undefined {
  const earliest = nowMs - topic.config['message.timestamp.before.max.ms'];
  const latest = Math.min(nowMs + topic.config['message.timestamp.after.max.ms'], topicLimits.timestampMsMax);
  if (timestamp >= Math.max(0, earliest) && timestamp <= latest) return undefined;
  const detail = `The timestamp ${timestamp} is not between ${Math.max(0, earliest)} and ${latest}, as the topic's message.timestamp.before.max.ms and message.timestamp.after.max.ms allow.`;
  return new MillraceError('INVALID_TIMESTAMP', detail);
}

/** The bytes of a batch, and of a record in it, beside key, value and headers: an upper bound. */
const BATCH_OVERHEAD_MAX = 61;
const RECORD_OVERHEAD_MAX = 32;

/** At least the size of a batch that holds this record alone. */
function recordBytesMax(record: UncheckedRecord): number {
  let bytes = BATCH_OVERHEAD_MAX + RECORD_OVERHEAD_MAX + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const { key, value } of record.headers) bytes += key.length * 3 + 10 + (value?.length ?? 0);
  return bytes;
}

/** Each list's records as batches that are within the topic's `max.message.bytes`. */
export function encodeRecords(broker: Broker, topic: Topic, lists: readonly NewRecord[][]): Uint8Array[][] {
  const type = topic.config['compression.type'];
  const options = {
    compressionType: type === 'producer' || type === 'uncompressed' ? ('none' as const) : type,
    compression: broker.compression,
    timestampType: topic.config['message.timestamp.type'],
  };
  const split = lists.map((records) => splitToFit(records, topic.config['max.message.bytes']));
  const batches = encodeBatches(split.flat(), options);
  let next = 0;
  return split.map(({ length }) => {
    const first = next;
    next += length;
    return batches.slice(first, next);
  });
}

/** The records in runs that each fit a batch of so many bytes. */
function splitToFit(records: NewRecord[], bytesMax: number): NewRecord[][] {
  const runs: NewRecord[][] = [];
  let from = 0;
  let bytes = 0;
  for (let index = 0; index < records.length; index++) {
    const size = recordBytesMax(records[index] as NewRecord);
    if (index > from && bytes + size > bytesMax) {
      runs.push(records.slice(from, index));
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  runs.push(from === 0 ? records : records.slice(from));
  return runs;
}
