/** The JSON of the calls that a consumer makes of its group; docs/http-api.md has the whole. */
import { toBase64Url } from '../../kernel/bytes.ts';
import type { Random } from '../../kernel/random.ts';
import type { JsonRecordAnswer } from '../api.ts';
import { JSON_TYPE, jsonOf, type Transport } from '../transport.ts';
import type { ConsumerSettings, TopicPartition } from './options.ts';

export interface JsonTopicPartitions {
  topic: string;
  partitions: number[];
}

export interface JsonGroupOffset {
  topic: string;
  partition: number;
  offset: number;
  metadata?: string;
}

/** `POST /v1/groups/{group}/poll`. */
export interface JsonPollRequest {
  member?: string;
  /** Of one that joins: the same again finds the same member. */
  join_id?: string;
  cursor?: string;
  topics?: readonly string[];
  topic_pattern?: string;
  max_records?: number;
  max_bytes?: number;
  wait_ms?: number;
  auto_offset_reset?: 'latest' | 'earliest' | 'none';
  commit?: 'delivered' | 'none' | readonly JsonGroupOffset[];
  session_timeout_ms?: number;
  rebalance_timeout_ms?: number;
  instance_id?: string;
  assignor?: string;
  /** Not read from, for this call. */
  paused?: readonly JsonTopicPartitions[];
  /** Where to go on, in place of what the cursor says. */
  seek?: readonly JsonGroupOffset[];
}

export type JsonPolledRecord = JsonRecordAnswer & { topic: string; partition: number };

export interface JsonPollAnswer {
  member: string;
  generation: number;
  cursor: string;
  assignment: JsonTopicPartitions[];
  records: JsonPolledRecord[];
  revoked: JsonTopicPartitions[];
}

export type PollAnswer = JsonPollAnswer & { bytes: number };

/** `POST /v1/groups/{group}/commit`. */
export interface JsonCommitRequest {
  member?: string;
  generation?: number;
  instance_id?: string;
  offsets: readonly JsonGroupOffset[];
}

/** `POST /v1/groups/{group}/leave`. */
export interface JsonLeaveRequest {
  member: string;
  cursor?: string;
  keep_seat?: boolean;
}

const HEADERS = { 'content-type': JSON_TYPE };

export interface GroupsApi {
  /** `bytes`: of the answer. */
  poll(request: JsonPollRequest, signal?: AbortSignal): Promise<PollAnswer>;
  /** Committing the same offsets twice does no harm; whether it may still be done, the generation says. */
  commit(request: JsonCommitRequest, signal?: AbortSignal): Promise<void>;
  leave(request: JsonLeaveRequest, signal?: AbortSignal): Promise<void>;
}

export function groupsApi(send: Transport, group: string): GroupsApi {
  const post = (verb: string, body: unknown, more: { signal?: AbortSignal; waitMs?: number; repeatable: boolean }) =>
    send({
      method: 'POST',
      path: ['v1', 'groups', group, verb],
      headers: HEADERS,
      body: JSON.stringify(body),
      ...more,
    });
  return {
    async poll(request, signal) {
      // Without either each attempt would be a member.
      const repeatable = request.member !== undefined || request.join_id !== undefined;
      const answer = await post('poll', request, { signal, waitMs: request.wait_ms, repeatable });
      return { ...(jsonOf(answer) as JsonPollAnswer), bytes: answer.bytes.length };
    },
    async commit(request, signal) {
      await post('commit', request, { signal, repeatable: true });
    },
    async leave(request, signal) {
      await post('leave', request, { signal, repeatable: true });
    },
  };
}

/** What a member says of itself when it joins; later it changes nothing. */
export function introduction({
  topics,
  pattern,
  sessionTimeoutMs,
  rebalanceTimeoutMs,
  instanceId,
  assignor,
}: ConsumerSettings): JsonPollRequest {
  return {
    ...(topics === undefined ? { topic_pattern: pattern } : { topics }),
    session_timeout_ms: sessionTimeoutMs,
    rebalance_timeout_ms: rebalanceTimeoutMs,
    ...(instanceId !== undefined && { instance_id: instanceId }),
    ...(assignor !== undefined && { assignor }),
  };
}

const JOIN_ID_BYTES = 16;

export function newJoinId(random: Random): string {
  return toBase64Url(random.bytes(JOIN_ID_BYTES));
}

export function eachPartition(topics: readonly JsonTopicPartitions[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}
