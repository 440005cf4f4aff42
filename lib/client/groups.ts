/** Consumer groups from outside: `client.groups`. Being a member of one is `client.consumer`. */
import { JSON_TYPE, jsonOf, type Transport } from './transport.ts';

/** As Kafka names them; `Reconciling`: partitions are on their way from one member to another. */
export type GroupState =
  | 'Dead'
  | 'Empty'
  | 'Assigning'
  | 'Reconciling'
  | 'PreparingRebalance'
  | 'CompletingRebalance'
  | 'Stable';

interface GroupFacts {
  group: string;
  state: GroupState;
  /**
   * Whether the server assigns partitions, or the members do (Kafka's classic protocol). Absent: there were no members.
   */
  kind?: 'consumer' | 'classic' | 'share';
  /** The group's epoch, + 1 with every rebalance. */
  generation: number;
}

export interface GroupSummary extends GroupFacts {
  memberCount: number;
}

export interface GroupMember {
  /** `null`: a static member that is away. */
  member: string | null;
  instanceId?: string;
  /** Who the client says it is. */
  client?: string;
  generation: number;
  topics?: string[];
  topicPattern?: string;
  assignor?: string;
  assignment: { topic: string; partitions: number[] }[];
  sessionTimeoutMs: number;
  /** Milliseconds since the epoch; noted every third of the session. */
  seenAt: number;
}

/** One that is owned, or of which something is committed. */
export interface GroupPartition {
  topic: string;
  partition: number;
  committedOffset: number | null;
  logStartOffset: number;
  highWatermark: number;
  /** Records from the committed offset, or else from the start, to the end. */
  lag: number;
  /** Its owner. */
  member?: string;
}

export interface GroupDetails extends GroupFacts {
  assignor?: string;
  members: GroupMember[];
  partitions: GroupPartition[];
}

export interface GroupPage {
  groups: GroupSummary[];
  /** The cursor of the next page; absent on the last. */
  next?: string;
}

/** With one of `offset`, `timestamp` and `shiftBy`. */
export interface OffsetReset {
  topic: string;
  /** Absent: all of the topic. */
  partition?: number;
  offset?: number | 'earliest' | 'latest';
  /** The first record of this time (ms since the epoch) or later, or else the end. */
  timestamp?: number;
  /** So far from what is committed, but not out of the partition; of partitions that have something. */
  shiftBy?: number;
}

export interface ResetOffset {
  topic: string;
  partition: number;
  offset: number;
  /** `null`: none was committed. */
  previousOffset: number | null;
}

export interface GroupsClient {
  /** One page, by id. */
  list(options?: { limit?: number; cursor?: string }): Promise<GroupPage>;
  /** Throws `GROUP_ID_NOT_FOUND`. */
  describe(group: string): Promise<GroupDetails>;
  /** With what it has committed. Throws `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`. */
  delete(group: string): Promise<void>;
  /**
   * Sets what the group has committed, while it has no members. With `dryRun` nothing is done, and the answer is what
   * would be. Throws `NON_EMPTY_GROUP`.
   */
  resetOffsets(group: string, resets: readonly OffsetReset[], options?: { dryRun?: boolean }): Promise<ResetOffset[]>;
}

interface JsonGroup {
  group: string;
  state: GroupState;
  kind?: 'consumer' | 'classic' | 'share';
  generation: number;
}

interface JsonGroupDetails extends JsonGroup {
  assignor?: string;
  members: {
    member: string | null;
    instance_id?: string;
    client?: string;
    generation: number;
    topics?: string[];
    topic_pattern?: string;
    assignor?: string;
    assignment: { topic: string; partitions: number[] }[];
    session_timeout_ms: number;
    seen_at: number;
  }[];
  partitions: {
    topic: string;
    partition: number;
    committed_offset: number | null;
    log_start_offset: number;
    high_watermark: number;
    lag: number;
    member?: string;
  }[];
}

const HEADERS = { 'content-type': JSON_TYPE };
const PATH = ['v1', 'groups'];

export function groupsClient(send: Transport): GroupsClient {
  return {
    async list({ limit, cursor } = {}) {
      const answer = jsonOf(await send({ method: 'GET', path: PATH, query: { limit, cursor } }));
      const { groups, next } = answer as { groups: (JsonGroup & { member_count: number })[]; next?: string };
      const summaries = groups.map((group) => Object.assign(factsFrom(group), { memberCount: group.member_count }));
      return { groups: summaries, ...(next !== undefined && { next }) };
    },
    async describe(group) {
      return detailsFrom(jsonOf(await send({ method: 'GET', path: [...PATH, group] })) as JsonGroupDetails);
    },
    async delete(group) {
      await send({ method: 'DELETE', path: [...PATH, group] });
    },
    async resetOffsets(group, resets, { dryRun = false } = {}) {
      const offsets = resets.map(({ topic, partition, offset, timestamp, shiftBy }) => {
        return { topic, partition, offset, timestamp, shift_by: shiftBy };
      });
      const answer = await send({
        method: 'PUT',
        path: [...PATH, group, 'offsets'],
        headers: HEADERS,
        body: JSON.stringify({ offsets, ...(dryRun && { dry_run: true }) }),
        // A shift done twice is another one.
        repeatable: dryRun || resets.every(({ shiftBy }) => shiftBy === undefined),
      });
      const { offsets: done } = jsonOf(answer) as {
        offsets: { topic: string; partition: number; offset: number; previous_offset: number | null }[];
      };
      return done.map(({ topic, partition, offset, previous_offset: previousOffset }) => {
        return { topic, partition, offset, previousOffset };
      });
    },
  };
}

function factsFrom({ group, state, kind, generation }: JsonGroup): GroupFacts {
  return { group, state, generation, ...(kind !== undefined && { kind }) };
}

function detailsFrom(json: JsonGroupDetails): GroupDetails {
  return {
    ...factsFrom(json),
    ...(json.assignor !== undefined && { assignor: json.assignor }),
    members: json.members.map((member) => ({
      member: member.member,
      ...(member.instance_id !== undefined && { instanceId: member.instance_id }),
      ...(member.client !== undefined && { client: member.client }),
      generation: member.generation,
      ...(member.topics !== undefined && { topics: member.topics }),
      ...(member.topic_pattern !== undefined && { topicPattern: member.topic_pattern }),
      ...(member.assignor !== undefined && { assignor: member.assignor }),
      assignment: member.assignment,
      sessionTimeoutMs: member.session_timeout_ms,
      seenAt: member.seen_at,
    })),
    partitions: json.partitions.map((one) => ({
      topic: one.topic,
      partition: one.partition,
      committedOffset: one.committed_offset,
      logStartOffset: one.log_start_offset,
      highWatermark: one.high_watermark,
      lag: one.lag,
      ...(one.member !== undefined && { member: one.member }),
    })),
  };
}
