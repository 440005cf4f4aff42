/** Which topics a trigger means. */
import { assert } from '../../kernel/assert.ts';
import { compileTopicPattern } from '../groups/topic-pattern.ts';
import type { TriggerTopics } from './trigger.ts';

/** For topics that were checked (check-trigger.ts). Compiles a pattern once, for as many names as are asked about. */
export function topicMatcher(topics: TriggerTopics): (name: string) => boolean {
  if ('names' in topics) {
    const names = new Set(topics.names);
    return (name) => names.has(name);
  }
  const compiled = compileTopicPattern(topics.pattern);
  assert(compiled.result === 'pattern', `the pattern ${topics.pattern} of a trigger was checked`);
  return (name) => compiled.pattern.matches(name);
}
