/**
 * What a member wants to consume: topics by name, and a pattern of names. Topics that do not exist yet are waited for. A
 * subscription to nothing is refused, since such a member could only ever be idle.
 */
import { utf8 } from '../../kernel/bytes.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { byText } from './partitions.ts';
import { type Refused, refuse } from './refusal.ts';
import { compileTopicPattern, type TopicPattern } from './topic-pattern.ts';

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
): { outcome: 'subscription'; subscription: Subscription } | Refused {
  const unique = [...new Set(names)].sort(byText);
  if (unique.length === 0 && pattern === undefined)
    return refuse('INVALID_REQUEST', 'a member subscribes to something');
  if (unique.length > limits.groupSubscriptionTopicsMax) {
    return refuse(
      'INVALID_REQUEST',
      `a member subscribes to at most ${limits.groupSubscriptionTopicsMax} topics by name`,
    );
  }
  const tooLong = unique.some((name) => name.length > limits.topicNameLengthMax || name.length === 0);
  const bytes = unique.reduce((sum, name) => sum + utf8(name).length, 0);
  if (tooLong || bytes > limits.groupSubscriptionBytesMax) {
    return refuse(
      'INVALID_REQUEST',
      `the names of a subscription have at most ${limits.groupSubscriptionBytesMax} bytes`,
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

/** Finds the topics of many subscriptions; what they have in common is looked for once. */
export function topicResolver(topics: Topics): (subscription: Subscription) => ReadonlySet<TopicId> {
  const byPattern = new Map<string, readonly TopicId[]>();
  const matching = (text: string) => {
    const known = byPattern.get(text);
    if (known !== undefined) return known;
    const compiled = compileTopicPattern(text);
    // A pattern was compiled before it was stored; one that is no longer taken matches nothing.
    const found = compiled.result === 'pattern' ? idsMatching(compiled.pattern, topics) : [];
    byPattern.set(text, found);
    return found;
  };
  return ({ names, pattern }) => {
    const ids = names.flatMap((name) => topics.get(name)?.topicId ?? []);
    return new Set(pattern === undefined ? ids : [...ids, ...matching(pattern)]);
  };
}

function idsMatching(pattern: TopicPattern, topics: Topics): TopicId[] {
  return [...topics].flatMap(([name, { topicId }]) => (pattern.matches(name) ? [topicId] : []));
}
