/** Records as a consumer hands them out. */
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
   * Commits that this record, and all before it in its partition, are done: the group goes on after it. Calls at the same time
   * share a request. Rejects with `PARTITION_NOT_ASSIGNED` where the partition was given up or lost meanwhile.
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

/** A key or value that the deserializer threw at. It is asked for again next time; `seek` goes past it. */
export class DeserializationError extends MillraceClientError {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** As it arrived, for whoever puts it aside. */
  readonly record: ClientRecord;

  constructor(json: JsonPolledRecord, part: 'key' | 'value', cause: unknown) {
    const { topic, partition, offset } = json;
    const why = cause instanceof Error ? cause.message : String(cause);
    const detail = `the ${part} of ${topic} ${partition} at offset ${offset} was not deserialized: ${why}`;
    super('DESERIALIZATION_FAILED', detail, { retriable: false, effect: 'none', cause });
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.record = recordFromJson<'text'>(json);
  }
}

export type Deserializers = Pick<ConsumerSettings, 'keyDeserializer' | 'valueDeserializer'>;

export type Commit = (position: { offset: number; metadata?: string }) => Promise<void>;

class PolledRecord implements ConsumerRecord<unknown, unknown> {
  topic: string;
  partition: number;
  offset: number;
  timestamp: number;
  key: unknown;
  value: unknown;
  headers: ConsumerRecord<unknown, unknown>['headers'];
  readonly #commit: Commit;

  constructor(json: JsonPolledRecord, { keyDeserializer, valueDeserializer }: Deserializers, commit: Commit) {
    const { key, value, headers } = recordFromJson<'text'>(json);
    this.topic = json.topic;
    this.partition = json.partition;
    this.offset = json.offset;
    this.timestamp = json.timestamp;
    this.key = part(json, 'key', key, keyDeserializer);
    this.value = part(json, 'value', value, valueDeserializer);
    this.headers = headers;
    this.#commit = commit;
  }

  commit({ metadata }: CommitOptions = {}): Promise<void> {
    return this.#commit({ offset: this.offset + 1, ...(metadata !== undefined && { metadata }) });
  }
}

function part(
  json: JsonPolledRecord,
  name: 'key' | 'value',
  content: ContentOf['text'] | null,
  deserializer: ConsumerSettings['keyDeserializer'],
): unknown {
  if (content === null) return null;
  try {
    return deserialized(deserializer, content, json.topic);
  } catch (cause) {
    throw new DeserializationError(json, name, cause);
  }
}

/** `commit` is that of the record's partition. Throws `DeserializationError`. */
export function consumerRecord(
  json: JsonPolledRecord,
  deserializers: Deserializers,
  commit: Commit,
): ConsumerRecord<unknown, unknown> {
  return new PolledRecord(json, deserializers, commit);
}
