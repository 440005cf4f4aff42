/** Partitions as they are typed: numbers and ranges. */
import type { PartitionDetails, TopicDetails } from '../client/topics.ts';
import { topicLimits } from '../kernel/limits/topics.ts';
import { Failure, UsageError } from './failure.ts';

export const partitionFlag = {
  short: 'p',
  alias: 'partitions',
  placeholder: '<n>',
  repeats: true,
  about: 'Only these: 3, or 0,2 or 0-5; several times for several.',
} as const;

/**
 * Those that were asked for, or all, in their order and each once. Throws `UsageError`, or a `Failure` where one is not
 * there.
 */
export function partitionsOf(given: readonly string[], topic: TopicDetails): PartitionDetails[] {
  const asked = partitionNumbers(given);
  if (asked === undefined) return topic.partitionDetails;
  const missing = asked.find((partition) => partition >= topic.partitions);
  if (missing === undefined) return topic.partitionDetails.filter(({ partition }) => asked.includes(partition));
  const last = topic.partitions - 1;
  throw new Failure(
    `The topic ${topic.name} has no partition ${missing}: it has ${last === 0 ? 'partition 0 alone' : `0 to ${last}`}.`,
  );
}

/** `undefined` where nothing was given. Throws `UsageError`. */
export function partitionNumbers(given: readonly string[]): number[] | undefined {
  if (given.length === 0) return undefined;
  const numbers = new Set<number>();
  for (const entry of given.flatMap((list) => list.split(','))) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(entry);
    const [first, last] = [Number(match?.[1] ?? Number.NaN), Number(match?.[2] ?? match?.[1] ?? Number.NaN)];
    if (!(first <= last && last < topicLimits.partitionsPerTopicMax)) {
      const most = topicLimits.partitionsPerTopicMax - 1;
      throw new UsageError(`--partition has "${entry}", not a number from 0 to ${most}, or a range of them like 0-5`);
    }
    for (let partition = first; partition <= last; partition++) numbers.add(partition);
  }
  return [...numbers];
}
