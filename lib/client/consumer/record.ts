/** Records as a consumer hands them out. */
import { utf8Text } from '../../kernel/bytes.ts';
import type { LogRecord } from '../../log/record-batch/record.ts';
import { MillraceClientError } from '../errors.ts';
import { type ClientRecord, type ContentOf, recordFromJson } from '../records.ts';
import type { GroupOffsets } from '../transaction.ts';
import { deserialized } from './deserializers.ts';
import type { JsonPolledRecord } from './groups-api.ts';
import type { ConsumerSettings, TopicPartition } from './options.ts';

export interface CommitOptions {
  /** Kept beside the offset. */
  metadata?: string;
}

export interface ConsumerRecord<Key, Value> extends TopicPartition {
  offset: number;
  /** Milliseconds since the epoch. */
  timestamp: number;
  key: Key | null;
  value: Value | null;
  /** As text where the bytes are UTF-8. */
  headers: { key: string; value: ContentOf['text'] | null }[];
  /**
   * Commits that this record, and all before it in its partition, are done: the group goes on after it. Calls at the
   * same time share a request. Rejects with `PARTITION_NOT_ASSIGNED` where the partition was given up or lost
   * meanwhile.
   */
  commit(options?: CommitOptions): Promise<void>;
}

/** Records of one partition that came with one answer. */
export interface ConsumerBatch<Key, Value> extends TopicPartition {
  /** At least one. */
  records: ConsumerRecord<Key, Value>[];
  /** What committing the batch commits. */
  offsets: { topic: string; partition: number; offset: number }[];
  /** The same for `transaction.commitOffsets`, with who this member is. Throws `PARTITION_NOT_ASSIGNED`. */
  groupOffsets(): GroupOffsets;
  /** Commits all of it, as the `commit` of its last record. */
  commit(options?: CommitOptions): Promise<void>;
}

/**
 * A record that has not been handed out yet. Bytes may be UTF-8 where they come from the bucket: text is made of them
 * only when somebody wants it.
 */
export interface ArrivedRecord extends ClientRecord, TopicPartition {
  isView?: boolean;
}

export function arrivedFromJson(json: JsonPolledRecord): ArrivedRecord {
  const { topic, partition } = json;
  return { topic, partition, ...recordFromJson<'text'>(json) };
}

/** The same of a record as it is stored; a view of what it was read from, which is short-lived too. */
export function arrivedFromLog(
  { offset, timestamp, key, value, headers }: LogRecord,
  { topic, partition }: TopicPartition,
): ArrivedRecord {
  return { topic, partition, offset, timestamp, key, value, headers, isView: true };
}

/** A key or value that the deserializer threw at. It is asked for again next time; `seek` goes past it. */
export class DeserializationError extends MillraceClientError {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** As it arrived, for whoever puts it aside. */
  readonly record: ClientRecord;

  constructor({ topic, partition, ...record }: ArrivedRecord, part: 'key' | 'value', cause: unknown) {
    const { offset, timestamp, key, value, headers } = record;
    const why = cause instanceof Error ? cause.message : String(cause);
    const detail = `the ${part} of ${topic} ${partition} at offset ${offset} was not deserialized: ${why}`;
    super('DESERIALIZATION_FAILED', detail, { retriable: false, effect: 'none', cause });
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.record = { offset, timestamp, key: textOrCopy(key), value: textOrCopy(value), headers: textHeaders(headers) };
  }
}

export type Deserializers = Pick<ConsumerSettings, 'keyDeserializer' | 'valueDeserializer'>;

export type Commit = (position: { offset: number; metadata?: string }) => Promise<void>;

class HandedRecord implements ConsumerRecord<unknown, unknown> {
  topic: string;
  partition: number;
  offset: number;
  timestamp: number;
  key: unknown;
  value: unknown;
  headers: ConsumerRecord<unknown, unknown>['headers'];
  readonly #commit: Commit;

  constructor(arrived: ArrivedRecord, { keyDeserializer, valueDeserializer }: Deserializers, commit: Commit) {
    this.topic = arrived.topic;
    this.partition = arrived.partition;
    this.offset = arrived.offset;
    this.timestamp = arrived.timestamp;
    this.key = part(arrived, 'key', keyDeserializer);
    this.value = part(arrived, 'value', valueDeserializer);
    this.headers = textHeaders(arrived.headers);
    this.#commit = commit;
  }

  commit({ metadata }: CommitOptions = {}): Promise<void> {
    return this.#commit({ offset: this.offset + 1, ...(metadata !== undefined && { metadata }) });
  }
}

function part(
  arrived: ArrivedRecord,
  name: 'key' | 'value',
  deserializer: ConsumerSettings['keyDeserializer'],
): unknown {
  const content = arrived[name];
  if (content === null) return null;
  try {
    return deserialized(deserializer, content, arrived);
  } catch (cause) {
    throw new DeserializationError(arrived, name, cause);
  }
}

function textHeaders(headers: ArrivedRecord['headers']): ArrivedRecord['headers'] {
  return headers.map(({ key, value }) => ({ key, value: textOrCopy(value) }));
}

function textOrCopy(content: ContentOf['text'] | null): ContentOf['text'] | null {
  return content instanceof Uint8Array ? (utf8Text(content) ?? content.slice()) : content;
}

/** `commit` is that of the record's partition. Throws `DeserializationError`. */
export function consumerRecord(
  arrived: ArrivedRecord,
  deserializers: Deserializers,
  commit: Commit,
): ConsumerRecord<unknown, unknown> {
  return new HandedRecord(arrived, deserializers, commit);
}
