/** DescribeShareGroupOffsets: where share groups go on, and how far they are behind. */
import { describeShareOffsets, type SharePlace, type TopicPlaces } from '../../broker/share-groups/share-offsets.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { canSee, topicDenied } from '../authorization/authorization.ts';
import { ZERO_UUID } from '../codec/reader.ts';
import { type Failure, failureOf, NONE } from '../failures.ts';
import { eachOnce } from '../fields/each-once.ts';
import { wireOffset } from '../fields/offsets.ts';
import { refusedGroup, toldOfGroup } from '../groups/group-failures.ts';
import { handOnInTurns, mapInTurns } from '../map-in-turns.ts';

type Asked = RequestOf<'DescribeShareGroupOffsets'>['groups'][number];
type Described = ResponseOf<'DescribeShareGroupOffsets'>['groups'][number];
type DescribedTopic = Described['topics'][number];

const NO_OFFSET = -1n;

export const describeShareGroupOffsets: ServedApi<'DescribeShareGroupOffsets'> = {
  lowest: 0,
  highest: 1,
  handle: async (call, { groups }) => ({
    groups: await mapInTurns(
      call,
      eachOnce(groups, ({ groupId }) => groupId),
      (asked) => describe(call, asked),
    ),
  }),
  failed: (_call, { groups }, failure) => ({ groups: groups.map((asked) => refused(asked, toldOfGroup(failure))) }),
};

async function describe(call: Call, asked: Asked): Promise<Described> {
  const denied = refusedGroup(call, asked.groupId);
  if (denied !== undefined) return refused(asked, denied);
  try {
    const { groupId, topics } = asked;
    const visible = topics?.filter(({ topicName }) => canSee(call, topicName));
    const named = visible?.flatMap(({ topicName: topic, partitions }) =>
      [...new Set(partitions)].map((partition) => ({ topic, partition })),
    );
    const { broker } = call.gateway;
    const places = await (named === undefined
      ? describeShareOffsets(broker, { group: groupId })
      : handOnInTurns(call, named, (some) =>
          describeShareOffsets(broker, { group: groupId, topics: byTopicOf(some) }),
        ));
    const hidden = (topics ?? []).filter(({ topicName }) => !canSee(call, topicName));
    const shown = places.filter(({ topic }) => canSee(call, topic));
    const byTopic = [...Map.groupBy(shown, ({ topic }) => topic)].map(([topic, own]) => topicOf(topic, own));
    return { groupId, topics: [...byTopic, ...hidden.map(deniedTopic)], errorCode: NONE };
  } catch (error) {
    return refused(asked, toldOfGroup(failureOf(error)));
  }
}

function byTopicOf(places: readonly { topic: string; partition: number }[]): TopicPlaces[] {
  return [...Map.groupBy(places, ({ topic }) => topic)].map(([topic, own]) => ({
    topic,
    partitions: own.map(({ partition }) => partition),
  }));
}

function topicOf(topicName: string, places: readonly SharePlace[]): DescribedTopic {
  return {
    topicName,
    topicId: places[0]?.topicId ?? ZERO_UUID,
    partitions: places.map(({ partition, start }) => ({
      partitionIndex: partition,
      startOffset: wireOffset(start?.offset),
      leaderEpoch: 0,
      lag: wireOffset(start?.lag),
      errorCode: NONE,
    })),
  };
}

function deniedTopic({ topicName, partitions }: NonNullable<Asked['topics']>[number]): DescribedTopic {
  const { code, message } = topicDenied(topicName);
  const refusal = { startOffset: NO_OFFSET, leaderEpoch: 0, lag: NO_OFFSET, errorCode: code, errorMessage: message };
  return {
    topicName,
    topicId: ZERO_UUID,
    partitions: partitions.map((partitionIndex) => ({ partitionIndex, ...refusal })),
  };
}

function refused({ groupId }: Asked, { code, message }: Failure): Described {
  return { groupId, topics: [], errorCode: code, errorMessage: message };
}
