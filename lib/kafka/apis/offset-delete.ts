/** OffsetDelete (KIP-496): what a group has committed of some partitions. */
import { deleteOffsets } from '../../broker/groups/delete-offsets.ts';
import { errorRow } from '../../kernel/errors.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed } from '../authorization/authorization.ts';
import { NONE, wireCodes } from '../failures.ts';
import { refusedGroup, toldOfGroup } from '../groups/group-failures.ts';
import { handOnInTurns } from '../map-in-turns.ts';

type Request = RequestOf<'OffsetDelete'>;
type Response = ResponseOf<'OffsetDelete'>;

export const offsetDelete: ServedApi<'OffsetDelete'> = {
  lowest: 0,
  highest: 0,
  handle,
  failed: (_call, _request, failure) => ({ errorCode: toldOfGroup(failure).code, topics: [] }),
};

async function handle(call: Call, { groupId: group, topics }: Request): Promise<Response> {
  const denied = refusedGroup(call, group);
  if (denied !== undefined) return { errorCode: denied.code, topics: [] };
  const allowed = topics.filter(({ name }) => isAllowed(call, 'consume', name));
  const named = allowed.map(({ name, partitions }) => ({
    topic: name,
    partitions: partitions.map(({ partitionIndex }) => partitionIndex),
  }));
  const outcomes = await handOnInTurns(call, named, (some) =>
    deleteOffsets(call.gateway.broker, { group, topics: some }),
  );
  const codes = new Map(allowed.map((topic, at) => [topic, codeOf(outcomes[at])]));
  return {
    errorCode: NONE,
    topics: topics.map((topic) => ({
      name: topic.name,
      partitions: topic.partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: codes.get(topic) ?? wireCodes.TOPIC_AUTHORIZATION_FAILED,
      })),
    })),
  };
}

function codeOf(outcome: Awaited<ReturnType<typeof deleteOffsets>>[number]): number {
  if (outcome === undefined) return NONE;
  return outcome === 'subscribed' ? wireCodes.GROUP_SUBSCRIBED_TO_TOPIC : errorRow(outcome).kafkaCode;
}
