/**
 * DescribeProducers: who has records for a partition in an open transaction (KIP-664). They are at no offset yet, and
 * no coordinator has written to the partition: the transactions that hold a partition up, which tools look for here, do
 * not exist.
 */
import { listOpenProducers, type OpenProducer } from '../../broker/transactions/list-open-producers.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed, topicDenied } from '../authorization/authorization.ts';
import { type Failure, failureOf, failureWith, NONE } from '../failures.ts';
import { mapInTurns } from '../map-in-turns.ts';

type TopicRequest = RequestOf<'DescribeProducers'>['topics'][number];
type PartitionResponse = ResponseOf<'DescribeProducers'>['topics'][number]['partitions'][number];

const NO_COORDINATOR = -1;
const NO_OFFSET = -1n;
const UNKNOWN_PARTITION = failureWith('UNKNOWN_TOPIC_OR_PARTITION', 'The topic has no such partition.');

export const describeProducers: ServedApi<'DescribeProducers'> = {
  lowest: 0,
  highest: 0,
  handle: async (call, { topics }) => {
    const found = await mapInTurns(call, topics, (topic) => topicIn(call, topic));
    const topicIds = found.flatMap((topic) => ('topicId' in topic ? [topic.topicId] : []));
    const producers = await producersOf(call, new Set(topicIds));
    return {
      topics: topics.map(({ name, partitionIndexes }, at) => ({
        name,
        partitions: partitionIndexes.map((index) => answerOf(index, found[at] as Found, producers)),
      })),
    };
  },
  failed: (_call, { topics }, failure) => ({
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((index) => refused(index, failure)),
    })),
  }),
};

type Found = Topic | Failure;

async function topicIn(call: Call, { name, partitionIndexes }: TopicRequest): Promise<Found> {
  if (!isAllowed(call, 'consume', name)) return topicDenied(name);
  const last = partitionIndexes.reduce((most, index) => Math.max(most, index), 0);
  try {
    return await call.gateway.broker.topics.getWith(name, last);
  } catch (error) {
    return failureOf(error);
  }
}

/** By topic and partition. All transactional ids are looked at, unless nothing is asked for that there is. */
async function producersOf({ gateway }: Call, topicIds: ReadonlySet<TopicId>): Promise<Map<string, OpenProducer[]>> {
  if (topicIds.size === 0) return new Map();
  const open = await listOpenProducers(gateway.broker, topicIds);
  return Map.groupBy(open, ({ topicId, partition }) => placeName(topicId, partition));
}

function answerOf(index: number, found: Found, producers: ReadonlyMap<string, OpenProducer[]>): PartitionResponse {
  if ('code' in found) return refused(index, found);
  if (index < 0 || index >= found.partitions) return refused(index, UNKNOWN_PARTITION);
  const own = producers.get(placeName(found.topicId, index)) ?? [];
  return {
    partitionIndex: index,
    errorCode: NONE,
    activeProducers: own.map(({ producer, lastSequence, begunMs }) => ({
      producerId: BigInt(producer.id),
      producerEpoch: producer.epoch,
      lastSequence,
      lastTimestamp: BigInt(begunMs),
      coordinatorEpoch: NO_COORDINATOR,
      currentTxnStartOffset: NO_OFFSET,
    })),
  };
}

function placeName(topicId: TopicId, partition: number): string {
  return `${topicId}/${partition}`;
}

function refused(partitionIndex: number, { code, message }: Failure): PartitionResponse {
  return { partitionIndex, errorCode: code, errorMessage: message, activeProducers: [] };
}
