import { expect, test } from 'vitest';
import { TopicMatches } from '../../../lib/broker/groups/topic-matches.ts';
import type { Topics } from '../../../lib/coordination/groups/subscription.ts';
import { groupLimits } from '../../../lib/kernel/limits/groups.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';

/** Counts how often others had their turn. */
function matching() {
  const turns = { count: 0 };
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: async () => {
      turns.count++;
    },
  };
  return { turns, matches: new TopicMatches({ clock }) };
}

const topicsOf = (names: readonly string[]): Topics =>
  new Map(names.map((name) => [name, { topicId: `id of ${name}`, partitions: 1 }]));

/** Two characters at random, so that a pattern that counts back from the end is in another state with each. */
function longNames(count: number): string[] {
  let seed = 1;
  const next = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % 2 === 0 ? 'a' : 'b';
  };
  return Array.from({ length: count }, () => Array.from({ length: topicLimits.topicNameLengthMax }, next).join(''));
}

test('finds the topics of patterns, with topics that came, went and are others by the same name', async () => {
  const { matches } = matching();
  const before = await matches.find(['ord.*', '.*s'], topicsOf(['orders', 'ordinary', 'returns']));
  expect(before).toEqual(
    new Map([
      ['ord.*', ['id of orders', 'id of ordinary']],
      ['.*s', ['id of orders', 'id of returns']],
    ]),
  );
  const topics = new Map([...topicsOf(['ordinals']), ['orders', { topicId: 'another', partitions: 1 }] as const]);
  expect(await matches.find(['ord.*'], topics)).toEqual(new Map([['ord.*', ['id of ordinals', 'another']]]));
  expect(await matches.find(['ord.*'], topicsOf(['ordinary']))).toEqual(new Map([['ord.*', ['id of ordinary']]]));
});

test('lets others have their turn within a costly pattern, and matches nothing twice', async () => {
  const { matches, turns } = matching();
  const names = longNames(100);
  const hostile = `(.?a?){${Math.floor(groupLimits.topicPatternStepsMax / 4) - 1}}b`;
  const found = await matches.find([hostile], topicsOf(names));
  expect(turns.count).toBeGreaterThan(5);
  turns.count = 0;
  expect(await matches.find([hostile], topicsOf(names))).toEqual(found);
  expect(turns.count).toBe(0);
});
