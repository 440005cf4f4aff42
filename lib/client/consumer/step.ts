/**
 * A consumer in single steps, for programs that cannot stay: scheduled functions, pages that are rendered once. Between
 * two steps there is nothing but the state that one returned and the next one takes; it is JSON.
 *
 * A step whose state is lost, or that failed, is made again from the state before it: its records come once more. A
 * member that makes no step for a session timeout is taken for dead, and the next step joins anew by itself.
 */
import type { Random } from '../../kernel/random.ts';
import type { MillraceClientError } from '../errors.ts';
import { isFenced } from './fenced.ts';
import {
  eachPartition,
  type GroupsApi,
  introduction,
  type JsonPollAnswer,
  type JsonPollRequest,
  newJoinId,
} from './groups-api.ts';
import type { ConsumerSettings, TopicPartition } from './options.ts';
import { arrivedFromJson, type Commit, type ConsumerRecord, consumerRecord, DeserializationError } from './record.ts';

export interface ConsumerState {
  member: string;
  generation: number;
  cursor: string;
}

export interface StepOptions {
  /**
   * What the step before returned; absent at the first. With automatic commits, this commits what that step returned.
   */
  state?: ConsumerState;
  /** Default: the consumer's. */
  maxRecords?: number;
  waitMs?: number;
  /**
   * Told of each record that a deserializer threw at, which the step then leaves out: put aside what is to be kept of
   * it. Without this the step rejects with the first, as does every one from the same state.
   */
  onUndeserializable?: (error: DeserializationError) => void;
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
  api: GroupsApi,
  settings: ConsumerSettings,
  random: Random,
): (options?: StepOptions) => Promise<PollStep<unknown, unknown>> {
  const ask = async ({ state, maxRecords, waitMs, signal }: StepOptions): Promise<JsonPollAnswer> => {
    const request: JsonPollRequest = {
      ...introduction(settings),
      max_records: maxRecords ?? settings.maxRecords,
      max_bytes: settings.maxBytes,
      wait_ms: waitMs ?? settings.waitMs,
      auto_offset_reset: settings.autoOffsetReset,
      commit: settings.commit === 'automatic' && state !== undefined ? 'delivered' : 'none',
      ...(state === undefined ? { join_id: newJoinId(random) } : { member: state.member, cursor: state.cursor }),
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
      records: answer.records.flatMap((json) => {
        const { topic, partition } = json;
        const commit: Commit = (position) =>
          api.commit({ member, generation, offsets: [{ topic, partition, ...position }] });
        return recordOrNone(() => consumerRecord(arrivedFromJson(json), settings, commit), options.onUndeserializable);
      }),
      state: { member, generation, cursor },
      assignment: eachPartition(assignment),
      revoked: eachPartition(revoked),
      ...(lost !== undefined && { lost }),
    };
  };
}

function recordOrNone(
  read: () => ConsumerRecord<unknown, unknown>,
  leaveOut: StepOptions['onUndeserializable'],
): ConsumerRecord<unknown, unknown>[] {
  try {
    return [read()];
  } catch (error) {
    if (leaveOut === undefined || !(error instanceof DeserializationError)) throw error;
    leaveOut(error);
    return [];
  }
}

/** Leaves the group after the last step, whose records are done where commits are automatic. */
export async function leaveAfter(
  api: GroupsApi,
  { commit, instanceId }: ConsumerSettings,
  { member, cursor }: ConsumerState,
): Promise<void> {
  try {
    await api.leave({
      member,
      ...(commit === 'automatic' && { cursor }),
      ...(instanceId !== undefined && { keep_seat: true }),
    });
  } catch (error) {
    if (!isFenced(error)) throw error;
  }
}
