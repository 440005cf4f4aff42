/**
 * What a group has committed of the partitions that the caller names, with all that was committed beside the offsets.
 */
import {
  type CommittedOffset,
  decodeOffsets,
  OFFSETS_PER_ITEM,
  offsetsKey,
} from '../../coordination/groups/offsets-item.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { topicOrNone } from './topic-directory.ts';

export interface ReadCommittedRequest {
  group: string;
  topics: readonly { topic: string; partitions: readonly number[] }[];
}

/** In the order of topics and partitions; `undefined`: nothing is committed, or there is no such partition. */
export async function readCommittedOffsets(
  broker: Broker,
  { group, topics }: ReadCommittedRequest,
): Promise<(CommittedOffset | undefined)[][]> {
  checkGroupId(group);
  return mapBounded(topics, storageLimits.storageFanOutMax, ({ topic, partitions }) =>
    readTopic(broker, { group, topic, partitions }),
  );
}

async function readTopic(
  broker: Broker,
  { group, topic: name, partitions }: { group: string; topic: string; partitions: readonly number[] },
): Promise<(CommittedOffset | undefined)[]> {
  const topic = await topicOrNone(broker, name);
  if (topic === undefined) return partitions.map(() => undefined);
  const indexes = [...new Set(partitions.filter((partition) => partition >= 0).map(itemIndexOf))];
  const items = await mapBounded(indexes, storageLimits.storageFanOutMax, async (index) => {
    const attributes = await broker.metadata.get(offsetsKey({ group, topicId: topic.topicId, index }), 'strong');
    return [index, attributes && decodeOffsets(attributes).slots] as const;
  });
  const slots = new Map(items);
  return partitions.map((partition) => slots.get(itemIndexOf(partition))?.[partition % OFFSETS_PER_ITEM]);
}

function itemIndexOf(partition: number): number {
  return Math.floor(partition / OFFSETS_PER_ITEM);
}
