/** AlterShareGroupOffsets: sets where a share group without members goes on. */
import { alterShareOffsets } from '../../broker/share-groups/share-offsets.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed, topicDenied } from '../authorization/authorization.ts';
import { ZERO_UUID } from '../codec/reader.ts';
import { type Failure, failureOf, NONE } from '../failures.ts';
import { offsetOf } from '../fields/offsets.ts';
import { refusedGroup, toldOfGroup } from '../groups/group-failures.ts';
import { handOnInTurns, mapInTurns } from '../map-in-turns.ts';
import { viewOrNone } from '../topics/topic-view.ts';

type Request = RequestOf<'AlterShareGroupOffsets'>;
type Response = ResponseOf<'AlterShareGroupOffsets'>;
type Topic = Request['topics'][number];

export const alterShareGroupOffsets: ServedApi<'AlterShareGroupOffsets'> = {
  lowest: 0,
  highest: 0,
  handle,
  failed: (_call, _request, failure) => refused(toldOfGroup(failure)),
};

async function handle(call: Call, { groupId: group, topics }: Request): Promise<Response> {
  const denied = refusedGroup(call, group);
  if (denied !== undefined) return refused(denied);
  const allowed = new Set(topics.filter(({ topicName }) => isAllowed(call, 'consume', topicName)));
  const places = [...allowed].flatMap(({ topicName, partitions }) =>
    partitions.map(({ partitionIndex, startOffset }) => ({
      topic: topicName,
      partition: partitionIndex,
      offset: offsetOf(startOffset),
    })),
  );
  const outcomes = await handOnInTurns(call, places, (some) =>
    alterShareOffsets(call.gateway.broker, { group, places: some }),
  );
  const failures = new Map(places.map((place, at) => [nameOf(place), outcomes[at] && failureOf(outcomes[at])]));
  const responses = await mapInTurns(call, topics, async (topic) => {
    const { topicName } = topic;
    if (!allowed.has(topic)) return topicOf(topic, ZERO_UUID, () => topicDenied(topicName));
    const view = await viewOrNone(call, topicName);
    return topicOf(topic, view?.topicId ?? ZERO_UUID, (partition) =>
      failures.get(nameOf({ topic: topicName, partition })),
    );
  });
  return { errorCode: NONE, responses };
}

function topicOf(
  { topicName, partitions }: Topic,
  topicId: string,
  failureAt: (partition: number) => Failure | undefined,
): Response['responses'][number] {
  return {
    topicName,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => {
      const failure = failureAt(partitionIndex);
      return { partitionIndex, errorCode: failure?.code ?? NONE, errorMessage: failure?.message ?? null };
    }),
  };
}

function nameOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}

function refused({ code, message }: Failure): Response {
  return { errorCode: code, errorMessage: message, responses: [] };
}
