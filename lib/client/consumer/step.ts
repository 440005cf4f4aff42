/**
 * A consumer in single steps, for programs that cannot stay: scheduled functions, pages that are rendered once. Between two
 * steps there is nothing but the state that one returned and the next one takes; it is JSON.
 *
 * A step whose state is lost, or that failed, is made again from the state before it: its records come once more. A member
 * that makes no step for a session timeout is taken for dead, and the next step joins anew by itself.
 */
import type { MillraceClientError } from '../errors.ts';
import type { Transport } from '../transport.ts';
import { eachPartition, groupsApi, introduction, type JsonPollAnswer, type JsonPollRequest } from './groups-api.ts';
import { isFenced } from './membership.ts';
import type { ConsumerSettings, TopicPartition } from './options.ts';
import { type ConsumerRecord, consumerRecord } from './record.ts';

export interface ConsumerState {
  member: string;
  generation: number;
  cursor: string;
}

export interface StepOptions {
  /** What the step before returned; absent at the first. With automatic commits, this commits what that step returned. */
  state?: ConsumerState;
  /** Default: the consumer's. */
  maxRecords?: number;
  waitMs?: number;
  signal?: AbortSignal;
}

export interface PollStep<Key, Value> {
  records: ConsumerRecord<Key, Value>[];
  state: ConsumerState;
  assignment: TopicPartition[];
  /** To be given up: commits of them are taken until the next step. */
  revoked: TopicPartition[];
  /** The state was of a member that is no more, and this step is the first of another; with why. */
  lost?: MillraceClientError;
}

export function stepper(
  send: Transport,
  settings: ConsumerSettings,
): (options?: StepOptions) => Promise<PollStep<unknown, unknown>> {
  const api = groupsApi(send, settings.group);
  const ask = async ({ state, maxRecords, waitMs, signal }: StepOptions): Promise<JsonPollAnswer> => {
    const request: JsonPollRequest = {
      ...introduction(settings),
      max_records: maxRecords ?? settings.maxRecords,
      max_bytes: settings.maxBytes,
      wait_ms: waitMs ?? settings.waitMs,
      auto_offset_reset: settings.autoOffsetReset,
      commit: settings.commit === 'automatic' && state !== undefined ? 'delivered' : 'none',
      ...(state !== undefined && { member: state.member, cursor: state.cursor }),
    };
    return api.poll(request, signal);
  };
  return async (options = {}) => {
    let lost: MillraceClientError | undefined;
    const answer = await ask(options).catch((error: unknown) => {
      if (options.state === undefined || !isFenced(error)) throw error;
      lost = error;
      return ask({ ...options, state: undefined });
    });
    const { member, generation, cursor, assignment, revoked } = answer;
    return {
      records: answer.records.map((json) =>
        consumerRecord(json, settings, (position) => {
          const { topic, partition } = json;
          return api.commit({ member, generation, offsets: [{ topic, partition, ...position }] });
        }),
      ),
      state: { member, generation, cursor },
      assignment: eachPartition(assignment),
      revoked: eachPartition(revoked),
      ...(lost !== undefined && { lost }),
    };
  };
}
