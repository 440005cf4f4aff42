/**
 * What a member wants to consume: topics by name, and a pattern of names. Topics that do not exist yet are waited for.
 * A subscription to nothing is refused, since such a member could only ever be idle, unless it says that it may be.
 */
import { assert } from '../../kernel/assert.ts';
import { utf8 } from '../../kernel/bytes.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { byText } from './partitions.ts';
import { type Refused, refuse } from './refusal.ts';
import { compileTopicPattern } from './topic-pattern.ts';

export interface Subscription {
  /** In order, each once. */
  names: readonly string[];
  pattern?: string;
}

/** The topics there are, by name; those that are being deleted are none. */
export type Topics = ReadonlyMap<string, { topicId: TopicId; partitions: number }>;

export function parseSubscription(
  names: readonly string[],
  pattern?: string,
  mayBeIdle = false,
): { outcome: 'subscription'; subscription: Subscription } | Refused {
  const unique = [...new Set(names)].sort(byText);
  if (unique.length === 0 && pattern === undefined && !mayBeIdle)
    return refuse('INVALID_REQUEST', 'a member subscribes to something');
  if (unique.length > groupLimits.groupSubscriptionTopicsMax) {
    return refuse(
      'INVALID_REQUEST',
      `a member subscribes to at most ${groupLimits.groupSubscriptionTopicsMax} topics by name`,
    );
  }
  const tooLong = unique.some((name) => name.length > topicLimits.topicNameLengthMax || name.length === 0);
  const bytes = unique.reduce((sum, name) => sum + utf8(name).length, 0);
  if (tooLong || bytes > groupLimits.groupSubscriptionBytesMax) {
    return refuse(
      'INVALID_REQUEST',
      `the names of a subscription have at most ${groupLimits.groupSubscriptionBytesMax} bytes`,
    );
  }
  if (pattern === undefined) return { outcome: 'subscription', subscription: { names: unique } };
  const compiled = compileTopicPattern(pattern);
  if (compiled.result === 'refused') {
    return refuse('INVALID_REGULAR_EXPRESSION', `the topic pattern is refused: ${compiled.detail}`);
  }
  return { outcome: 'subscription', subscription: { names: unique, pattern } };
}

export function equalSubscriptions(a: Subscription, b: Subscription): boolean {
  return (
    a.pattern === b.pattern && a.names.length === b.names.length && a.names.every((name, at) => name === b.names[at])
  );
}

/** The topics that patterns match, by pattern: whoever has the topics has them matched. */
export type PatternMatches = ReadonlyMap<string, readonly TopicId[]>;

/** Finds the topics of subscriptions among those there are. */
export function topicResolver(
  topics: Topics,
  matches: PatternMatches,
): (subscription: Subscription) => ReadonlySet<TopicId> {
  const existing = new Set([...topics.values()].map(({ topicId }) => topicId));
  return ({ names, pattern }) => {
    const ids = names.flatMap((name) => topics.get(name)?.topicId ?? []);
    if (pattern === undefined) return new Set(ids);
    const matched = matches.get(pattern);
    assert(matched !== undefined, `the pattern ${pattern} was matched`);
    return new Set([...ids, ...matched.filter((topicId) => existing.has(topicId))]);
  };
}
