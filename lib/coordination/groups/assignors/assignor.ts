/**
 * What the assignors share. An assignor gives every partition that somebody is subscribed to one owner, and gives the
 * same answer for the same question whatever the order of members and topics in it. It looks at nothing else: whether
 * an owner may have a partition already is for the hand-over to say.
 */
import { assert } from '../../../kernel/assert.ts';
import type { TopicId } from '../../../kernel/ids.ts';
import { byText, eachPartition, type Partitions, partitionsOf, type TopicPartition } from '../partitions.ts';

export interface AssignorMember {
  /** Members are told apart and ordered by it. */
  seat: string;
  /** What the member is subscribed to; topics that do not exist do not matter. */
  topics: ReadonlySet<TopicId>;
  /** What it was assigned last. */
  current: Partitions;
}

export interface AssignorInput {
  members: readonly AssignorMember[];
  /** The number of partitions of each topic there is. */
  topics: ReadonlyMap<TopicId, number>;
}

/** By seat; every member has an entry. */
export type Assigned = Map<string, Partitions>;
export type Assignor = (input: AssignorInput) => Assigned;

/** A member while partitions are given out. */
export interface Holder {
  seat: string;
  topics: ReadonlySet<TopicId>;
  held: TopicPartition[];
}

/** The members in the order of their seats, each with what it keeps of what it had: what exists and it still wants. */
export function keepCurrent({ members, topics }: AssignorInput): Holder[] {
  const taken = new Set<string>();
  const holders = members.map(({ seat, topics: wanted, current }) => ({ seat, topics: wanted, current, held: [] }));
  holders.sort((a, b) => byText(a.seat, b.seat));
  return holders.map(({ seat, topics: wanted, current }) => {
    const held = [...eachPartition(current)].filter(({ topicId, partition }) => {
      const kept = wanted.has(topicId) && partition < (topics.get(topicId) ?? 0);
      if (!kept || taken.has(nameOf({ topicId, partition }))) return false;
      taken.add(nameOf({ topicId, partition }));
      return true;
    });
    return { seat, topics: wanted, held };
  });
}

export function assignedOf(holders: readonly Holder[]): Assigned {
  return new Map(holders.map(({ seat, held }) => [seat, partitionsOf(held)]));
}

/** The topics in the order of their ids, each with its subscribers in the order given. */
export function subscribersOf<T extends { topics: ReadonlySet<TopicId> }>(
  members: readonly T[],
  topics: ReadonlyMap<TopicId, number>,
): { topicId: TopicId; partitions: number; subscribers: T[] }[] {
  const sorted = [...topics].sort(([a], [b]) => byText(a, b));
  return sorted
    .map(([topicId, partitions]) => {
      assert(partitions > 0, 'a topic has partitions');
      return { topicId, partitions, subscribers: members.filter((member) => member.topics.has(topicId)) };
    })
    .filter(({ subscribers }) => subscribers.length > 0);
}

export function nameOf({ topicId, partition }: TopicPartition): string {
  return `${topicId}:${partition}`;
}
