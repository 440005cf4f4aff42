/**
 * Deletes what a group has committed of some partitions. Not of topics that its members are subscribed to: such an
 * offset would come back with the next commit, or make a member begin anew.
 */
import { type ClassicSubscription, subscriptionOf } from '../../coordination/groups/classic/consumer-subscription.ts';
import { decideUnfenced } from '../../coordination/groups/fence.ts';
import { sameGroup, stateKey } from '../../coordination/groups/group-item.ts';
import { OFFSETS_PER_ITEM, offsetsKey } from '../../coordination/groups/offsets-item.ts';
import { checkGroupId } from '../../coordination/transactions/ids.ts';
import type { ErrorCode } from '../../kernel/errors.ts';
import type { Write } from '../../kernel/items.ts';
import type { Topic } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { requireResting } from '../triggers/claim.ts';
import { decideAgain } from '../write-attempts.ts';
import { nonEmpty } from './delete-group.ts';
import { type GroupView, noSuchGroup, viewGroup } from './group-view.ts';
import { lookForMembers } from './look-over.ts';
import { topicOrNone } from './topic-directory.ts';

export interface DeleteOffsetsRequest {
  group: string;
  topics: readonly { topic: string; partitions: readonly number[] }[];
}

/** Of a topic: why nothing of it was deleted, or `undefined`. */
export type DeletedOffsets = (Extract<ErrorCode, 'UNKNOWN_TOPIC_OR_PARTITION'> | 'subscribed' | undefined)[];

/**
 * In the order of the topics. Throws `GROUP_ID_NOT_FOUND`, and `NON_EMPTY_GROUP` where the members assign among
 * themselves something else than the partitions of consumers: what they are subscribed to is theirs to know.
 */
export async function deleteOffsets(broker: Broker, { group, topics }: DeleteOffsetsRequest): Promise<DeletedOffsets> {
  checkGroupId(group);
  await lookForMembers(broker, group);
  await requireResting(broker, group);
  const deleted: DeletedOffsets = [];
  for (const { topic: name, partitions } of topics) {
    const topic = await topicOrNone(broker, name);
    deleted.push(
      topic === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : await deleteOfTopic(broker, { group, topic, partitions }),
    );
  }
  return deleted;
}

async function deleteOfTopic(
  broker: Broker,
  { group, topic, partitions }: { group: string; topic: Topic; partitions: readonly number[] },
): Promise<'subscribed' | undefined> {
  const { topicId } = topic;
  const known = partitions.filter((partition) => partition >= 0);
  const items = Map.groupBy(known, (partition) => Math.floor(partition / OFFSETS_PER_ITEM));
  for (const [index, own] of items) {
    const key = offsetsKey({ group, topicId, index });
    const remove = own.flatMap((partition) =>
      ['o', 't', 'l', 'm'].map((name) => `${name}${partition % OFFSETS_PER_ITEM}`),
    );
    const result = await decideAgain('deletion', async () => {
      const view = await viewGroup(broker, group);
      const allowed = admitDeletion(group, view, topic);
      if (allowed === 'subscribed') return { done: 'subscribed' as const };
      if ((await broker.metadata.get(key, 'strong')) === undefined) return { done: undefined };
      const update: Write = {
        kind: 'update',
        key,
        changes: { remove: [...new Set(remove)] },
        conditions: [{ clause: 'item-exists' }],
      };
      const written = await broker.metadata.write([allowed, update]);
      return written.outcome === 'refused' ? 'again' : { done: undefined };
    });
    if (result !== undefined) return result;
  }
  return undefined;
}

/** The check that holds as long as the group is as it was seen. */
function admitDeletion(group: string, view: GroupView | undefined, topic: Topic): Write | 'subscribed' {
  if (view === undefined) throw noSuchGroup(group);
  const { state, target, members } = view;
  if (state === undefined || state.members === 0) {
    const decided = decideUnfenced(group, state);
    if (decided.outcome === 'refused' || members.size > 0) throw nonEmpty(group);
    return decided.fence;
  }
  const isSubscribed =
    state.kind === 'classic'
      ? isOfConsumers(group, subscriptionOf(state, members.values()), topic)
      : target?.topics.has(topic.topicId) === true;
  if (isSubscribed) return 'subscribed';
  return { kind: 'check', key: stateKey(group), conditions: sameGroup(state, state.version) };
}

/** Where it cannot be told, it may be: the offset stays. */
function isOfConsumers(group: string, subscribed: ClassicSubscription, { name }: Topic): boolean {
  switch (subscribed.subscription) {
    case 'topics':
      return subscribed.topics.has(name);
    case 'unclear':
      return true;
    case 'theirs':
      throw nonEmpty(group);
  }
}
