/** Where an instance that subscribes goes on in what it holds, as of its last poll. */
import type { InstanceSource } from '../../coordination/groups/instance-item.ts';
import { partitionsOf } from '../../coordination/groups/partitions.ts';
import { ledgerOf } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { nameOf } from '../groups/group-items.ts';
import type { Place } from '../groups/places.ts';
import { decodePollCursor } from '../groups/poll-cursor.ts';
import { topicsOf } from '../groups/topic-directory.ts';

/** Of partitions that are there; none of one that has not joined. */
export async function placesHeld(
  broker: Broker,
  { memberId, cursor: text, names = [], pattern }: InstanceSource & { source: 'subscription' },
): Promise<Place[]> {
  const decoded = memberId === undefined || text === undefined ? undefined : decodePollCursor(memberId, text);
  if (decoded === undefined || decoded.cursor.positions.length === 0) return [];
  const { cursor, fresh } = decoded;
  const subscription = { names, ...(pattern !== undefined && { pattern }) };
  const topics = await topicsOf(broker, subscription, partitionsOf(cursor.positions));
  return cursor.positions.flatMap(({ topicId, partition, offset }): Place[] => {
    const topic = topics.get(topicId);
    if (topic === undefined || partition >= topic.partitions) return [];
    const isFresh = fresh.has(nameOf({ topicId, partition }));
    return [{ topic: topic.name, topicId, partition, ...ledgerOf(topic, partition), offset, fresh: isFresh }];
  });
}
