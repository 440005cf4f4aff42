/** DeleteRecords: log starts go up, to an offset or to the high watermark. */
import { type DeletionEnd, deleteRecords as raise } from '../../broker/lifecycle/delete-records.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed, topicDenied } from '../authorization/authorization.ts';
import { type Failure, failureOf, NONE, UNKNOWN_TOPIC } from '../failures.ts';
import { offsetOf } from '../fields/offsets.ts';
import { mapInTurns } from '../map-in-turns.ts';

type Request = RequestOf<'DeleteRecords'>;
type TopicDeletion = Request['topics'][number];
type PartitionResult = ResponseOf<'DeleteRecords'>['topics'][number]['partitions'][number];

const HIGH_WATERMARK = -1n;
const NO_LOW_WATERMARK = -1n;

export const deleteRecords: ServedApi<'DeleteRecords'> = {
  lowest: 0,
  highest: 2,
  handle: async (call, { topics }) => ({
    topics: await mapInTurns(call, topics, async (topic) => ({
      name: topic.name,
      partitions: await deleteOfTopic(call, topic),
    })),
  }),
  failed: (_call, { topics }, failure) => ({
    topics: topics.map((topic) => ({ name: topic.name, partitions: refused(topic, failure) })),
  }),
};

async function deleteOfTopic(call: Call, topic: TopicDeletion): Promise<PartitionResult[]> {
  const { name, partitions } = topic;
  if (!isAllowed(call, 'admin', name)) return refused(topic, topicDenied(name));
  const { broker } = call.gateway;
  try {
    const { partitions: count } = await broker.topics.getFresh(name);
    const isThere = ({ partitionIndex }: (typeof partitions)[number]) => partitionIndex >= 0 && partitionIndex < count;
    const outcomes = await raise(broker, {
      topic: name,
      partitions: partitions
        .filter(isThere)
        .map(({ partitionIndex, offset }) => ({ partition: partitionIndex, before: endOf(offset) })),
    });
    const results = outcomes.map((outcome): PartitionResult => {
      if ('error' in outcome) return refusal(outcome.partition, failureOf(outcome.error));
      const lowWatermark = BigInt(outcome.logStartOffset);
      return { partitionIndex: outcome.partition, lowWatermark, errorCode: NONE };
    });
    const unknown = partitions.filter((partition) => !isThere(partition));
    return [...results, ...unknown.map(({ partitionIndex }) => refusal(partitionIndex, UNKNOWN_TOPIC))];
  } catch (error) {
    return refused(topic, failureOf(error));
  }
}

function endOf(offset: bigint): DeletionEnd {
  return offset === HIGH_WATERMARK ? { at: 'high-watermark' } : { at: 'offset', offset: offsetOf(offset) };
}

function refused({ partitions }: TopicDeletion, failure: Failure): PartitionResult[] {
  return partitions.map(({ partitionIndex }) => refusal(partitionIndex, failure));
}

function refusal(partitionIndex: number, { code }: Failure): PartitionResult {
  return { partitionIndex, lowWatermark: NO_LOW_WATERMARK, errorCode: code };
}
