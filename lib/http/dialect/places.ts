/** What paths name, and what no such thing can be called is answered as one that is not there. */
import type { Broker } from '../../broker/broker.ts';
import { unknownPartition, unknownTopic } from '../../broker/topics/topic-cache.ts';
import type { InstanceId } from '../../coordination/groups/instance-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import { validateTopicName } from '../../log/topic/name.ts';
import { requireScope } from '../native/name-scopes.ts';
import type { DialectCall } from './mount.ts';

/** Throws `UNKNOWN_TOPIC_OR_PARTITION` for a name that no topic can have. */
export function topicOf(call: DialectCall): string {
  const name = call.param('topicname');
  if (validateTopicName(name) !== undefined) throw unknownTopic(name.slice(0, 300));
  return name;
}

/** The topic and partition of the path, which are there. */
export async function partitionOf(broker: Broker, call: DialectCall): Promise<{ topic: string; partition: number }> {
  const name = topicOf(call);
  const text = call.param('partitionid');
  const partition = /^\d{1,9}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  const topic = await broker.topics.getWith(name, partition);
  if (partition >= topic.partitions) throw unknownPartition(topic, partition);
  return { topic: name, partition };
}

/**
 * Of the path. Throws `NOT_FOUND` for names that no instance can have, and `FORBIDDEN` where the group is not the
 * caller's.
 */
export function instanceOf(call: DialectCall): InstanceId {
  const group = groupOf(call);
  const name = call.param('name');
  if (group.length > transactionLimits.groupIdLengthMax || name.length > groupLimits.instanceNameLengthMax) {
    throw new MillraceError('NOT_FOUND', 'No consumer instance has names as long as these.');
  }
  return { group, name };
}

export function groupOf(call: DialectCall): string {
  const group = call.param('groupid');
  requireScope(call.principal, 'consume', 'group', group);
  return group;
}

/** For each topic that is consumed, whoever asks. */
export function authorizeFor({ principal }: DialectCall): (topic: string) => void {
  return (topic) => requireScope(principal, 'consume', 'topic', topic);
}
