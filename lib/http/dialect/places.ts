/** Topics and partitions as paths name them. What no topic or partition can be called is answered as one that is not there. */
import type { Broker } from '../../broker/broker.ts';
import { unknownPartition, unknownTopic } from '../../broker/topic-cache.ts';
import { validateTopicName } from '../../log/topic/name.ts';
import { DialectError, PARTITION_NOT_FOUND } from './errors.ts';
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
  if (partition >= topic.partitions) {
    throw new DialectError(PARTITION_NOT_FOUND, unknownPartition(topic, partition).message);
  }
  return { topic: name, partition };
}
