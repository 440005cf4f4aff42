/** Topics: `client.topics`. */
import type { JsonDeletionAnswer, JsonTopic, JsonTopicPage, JsonTopicSummary } from './api.ts';
import { errorOf, type MillraceClientError } from './errors.ts';
import { type ApiAnswer, jsonOf, type Transport } from './transport.ts';

export interface TopicSummary {
  name: string;
  /** A UUID as 22 characters of base64url, as Kafka writes it. */
  topicId: string;
  partitions: number;
  replicationFactor: number;
}

export interface PartitionDetails {
  partition: number;
  leader: number;
  leaderEpoch: number;
  replicas: number[];
  isr: number[];
  logStartOffset: number;
  /** The offset after the last record. */
  highWatermark: number;
}

export interface TopicDetails extends TopicSummary {
  config: Record<string, string>;
  partitionDetails: PartitionDetails[];
}

export interface CreateTopicOptions {
  /** Default 1. */
  partitions?: number;
  /** Default 1. */
  replicationFactor?: number;
  /** Kafka's topic configs by name. */
  config?: Record<string, string | number | boolean>;
}

export interface AlterTopicOptions {
  /** Not fewer than there are. */
  partitions?: number;
  /** Merged into the topic's configs; null sets one back to its default. */
  config?: Record<string, string | number | boolean | null>;
}

export interface ListTopicsOptions {
  /** At most this many; the server's own limit where absent. */
  limit?: number;
  /** The `next` of an earlier page. */
  cursor?: string;
}

export interface TopicPage {
  topics: TopicSummary[];
  /** The cursor of the next page; absent on the last. */
  next?: string;
}

/** Up to where a partition's records are deleted: one of `beforeOffset` and `beforeTimestamp`. */
export interface RecordDeletion {
  partition: number;
  /** The first record that stays; `latest`: none does. */
  beforeOffset?: number | 'latest';
  /** The first record of this time or later stays, in milliseconds since the epoch, and all after it. */
  beforeTimestamp?: number;
}

/** What became of one partition. */
export type RecordDeletionResult =
  /** Where it begins now. */
  { partition: number; logStartOffset: number } | { partition: number; error: MillraceClientError };

export interface TopicsClient {
  /** Throws `TOPIC_ALREADY_EXISTS`, `INVALID_TOPIC`, `INVALID_PARTITIONS`, `INVALID_CONFIG`. */
  create(name: string, options?: CreateTopicOptions): Promise<TopicDetails>;
  /** One page, by name. */
  list(options?: ListTopicsOptions): Promise<TopicPage>;
  /** Throws `UNKNOWN_TOPIC_OR_PARTITION`. */
  describe(name: string, options?: { signal?: AbortSignal }): Promise<TopicDetails>;
  /** Adds partitions or changes configs. */
  alter(name: string, changes: AlterTopicOptions): Promise<TopicDetails>;
  /** Deletes the topic with its records. Throws `UNKNOWN_TOPIC_OR_PARTITION`. */
  delete(name: string): Promise<void>;
  /**
   * Deletes the oldest records of partitions; each has its own outcome, in their order. Throws where all failed for the
   * same reason: `OFFSET_OUT_OF_RANGE` for an offset beyond the end, `POLICY_VIOLATION` where the topic's
   * `cleanup.policy` is without `delete`.
   */
  deleteRecords(name: string, partitions: readonly RecordDeletion[]): Promise<RecordDeletionResult[]>;
}

/** As Kafka's DeleteRecords says it. */
const HIGH_WATERMARK = -1;

const JSON_HEADERS = { 'content-type': 'application/json' };

export function topicsClient(send: Transport): TopicsClient {
  return {
    async create(name, { partitions, replicationFactor, config } = {}) {
      const body = JSON.stringify({ name, partitions, replication_factor: replicationFactor, config });
      return topicFrom(await send({ method: 'POST', path: ['v1', 'topics'], headers: JSON_HEADERS, body }));
    },
    async list({ limit, cursor } = {}) {
      const answer = await send({ method: 'GET', path: ['v1', 'topics'], query: { limit, cursor } });
      const { topics, next } = jsonOf(answer) as JsonTopicPage;
      return { topics: topics.map(summaryFrom), ...(next === undefined ? {} : { next }) };
    },
    async describe(name, { signal } = {}) {
      return topicFrom(await send({ method: 'GET', path: ['v1', 'topics', name], signal }));
    },
    async alter(name, { partitions, config }) {
      const body = JSON.stringify({ partitions, config });
      return topicFrom(await send({ method: 'PATCH', path: ['v1', 'topics', name], headers: JSON_HEADERS, body }));
    },
    async delete(name) {
      await send({ method: 'DELETE', path: ['v1', 'topics', name] });
    },
    async deleteRecords(name, partitions) {
      const body = JSON.stringify({ partitions: partitions.map(deletionJson) });
      const path = ['v1', 'topics', name, 'records'];
      // A time, or the end, may stand for a later offset when it is asked for again.
      const repeatable = partitions.every(({ beforeOffset }) => typeof beforeOffset === 'number');
      const answer = await send({ method: 'DELETE', path, headers: JSON_HEADERS, body, repeatable });
      return (jsonOf(answer) as JsonDeletionAnswer).partitions.map(deletionResult);
    },
  };
}

function deletionJson({ partition, beforeOffset, beforeTimestamp }: RecordDeletion) {
  return {
    partition,
    before_offset: beforeOffset === 'latest' ? HIGH_WATERMARK : beforeOffset,
    before_timestamp: beforeTimestamp,
  };
}

function deletionResult(one: JsonDeletionAnswer['partitions'][number]): RecordDeletionResult {
  const { partition } = one;
  if ('error' in one) return { partition, error: errorOf(one.error) };
  return { partition, logStartOffset: one.log_start_offset };
}

function summaryFrom(json: JsonTopicSummary): TopicSummary {
  return {
    name: json.name,
    topicId: json.topic_id,
    partitions: json.partitions,
    replicationFactor: json.replication_factor,
  };
}

function topicFrom(answer: ApiAnswer): TopicDetails {
  const json = jsonOf(answer) as JsonTopic;
  return {
    ...summaryFrom(json),
    config: json.config,
    partitionDetails: json.partition_details.map((details) => ({
      partition: details.partition,
      leader: details.leader,
      leaderEpoch: details.leader_epoch,
      replicas: details.replicas,
      isr: details.isr,
      logStartOffset: details.log_start_offset,
      highWatermark: details.high_watermark,
    })),
  };
}
