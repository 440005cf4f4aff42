import { expect, it } from 'vitest';
import { type ConsumerOptions, consumerSettings } from '../../../lib/client/consumer/options.ts';
import { compileTopicPattern } from '../../../lib/coordination/groups/topic-pattern.ts';

type Options = ConsumerOptions<unknown, unknown>;

it('has a default for everything but the group and what it reads', () => {
  expect(consumerSettings({ group: 'g', topics: ['t'] })).toMatchObject({
    commit: 'automatic',
    autoOffsetReset: 'latest',
    maxRecords: 500,
    waitMs: 10_000,
    sessionTimeoutMs: 45_000,
    rebalanceTimeoutMs: 300_000,
    maxPollIntervalMs: 300_000,
    direct: 'auto',
    rangesInFlightMax: 4,
    rangesBytesMax: 24 * 1024 * 1024,
  });
});

it.each<[string, Partial<Options> & Record<string, unknown>]>([
  ['an option that there is not', { topic: 'orders' }],
  ['no group', { group: '' }],
  ['no topics', { topics: [] }],
  ['topics and a pattern', { pattern: 'a.*' }],
  ['a pattern with flags that the server has not', { topics: undefined, pattern: /orders/i }],
  ['neither topics nor a pattern', { topics: undefined }],
  ['a commit that there is not', { commit: 'sometimes' as 'manual' }],
  ['a deserializer that is none', { valueDeserializer: {} as Options['valueDeserializer'] }],
  ['a way to read that there is not', { direct: 'always' as 'auto' }],
  ['a callback that is none', { onLost: 7 as never }],
  ['an instance id that is empty', { instanceId: '' }],
])('refuses %s', (_what, options) => {
  expect(() => consumerSettings({ group: 'g', topics: ['t'], ...options })).toThrow(TypeError);
});

it.each<[keyof Options, number]>([
  ['maxRecords', 0],
  ['maxBytes', 5 * 1024 * 1024],
  ['waitMs', 20_001],
  ['sessionTimeoutMs', 100],
  ['rebalanceTimeoutMs', 0.5],
  ['maxPollIntervalMs', 0],
])('refuses %s %d', (name, value) => {
  expect(() => consumerSettings({ group: 'g', topics: ['t'], [name]: value })).toThrow(RangeError);
});

it.each<[RegExp, string[], string[]]>([
  [/^orders/, ['orders', 'orders.eu'], ['my-orders']],
  [/eu|us$/, ['a.eu.b', 'x.us'], ['us.x']],
  [/\.v\d+$/u, ['a.v12'], ['a.v', 'a.v1.b']],
])('subscribes with %s to what it matches', (pattern, taken, refused) => {
  const compiled = compileTopicPattern(consumerSettings({ group: 'g', pattern }).pattern ?? '');
  if (compiled.result === 'refused') throw new Error(compiled.detail);
  const matching = [...taken, ...refused].filter((name) => compiled.pattern.matches(name));
  expect(matching).toEqual(taken);
  expect([...taken, ...refused].filter((name) => pattern.test(name))).toEqual(taken);
});
