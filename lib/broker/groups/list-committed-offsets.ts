/** What a group has committed, of topics that are there. */
import {
  decodeOffsets,
  groupKey,
  OFFSETS_PER_ITEM,
  OFFSETS_PREFIX,
  parseOffsetsKey,
} from '../../coordination/groups/offsets-item.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Broker } from '../broker.ts';
import { type PageRequest, readDirectory } from '../read-directory.ts';

export interface ListedOffset {
  topic: string;
  topicId: TopicId;
  partition: number;
  offset: number;
  committedMs: number;
  leaderEpoch?: number;
  metadata?: string;
}

export interface CommittedOffsetsPage {
  /** By topic id and partition. */
  offsets: ListedOffset[];
  /** The cursor of the next page; absent at the end. */
  next?: string;
}

/**
 * Pages of at most `limit` items, each of up to 16 partitions of a topic. A group that nobody has used has none, as in
 * Kafka. Throws `INVALID_GROUP_ID`, or `INVALID_REQUEST` for a limit out of range or a cursor that is none.
 */
export async function listCommittedOffsets(
  broker: Broker,
  { group, ...page }: PageRequest & { group: string },
): Promise<CommittedOffsetsPage> {
  checkGroupId(group);
  const { entries, next } = await readDirectory(
    broker.metadata,
    groupKey(group),
    { ...page, prefixes: [OFFSETS_PREFIX] },
    (sk, attributes) => ({ ...parseOffsetsKey(sk), ...decodeOffsets(attributes) }),
  );
  const offsets: ListedOffset[] = [];
  for (const { topicId, index, topic, slots } of entries) {
    if (!(await isThere(broker, topic, topicId))) continue;
    for (const [slot, committed] of slots.entries()) {
      if (committed === undefined) continue;
      offsets.push({ topic, topicId, partition: index * OFFSETS_PER_ITEM + slot, ...committed });
    }
  }
  return { offsets, next };
}

/** Offsets of a topic that was deleted stay behind; they are of no use, also to a new topic of the name. */
async function isThere(broker: Broker, topic: string, topicId: TopicId): Promise<boolean> {
  try {
    return (await broker.topics.get(topic)).topicId === topicId;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return false;
    throw error;
  }
}
