/**
 * What creating, changing and deleting a topic writes, as values.
 *
 * Ledger heads are keyed by the topic's fresh id, so nobody sees them before the topic's item exists and nobody finds
 * them after it is gone. That makes the topic's item the one thing that decides whether there is a topic: every
 * transaction here conditions on it first, and its index in a refusal says who won.
 */
import { countDeletion } from '../../kernel/deletion-count.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, Condition, ItemKey, Write } from '../../kernel/items.ts';
import { encodeHead, headKey, initialHead, WAKE_ATTRIBUTE } from '../ledger/head.ts';
import { planDeletion } from './deleted-topic-item.ts';
import { collisionName } from './name.ts';
import { ledgerCount, type Topic } from './topic.ts';
import { claimKey, directoryKey, encodeClaim, encodeDirectoryEntry, encodeTopic, topicKey } from './topic-item.ts';

/** The items that make the topic exist. The first write's condition fails where the name is taken. */
export function creationWrites(topic: Topic): Write[] {
  const absent: Condition[] = [{ clause: 'item-absent' }];
  const claim = claimKey(topic.name);
  return [
    { kind: 'put', key: topicKey(topic.name), attributes: encodeTopic(topic), conditions: absent },
    { kind: 'put', key: directoryKey(topic.name), attributes: encodeDirectoryEntry(topic) },
    ...(claim === undefined
      ? []
      : [{ kind: 'put' as const, key: claim, attributes: encodeClaim(topic.name), conditions: absent }]),
  ];
}

/**
 * A ledger's first head, with who holds it where several replicas do, and with `wake` where the topic has triggers.
 * Only where there is none: a late repetition must not reset a head that was appended to.
 */
export function headWrite(
  ledger: LedgerId,
  { replication, wakes = false }: { replication?: Attributes; wakes?: boolean } = {},
): Write {
  return {
    kind: 'put',
    key: headKey(ledger),
    attributes: { ...encodeHead(initialHead(replication)), ...(wakes && { [WAKE_ATTRIBUTE]: 1 }) },
    conditions: [{ clause: 'item-absent' }],
  };
}

/** Guards the other writes of a transaction: the topic is still as it was. */
export function unchangedCheck(topic: Topic): Write {
  return { kind: 'check', key: topicKey(topic.name), conditions: unchanged(topic) };
}

/** From `topic` to `next`, if the topic is still as it was. The heads of new ledgers must be there before. */
export function changeWrites(topic: Topic, next: Topic): Write[] {
  const item: Write = {
    kind: 'update',
    key: topicKey(topic.name),
    changes: { set: encodeTopic(next) },
    conditions: unchanged(topic),
  };
  if (next.partitions === topic.partitions) return [item];
  return [item, { kind: 'put', key: directoryKey(topic.name), attributes: encodeDirectoryEntry(next) }];
}

/**
 * Makes a ready topic unknown to everyone, frees its claim and voids what attempts to create it are still under way.
 * The name is free only after `removalWrites`; what is left to do then is found in the item of the deleted topic.
 */
export function deletionWrites(topic: Topic, nowMs: number): Write[] {
  const claim = claimKey(topic.name);
  return [
    {
      kind: 'update',
      key: topicKey(topic.name),
      changes: { set: { state: 'deleting', version: topic.version + 1 } },
      conditions: unchanged(topic),
    },
    { kind: 'delete', key: directoryKey(topic.name) },
    countDeletion(deletionName(topic.name)),
    planDeletion(topic, 'deleting', nowMs),
    ...(claim === undefined ? [] : [{ kind: 'delete' as const, key: claim }]),
  ];
}

/**
 * Under which a topic's deletions are counted. The same for names that collide: the deletion of one lets the other be
 * created, which a late attempt must not profit from.
 */
export function deletionName(name: string): string {
  return `topic#${collisionName(name)}`;
}

/**
 * Frees the name of a topic that is being deleted and whose ledgers have no heads any more. Counted again: an attempt
 * to create that began between the two transactions must not pass after a deletion that found the first one done.
 */
export function removalWrites(topic: Topic, nowMs: number): Write[] {
  return [
    {
      kind: 'delete',
      key: topicKey(topic.name),
      conditions: [
        { clause: 'equals', attribute: 'topicId', value: topic.topicId },
        { clause: 'equals', attribute: 'state', value: 'deleting' },
      ],
    },
    countDeletion(deletionName(topic.name)),
    planDeletion(topic, 'freed', nowMs),
  ];
}

/** The topic's ledgers, or those from the n-th on. */
export function ledgersOf(topic: Pick<Topic, 'topicId' | 'partitions' | 'ledgerPartitions'>, from = 0): LedgerId[] {
  const count = ledgerCount(topic.partitions, topic.ledgerPartitions);
  return Array.from({ length: Math.max(0, count - from) }, (_, i) => ({ topicId: topic.topicId, index: from + i }));
}

/** Where an item of a ledger is deleted, whatever it holds. Safe to repeat: a topic's id is never used again. */
export function discard(key: ItemKey): Write {
  return { kind: 'delete', key };
}

function unchanged(topic: Topic): Condition[] {
  return [
    { clause: 'equals', attribute: 'topicId', value: topic.topicId },
    { clause: 'equals', attribute: 'version', value: topic.version },
  ];
}
