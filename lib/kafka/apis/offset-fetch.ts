/**
 * OffsetFetch. Offsets are always stable: those of a transaction are there when it is committed, and whoever had the
 * partitions before can commit none any more when the group has given them to somebody else.
 */

import { listCommittedOffsets } from '../../broker/groups/list-committed-offsets.ts';
import { readCommittedOffsets } from '../../broker/groups/read-committed-offsets.ts';
import { requireCurrentMember } from '../../broker/groups/require-current-member.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { errorRow } from '../../kernel/errors.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed } from '../authorization/authorization.ts';
import { type Failure, failureOf, NONE, wireCodes } from '../failures.ts';
import { eachOnce } from '../fields/each-once.ts';
import { wireOffset } from '../fields/offsets.ts';
import { refusedGroup, toldOfGroup } from '../groups/group-failures.ts';
import { mapInTurns } from '../map-in-turns.ts';
import { nameAsked, refusedReading } from '../topics/asked-topic.ts';

type Request = RequestOf<'OffsetFetch'>;
type RequestGroup = Request['groups'][number];
type RequestTopic = NonNullable<RequestGroup['topics']>[number];
type Response = ResponseOf<'OffsetFetch'>;
type GroupAnswer = NonNullable<Response['groups']>[number];
type TopicAnswer = GroupAnswer['topics'][number];
type PartitionAnswer = TopicAnswer['partitions'][number];

/** From these versions on: a code for the whole answer; several groups (KIP-709); topics by their ids. */
const GROUP_CODE_FROM = 2;
const BATCHED_FROM = 8;
const TOPIC_IDS_FROM = 10;
const NO_EPOCH = -1;

export const offsetFetch: ServedApi<'OffsetFetch'> = {
  lowest: 1,
  highest: 10,
  answerBytes: (call, request) => {
    const bytes = groupsOf(call, request).map(({ topics }) =>
      topics === null ? kafkaLimits.kafkaAnswerGroupBytes : bytesFor(topics),
    );
    return bytes.reduce((sum, each) => sum + each, 0);
  },
  handle: async (call, request) => {
    const groups = groupsOf(call, request);
    const answers: GroupAnswer[] = [];
    for (const group of groups) answers.push(await fetchGroup(call, group));
    return answerOf(call, answers);
  },
  failed: (call, request, failure) =>
    answerOf(
      call,
      groupsOf(call, request).map((group) => refused(call, group, toldOfGroup(failure))),
    ),
};

function groupsOf({ version }: Call, { groups, groupId, topics }: Request): readonly RequestGroup[] {
  if (version >= BATCHED_FROM) {
    // Those that name their topics get no more than they name.
    return eachOnce(groups, ({ groupId: id, topics: wanted }, at) => JSON.stringify(wanted === null ? [id] : [id, at]));
  }
  const named = topics?.map((topic) => ({ ...topic, topicId: '' })) ?? null;
  // In version 1 there was no way to ask for all topics: an empty list asks for none.
  return [{ groupId, memberId: null, memberEpoch: NO_EPOCH, topics: named }];
}

function bytesFor(topics: readonly RequestTopic[]): number {
  const partitions = topics.reduce((sum, { partitionIndexes }) => sum + partitionIndexes.length, 0);
  return (topics.length + partitions) * kafkaLimits.kafkaAnswerElementBytes;
}

function answerOf({ version }: Call, answers: readonly GroupAnswer[]): Response {
  if (version >= BATCHED_FROM) return { groups: answers };
  const [{ topics, errorCode }] = answers as [GroupAnswer];
  return {
    topics: topics.map(({ name = '', partitions }) => ({ name, partitions })),
    ...(version >= GROUP_CODE_FROM && { errorCode }),
  };
}

async function fetchGroup(call: Call, group: RequestGroup): Promise<GroupAnswer> {
  const denied = refusedGroup(call, group.groupId);
  if (denied !== undefined) return refused(call, group, denied);
  try {
    await checkMember(call, group);
    const topics = group.topics === null ? await all(call, group) : await some(call, group.groupId, group.topics);
    return { groupId: group.groupId, topics, errorCode: NONE };
  } catch (error) {
    return refused(call, group, toldOfMember(toldOfGroup(failureOf(error))));
  }
}

/** Admin clients, and consumers that have no assignment of the group, name no member. */
async function checkMember({ gateway }: Call, { groupId: group, memberId, memberEpoch }: RequestGroup): Promise<void> {
  if (memberId === null && memberEpoch < 0) return;
  await requireCurrentMember(gateway.broker, { group, name: { memberId: memberId ?? '' }, epoch: memberEpoch });
}

/** Members wait for their next heartbeat and ask anew. */
function toldOfMember({ code, message }: Failure): Failure {
  const isStale = code === errorRow('FENCED_MEMBER_EPOCH').kafkaCode;
  return { code: isStale ? wireCodes.STALE_MEMBER_EPOCH : code, message };
}

async function some(call: Call, group: string, topics: readonly RequestTopic[]): Promise<TopicAnswer[]> {
  checkGroupId(group);
  return mapInTurns(call, topics, async ({ name, topicId, partitionIndexes }) => {
    const known = await nameAsked(call, { name, topicId }, { idsFrom: TOPIC_IDS_FROM });
    const refusal = refusedReading(call, known);
    const wanted = refusal === undefined ? [{ topic: known ?? '', partitions: partitionIndexes }] : [];
    const [found] = await readCommittedOffsets(call.gateway.broker, { group, topics: wanted });
    const partitions = partitionIndexes.map((partition, index) => answered(partition, found?.[index], refusal?.code));
    return { name, topicId, partitions };
  });
}

async function all(call: Call, { groupId: group }: RequestGroup): Promise<TopicAnswer[]> {
  const { broker, topicNames } = call.gateway;
  const topics = new Map<string, { topicId: string; partitions: PartitionAnswer[] }>();
  let cursor: string | undefined;
  do {
    const page = await listCommittedOffsets(broker, {
      group,
      limit: requestLimits.listPageMax,
      ...(cursor !== undefined && { cursor }),
    });
    for (const { topic, topicId, partition, ...committed } of page.offsets) {
      if (!isAllowed(call, 'consume', topic)) continue;
      const entry = topics.get(topic) ?? { topicId, partitions: [] };
      entry.partitions.push(answered(partition, committed));
      topics.set(topic, entry);
      topicNames.learn(topicId, topic);
    }
    cursor = page.next;
  } while (cursor !== undefined);
  return [...topics].map(([name, { topicId, partitions }]) => ({ name, topicId, partitions }));
}

interface Found {
  offset: number;
  leaderEpoch?: number;
  metadata?: string;
}

function answered(partitionIndex: number, found: Found | undefined, errorCode: number = NONE): PartitionAnswer {
  return {
    partitionIndex,
    committedOffset: wireOffset(found?.offset),
    committedLeaderEpoch: found?.leaderEpoch ?? NO_EPOCH,
    metadata: found?.metadata ?? '',
    errorCode,
  };
}

/** The first version has no place for the code of a group: its partitions have it. */
function refused({ version }: Call, { groupId, topics }: RequestGroup, { code }: Failure): GroupAnswer {
  const named = version < GROUP_CODE_FROM ? (topics ?? []) : [];
  const answers = named.map(({ name, topicId, partitionIndexes }) => ({
    name,
    topicId,
    partitions: partitionIndexes.map((partition) => answered(partition, undefined, code)),
  }));
  return { groupId, topics: answers, errorCode: code };
}
