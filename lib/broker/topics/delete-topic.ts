/**
 * Deletes a topic: unknown to everyone with one transaction, then its ledgers end, then its name is free.
 *
 * The answer comes after the ledger heads are gone: no append, from whatever cached view of the topic, can be
 * acknowledged after it. Nor can an attempt to create the topic that is still under way bring it back (create-once.ts).
 * A crash leaves a topic in the state `deleting`, which nobody can see or use; deleting it again, creating one of its
 * name or the maintenance ends it. Its records and items are deleted after the answer (lifecycle/finish-deletions.ts).
 */
import type { TopicId } from '../../kernel/ids.ts';
import { checkTopicName } from '../../log/topic/name.ts';
import { decodeTopic, topicKey } from '../../log/topic/topic-item.ts';
import { deletionWrites } from '../../log/topic/topic-writes.ts';
import type { Broker } from '../broker.ts';
import { finishDeletion } from '../lifecycle/finish-deletions.ts';
import { type Decision, decideAgain } from '../write-attempts.ts';
import { finishTopicDeletion } from './finish-topic-deletion.ts';
import { unknownTopic } from './topic-cache.ts';

/**
 * With an id only the topic of the name that has it. Throws `UNKNOWN_TOPIC_OR_PARTITION`, or `INVALID_TOPIC` for a name
 * that no topic can have.
 */
export async function deleteTopic(broker: Broker, name: string, topicId?: TopicId): Promise<void> {
  checkTopicName(name);
  let target: TopicId | undefined;
  await decideAgain<undefined>(`deletion of the topic ${name}`, async (): Promise<Decision<undefined>> => {
    const attributes = await broker.metadata.get(topicKey(name), 'strong');
    const topic = attributes && decodeTopic(name, attributes);
    // The topic that this call set out to delete is gone, whoever finished it; another of its name is not its concern.
    if (target !== undefined && topic?.topicId !== target) return { done: undefined };
    if (topic === undefined || (topicId !== undefined && topic.topicId !== topicId)) throw unknownTopic(name);
    target = topic.topicId;
    if (topic.state === 'ready') {
      broker.topics.forget(name);
      await broker.metadata.write(deletionWrites(topic, broker.clock.now()));
      return 'again';
    }
    await finishTopicDeletion(broker, topic);
    broker.background.add(finishDeletion(broker, topic.topicId));
    return { done: undefined };
  });
  broker.topics.forget(name);
}
