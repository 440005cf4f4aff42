/**
 * A topic whose deletion is not finished: `deleted-topics` / `<topicId>`. Written with the deletion, and the last item of the
 * topic to go.
 *
 *     name              string   the topic's name, which may be another's by now
 *     partitions        number   how many it had
 *     ledgerPartitions  number   of a ledger
 *     state             string   deleting: ledgers may still have heads, and the name is taken
 *                                freed: nothing can be appended or read, and the name is free
 *                                emptied: everything was deleted; what was on its way then is looked for once more
 *     sinceMs           number   when it got into this state
 *     from              number   the ledgers below are done with in this state; absent = 0
 */
import { assert } from '../../kernel/assert.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Attributes, Changes, Condition, ItemKey, Write } from '../../kernel/items.ts';
import type { Topic } from './topic.ts';

export type DeletionState = 'deleting' | 'freed' | 'emptied';

export interface DeletedTopic {
  topicId: TopicId;
  name: string;
  partitions: number;
  ledgerPartitions: number;
  state: DeletionState;
  sinceMs: number;
  from: number;
}

/** The partition key of all of them. */
export const DELETED_TOPICS = 'deleted-topics';

export function deletedTopicKey(topicId: TopicId): ItemKey {
  return { pk: DELETED_TOPICS, sk: topicId };
}

/** A topic that gets into this state. */
export function planDeletion(
  { topicId, name, partitions, ledgerPartitions }: Topic,
  state: DeletionState,
  nowMs: number,
): Write {
  const attributes = { name, partitions, ledgerPartitions, state, sinceMs: nowMs };
  return { kind: 'put', key: deletedTopicKey(topicId), attributes };
}

export function decodeDeletedTopic(topicId: TopicId, attributes: Attributes): DeletedTopic {
  const { name, partitions, ledgerPartitions, state, sinceMs, from = 0 } = attributes;
  assert(typeof name === 'string', `the deleted topic ${topicId} has a name`);
  assert(typeof partitions === 'number', `the deleted topic ${topicId} has partitions`);
  assert(typeof ledgerPartitions === 'number', `the deleted topic ${topicId} has ledgerPartitions`);
  assert(state === 'deleting' || state === 'freed' || state === 'emptied', `the deleted topic ${topicId} has a state`);
  assert(
    typeof sinceMs === 'number' && typeof from === 'number',
    `the deleted topic ${topicId} has times and progress`,
  );
  return { topicId, name, partitions, ledgerPartitions, state, sinceMs, from };
}

/** From one state on, or to another; on the condition of the state, so that nothing late brings the item back. */
export function planDeletionStep(topic: DeletedTopic, next: Pick<DeletedTopic, 'state' | 'sinceMs' | 'from'>): Write {
  const changes: Changes = { set: { state: next.state, sinceMs: next.sinceMs, from: next.from } };
  return { kind: 'update', key: deletedTopicKey(topic.topicId), changes, conditions: inState(topic) };
}

export function planDeletionEnd(topic: DeletedTopic): Write {
  return { kind: 'delete', key: deletedTopicKey(topic.topicId), conditions: inState(topic) };
}

function inState({ state }: DeletedTopic): Condition[] {
  return [{ clause: 'equals', attribute: 'state', value: state }];
}
