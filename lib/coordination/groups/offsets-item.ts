/**
 * A group's committed offsets of 16 partitions of a topic, in one item.
 *
 * Key: `group#<id>` / `offset#<topicId>#<n as 4 digits>`. Partition p is slot p mod 16 of item ⌊p / 16⌋, whatever the
 * topic's `ledger.partitions`. Attributes:
 *
 *     topic     string  the topic's name, for whoever lists a group's offsets
 *     o0..o15   number  the slot's committed offset: the next one to read; absent = none is committed
 *     t0..t15   number  when it was committed, ms
 *     l0..l15   number  the leader epoch that the consumer had seen; absent = it did not say
 *     m0..m15   string  what the consumer keeps beside the offset; absent = nothing
 *
 * A commit is an update of the slots it names, without a condition: the last one counts, as in Kafka.
 */
import { assert } from '../../kernel/assert.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Attributes, ItemKey, Write } from '../../kernel/items.ts';

/** Not the ledger's number of slots, which a topic chooses: an offset must be found without knowing the topic. */
export const OFFSETS_PER_ITEM = 16;

export interface CommittedOffset {
  offset: number;
  committedMs: number;
  leaderEpoch?: number;
  metadata?: string;
}

export interface OffsetsItem {
  topic: string;
  /** By slot; 16 of them. */
  slots: readonly (CommittedOffset | undefined)[];
}

export interface OffsetsItemId {
  group: string;
  topicId: TopicId;
  /** Partitions 16 × index and the following 15. */
  index: number;
}

/** The partition key of everything a group has. */
export function groupKey(group: string): string {
  return `group#${group}`;
}

/** What the sort keys of a group's offsets begin with. */
export const OFFSETS_PREFIX = 'offset#';

export function offsetsKey({ group, topicId, index }: OffsetsItemId): ItemKey {
  return { pk: groupKey(group), sk: `${OFFSETS_PREFIX}${topicId}#${String(index).padStart(4, '0')}` };
}

/** The topic and the place that a sort key of `offsetsKey` names. */
export function parseOffsetsKey(sk: string): { topicId: TopicId; index: number } {
  const [topicId, index] = sk.slice(OFFSETS_PREFIX.length).split('#');
  assert(
    sk.startsWith(OFFSETS_PREFIX) && topicId !== undefined && index !== undefined && /^\d{4,}$/.test(index),
    `${sk} is the key of committed offsets`,
  );
  return { topicId, index: Number(index) };
}

export function encodeOffsets(item: OffsetsItem): Attributes {
  const attributes: Attributes = { topic: item.topic };
  for (const [slot, committed] of item.slots.entries()) {
    if (committed !== undefined) Object.assign(attributes, slotAttributes(slot, committed));
  }
  return attributes;
}

export function decodeOffsets(attributes: Attributes): OffsetsItem {
  const { topic } = attributes;
  assert(typeof topic === 'string', 'committed offsets name their topic');
  const slots = Array.from({ length: OFFSETS_PER_ITEM }, (_, slot) => decodeSlot(attributes, slot));
  return { topic, slots };
}

function decodeSlot(attributes: Attributes, slot: number): CommittedOffset | undefined {
  const offset = attributes[`o${slot}`];
  if (offset === undefined) return undefined;
  const [committedMs, leaderEpoch, metadata] = [`t${slot}`, `l${slot}`, `m${slot}`].map((name) => attributes[name]);
  assert(typeof offset === 'number' && typeof committedMs === 'number', `slot ${slot} has an offset and its time`);
  assert(leaderEpoch === undefined || typeof leaderEpoch === 'number', `slot ${slot} has a leader epoch or none`);
  assert(metadata === undefined || typeof metadata === 'string', `slot ${slot} has metadata or none`);
  return {
    offset,
    committedMs,
    ...(leaderEpoch !== undefined && { leaderEpoch }),
    ...(metadata !== undefined && { metadata }),
  };
}

/** Commits the slots' offsets; the item's other slots stay as they are. */
export function planOffsets(
  id: OffsetsItemId,
  topic: string,
  slots: ReadonlyMap<number, CommittedOffset>,
): Write & { kind: 'update' } {
  assert(slots.size > 0, 'a commit of offsets has at least one');
  const set: Attributes = { topic };
  const remove: string[] = [];
  for (const [slot, committed] of slots) {
    assert(slot >= 0 && slot < OFFSETS_PER_ITEM, `slot ${slot} is one of an item's`);
    Object.assign(set, slotAttributes(slot, committed));
    if (committed.leaderEpoch === undefined) remove.push(`l${slot}`);
    if (committed.metadata === undefined) remove.push(`m${slot}`);
  }
  return { kind: 'update', key: offsetsKey(id), changes: { set, ...(remove.length > 0 && { remove }) } };
}

function slotAttributes(slot: number, { offset, committedMs, leaderEpoch, metadata }: CommittedOffset): Attributes {
  return {
    [`o${slot}`]: offset,
    [`t${slot}`]: committedMs,
    ...(leaderEpoch !== undefined && { [`l${slot}`]: leaderEpoch }),
    ...(metadata !== undefined && { [`m${slot}`]: metadata }),
  };
}
