/** OffsetCommit: of a member of either kind of group, or of nobody in particular (a generation below 0). */
import { commitEachOffset } from '../../broker/groups/commit-each-offset.ts';
import type { GroupOffset } from '../../broker/transactions/prepare.ts';
import { errorRow, MillraceError } from '../../kernel/errors.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { NONE, wireCodes } from '../failures.ts';
import { refusedGroup, toldOfGroup } from '../groups/group-failures.ts';
import { offsetToCommit } from '../groups/offset-to-commit.ts';
import { handOnInTurns, mapInTurns } from '../map-in-turns.ts';
import { nameAsked, refusedReading } from '../topics/asked-topic.ts';

type Request = RequestOf<'OffsetCommit'>;
type RequestTopic = Request['topics'][number];
type Response = ResponseOf<'OffsetCommit'>;

/** From this version on topics are named by their ids (KIP-848). */
const TOPIC_IDS_FROM = 10;

export const offsetCommit: ServedApi<'OffsetCommit'> = {
  lowest: 2,
  highest: 10,
  handle,
  failed: (_call, request, failure) => answer(request, () => toldOfGroup(failure).code),
};

async function handle(call: Call, request: Request): Promise<Response> {
  const denied = refusedGroup(call, request.groupId);
  if (denied !== undefined) return answer(request, () => denied.code);
  const names = await mapInTurns(call, request.topics, (topic) => nameAsked(call, topic, { idsFrom: TOPIC_IDS_FROM }));
  const refusals = names.map((name) => refusedReading(call, name));
  const committed = request.topics.flatMap((topic, at) =>
    refusals[at] === undefined ? topic.partitions.map((partition) => ({ at, partition })) : [],
  );
  const offsets = committed.map(({ at, partition }) => offsetToCommit(names[at] ?? '', partition));
  const codes = await handOnInTurns(call, offsets, (some) => commit(call, request, some));
  const codeOf = new Map(committed.map(({ partition }, index) => [partition, codes[index] ?? NONE]));
  return answer(request, (partition, at) => refusals[at]?.code ?? codeOf.get(partition) ?? NONE);
}

async function commit(call: Call, request: Request, offsets: readonly GroupOffset[]): Promise<number[]> {
  const { groupId: group, memberId, groupInstanceId, generationIdOrMemberEpoch: epoch } = request;
  const isMember = epoch >= 0 || memberId !== '' || groupInstanceId !== null;
  try {
    const faults = await commitEachOffset(call.gateway.broker, {
      group,
      offsets,
      ...(isMember && { memberId, epoch }),
      ...(isMember && groupInstanceId !== null && { instanceId: groupInstanceId }),
    });
    return faults.map((fault) => (fault === undefined ? NONE : errorRow(fault).kafkaCode));
  } catch (error) {
    // What members of consumer groups are told; they ask for their new epoch and commit anew.
    if (!(error instanceof MillraceError) || error.code !== 'FENCED_MEMBER_EPOCH') throw error;
    return offsets.map(() => wireCodes.STALE_MEMBER_EPOCH);
  }
}

function answer(
  { topics }: Request,
  codeOf: (partition: RequestTopic['partitions'][number], topicAt: number) => number,
): Response {
  return {
    topics: topics.map(({ name, topicId, partitions }, at) => ({
      name,
      topicId,
      partitions: partitions.map((partition) => ({
        partitionIndex: partition.partitionIndex,
        errorCode: codeOf(partition, at),
      })),
    })),
  };
}
