import { expect, it } from 'vitest';
import { partitionNumbers, partitionsOf } from '../../lib/cli/partitions.ts';
import type { TopicDetails } from '../../lib/client/topics.ts';

const topic = (partitions: number): TopicDetails => ({
  name: 'orders',
  topicId: '',
  partitions,
  replicationFactor: 1,
  config: {},
  partitionDetails: Array.from({ length: partitions }, (_, partition) => ({
    partition,
    leader: 0,
    leaderEpoch: 0,
    replicas: [0],
    isr: [0],
    logStartOffset: 0,
    highWatermark: 0,
  })),
});

it('are numbers, lists and ranges, each once', () => {
  expect(partitionNumbers([])).toBeUndefined();
  expect(partitionNumbers(['3'])).toEqual([3]);
  expect(partitionNumbers(['0,2', '5-7', '2', '9999'])).toEqual([0, 2, 5, 6, 7, 9_999]);
});

it.each(['', ',', '-1', '2-1', '1-', 'a', '10000', '0-10000', '1,,2'])('are not "%s"', (text) => {
  expect(() => partitionNumbers([text])).toThrow('not a number from 0 to 9999, or a range of them like 0-5');
});

it('are those of the topic, in their order', () => {
  const numbers = (given: string[]) => partitionsOf(given, topic(3)).map(({ partition }) => partition);
  expect(numbers([])).toEqual([0, 1, 2]);
  expect(numbers(['2', '0'])).toEqual([0, 2]);
  expect(() => numbers(['1-4'])).toThrow('The topic orders has no partition 3: it has 0 to 2.');
  expect(() => partitionsOf(['1'], topic(1))).toThrow('it has partition 0 alone.');
});
