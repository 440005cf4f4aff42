/**
 * Kafka's rules for topic names (org.apache.kafka.common.internals.Topic).
 *
 * Kafka also refuses a topic whose name equals another's when `.` and `_` count as one character, because its metrics
 * cannot tell the two apart. Millrace keeps that rule, so that a set of topics can move to Kafka and back. It holds
 * however many creators race: a name with such a character claims its unified form (topic-item.ts) in the creation's
 * own transaction.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';

/** Why the name is not allowed, as a sentence's end; `undefined` where it is. */
export function validateTopicName(name: string): string | undefined {
  if (name === '') return 'the empty name is not allowed';
  if (name === '.' || name === '..') return `"${name}" is not allowed`;
  if (name.length > topicLimits.topicNameLengthMax) {
    return `its ${name.length} characters are more than the ${topicLimits.topicNameLengthMax} that are allowed`;
  }
  if (!/^[a-zA-Z0-9._-]*$/.test(name)) {
    return 'only ASCII letters, digits, ".", "_" and "-" are allowed';
  }
  return undefined;
}

/** Throws `INVALID_TOPIC` for a name that no topic can have. */
export function checkTopicName(name: string): void {
  const invalid = validateTopicName(name);
  if (invalid !== undefined) throw new MillraceError('INVALID_TOPIC', `the topic name is not allowed: ${invalid}`);
}

/** Whether another name can collide with this one. */
export function hasCollisionCharacters(name: string): boolean {
  return name.includes('.') || name.includes('_');
}

/** Two names collide if this is the same for both. */
export function collisionName(name: string): string {
  return name.replaceAll('.', '_');
}
