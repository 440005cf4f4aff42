/** The topics of members' patterns, for decisions that are made without a process that remembers them. */
import type { Member } from '../../lib/coordination/groups/member-item.ts';
import type { PatternMatches, Topics } from '../../lib/coordination/groups/subscription.ts';
import { compileTopicPattern } from '../../lib/coordination/groups/topic-pattern.ts';

export function matchesOf(members: Iterable<Member>, topics: Topics): PatternMatches {
  const patterns = [...members].flatMap((member) =>
    member.kind === 'consumer' ? (member.subscription.pattern ?? []) : [],
  );
  return new Map(patterns.map((text) => [text, idsMatching(text, topics)]));
}

export function idsMatching(text: string, topics: Topics) {
  const compiled = compileTopicPattern(text);
  if (compiled.result === 'refused') throw new Error(compiled.detail);
  return [...topics].flatMap(([name, { topicId }]) => (compiled.pattern.matches(name) ? [topicId] : []));
}
