import { expect, test } from 'vitest';
import { type Topics, topicResolver } from '../../../lib/coordination/groups/subscription.ts';
import { idsMatching } from '../../support/pattern-matches.ts';

const topics: Topics = new Map(
  ['orders', 'orders.eu', 'returns'].map((name) => [name, { topicId: `id of ${name}`, partitions: 1 }]),
);

test('a subscription finds the topics there are, by name and by pattern', () => {
  const found = (names: string[], pattern?: string) => {
    const matches = new Map(pattern === undefined ? [] : [[pattern, idsMatching(pattern, topics)]]);
    return [...topicResolver(topics, matches)({ names, pattern })];
  };
  expect(found(['returns', 'later'])).toEqual(['id of returns']);
  expect(found([], 'orders')).toEqual(['id of orders']);
  expect(found(['returns', 'orders'], 'orders.*')).toEqual(['id of returns', 'id of orders', 'id of orders.eu']);
  expect(found([], 'none')).toEqual([]);
});
