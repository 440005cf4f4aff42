/** The JSON of the API's requests and answers, as far as the client uses it; docs/http-api.md has the whole. */
import type { Problem } from './errors.ts';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type Acks = 'all' | 'leader' | 'none';

export interface JsonRecordRequest {
  key?: JsonValue;
  key_base64?: string;
  value?: JsonValue;
  value_base64?: string;
  headers?: Record<string, string> | { key: string; value?: string | null; value_base64?: string }[];
  partition?: number;
  timestamp?: number;
}

export interface JsonRecordAnswer {
  offset: number;
  timestamp: number;
  key?: JsonValue;
  key_base64?: string | null;
  value?: JsonValue;
  value_base64?: string | null;
  headers: { key: string; value?: JsonValue; value_base64?: string | null }[];
}

export interface JsonFetchAnswer {
  records: JsonRecordAnswer[];
  next_offset: number;
  high_watermark: number;
  log_start_offset: number;
}

/** `GET …/plan`. */
export interface JsonPlan {
  segments: (JsonPlannedRange | JsonPlannedBytes)[];
  next_offset: number;
  expires_at: number | null;
}

export interface JsonPlannedRange {
  url: string;
  headers: Record<string, string>;
  base_offset: number;
  last_offset: number;
  bytes: number;
  crc32c: number;
  /** Of the batches in the bytes; relative to `base_offset` where absent. */
  offsets?: 'absolute';
}

export interface JsonPlannedBytes {
  batches_base64: string;
  base_offset: number;
  last_offset: number;
}

export interface JsonProduceAnswer {
  records: ({ partition: number; offset?: number; timestamp?: number } | { error: Problem })[];
}

export interface JsonProduceBatchesAnswer {
  partition: number;
  base_offset?: number;
  record_count: number;
}

/** `POST /v1/transactions`. */
export interface JsonTransactionRequest {
  transactional_id?: string;
  records: ({ topic: string } & JsonRecordRequest)[];
  offsets?: {
    group: string;
    member?: string;
    generation?: number;
    offsets: { topic: string; partition: number; offset: number; metadata?: string }[];
  };
}

export interface JsonTransactionAnswer {
  records: { topic: string; partition: number; offset: number; timestamp: number }[];
}

/** `POST /v1/transactions/{transactional_id}/init`. */
export interface JsonTransactionInit {
  epoch: number;
}

/** `GET /v1/groups/{group}/offsets`. */
export interface JsonCommittedOffsets {
  offsets: {
    topic: string;
    partition: number;
    offset: number;
    leader_epoch?: number;
    metadata?: string;
    committed_at: number;
  }[];
  next?: string;
}

/** `POST /v1/producers`. */
export interface JsonProducer {
  producer_id: number;
  producer_epoch: number;
}

export interface JsonTopicSummary {
  name: string;
  topic_id: string;
  partitions: number;
  replication_factor: number;
}

export interface JsonTopic extends JsonTopicSummary {
  config: Record<string, string>;
  partition_details: {
    partition: number;
    leader: number;
    leader_epoch: number;
    replicas: number[];
    isr: number[];
    log_start_offset: number;
    high_watermark: number;
  }[];
}

export interface JsonTopicPage {
  topics: JsonTopicSummary[];
  next?: string;
}

/** `DELETE /v1/topics/{topic}/records`. */
export interface JsonDeletionAnswer {
  partitions: ({ partition: number; log_start_offset: number } | { partition: number; error: Problem })[];
}

export interface JsonOffset {
  offset: number | null;
  timestamp: number | null;
  leader_epoch: number;
}

export type Scope = 'produce' | 'consume' | 'admin';

export interface JsonKey {
  id: string;
  scopes: Scope[];
  topic_prefix?: string;
  created_at: number;
}

export interface JsonNewKey extends JsonKey {
  secret: string;
}

export interface JsonKeyPage {
  keys: JsonKey[];
  next?: string;
}
