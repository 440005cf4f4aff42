/**
 * `range`: of each topic, contiguous partitions to its subscribers in the order of their seats; the first ones get one
 * more where the numbers do not divide. Members that subscribe to the same topics with the same numbers of partitions
 * get the same partitions of each, which is what joins of topics need. Nothing is kept for its own sake.
 */
import type { TopicPartition } from '../partitions.ts';
import { type Assigned, type AssignorInput, assignedOf, type Holder, keepCurrent, subscribersOf } from './assignor.ts';

export function assignRange(input: AssignorInput): Assigned {
  const holders: Holder[] = keepCurrent(input).map(({ seat, topics }) => ({ seat, topics, held: [] }));
  for (const { topicId, partitions, subscribers } of subscribersOf(holders, input.topics)) {
    for (const [index, { held }] of subscribers.entries()) {
      const from = firstOf(index, partitions, subscribers.length);
      const to = firstOf(index + 1, partitions, subscribers.length);
      for (let partition = from; partition < to; partition++)
        held.push({ topicId, partition } satisfies TopicPartition);
    }
  }
  return assignedOf(holders);
}

/** Where the range of the subscriber with this index begins. */
function firstOf(index: number, partitions: number, subscribers: number): number {
  const each = Math.floor(partitions / subscribers);
  return index * each + Math.min(index, partitions % subscribers);
}
