import { expect, it } from 'vitest';
import type { Place } from '../../../lib/broker/groups/places.ts';
import { steerTo, unpaused } from '../../../lib/broker/groups/steer.ts';
import type { TopicId } from '../../../lib/kernel/ids.ts';

function place(topic: string, partition: number, offset: number): Place {
  const topicId: TopicId = topic;
  return { topic, topicId, partition, ledger: { topicId, index: 0 }, slot: partition, offset, fresh: false };
}

it('goes on where it is told to, which is then not committed, and stays elsewhere', () => {
  const places = [place('a', 0, 5), place('a', 1, 5), place('b', 0, 5)];
  const seek = [
    { topic: 'a', partition: 1, offset: 2 },
    { topic: 'b', partition: 0, offset: 5 },
    { topic: 'c', partition: 0, offset: 9 },
  ];
  steerTo(places, { seek });
  expect(places.map(({ offset, fresh }) => [offset, fresh])).toEqual([
    [5, false],
    [2, true],
    [5, false],
  ]);
});

it('leaves out what is paused', () => {
  const places = [place('a', 0, 5), place('a', 1, 5), place('b', 0, 5)];
  expect(unpaused(places, {})).toEqual(places);
  const paused = [
    { topic: 'a', partitions: [1, 7] },
    { topic: 'c', partitions: [0] },
  ];
  expect(unpaused(places, { paused })).toEqual([places[0], places[2]]);
});
