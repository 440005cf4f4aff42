/**
 * A share partition, stored.
 *
 * Key: `group#<id>` / `share#<topicId>#<partition, 5 digits>`. Attributes:
 *
 *     y      string  nonce, from when the item was created: one that was deleted and made anew has another
 *     v      number  version, + 1 with every write: with `y`, the condition of the next one
 *     w      string  random, of the write: who hears nothing of a write finds by it that it was applied
 *     topic  string  the topic's name, for whoever lists a group's share partitions
 *     s      number  the start offset
 *     r      bytes   the runs from there on; absent: none
 *
 * `r`, integers as varints (LEB128):
 *
 *     members, for each: length | member id in UTF-8
 *     locks, for each: member by its place | until, ms
 *     runs, for each: records | state (0 available, 1 acquired, 2 acknowledged, 3 archived) + 4 × deliveries | acquired: lock by its place
 *
 * At most 2,000 records are in flight, or as many as the group's config says, 4,000 (`shareInFlightRecordsMax`). A run has one at least, so
 * that an item has as many runs at the worst, with as many of records that are done with between them: below 100 KiB. Mostly there is a
 * handful.
 */
import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter, utf8, utf8Text } from '../../kernel/bytes.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Attributes, Condition, ItemKey, Write } from '../../kernel/items.ts';
import { bytesAt, numberAt, textAt } from '../groups/attributes.ts';
import { groupKey } from '../groups/offsets-item.ts';
import { canonical, type Lock, type RecordState, type Run, type SharePartition } from './share-partition.ts';

export interface SharePartitionId {
  group: string;
  topicId: TopicId;
  partition: number;
}

export interface StoredSharePartition {
  nonce: string;
  version: number;
  writeId: string;
  topic: string;
  partition: SharePartition;
}

/** What the sort keys of a group's share partitions begin with. */
export const SHARE_PREFIX = 'share#';

export function sharePartitionKey({ group, topicId, partition }: SharePartitionId): ItemKey {
  return { pk: groupKey(group), sk: `${SHARE_PREFIX}${topicId}#${String(partition).padStart(5, '0')}` };
}

export function parseSharePartitionKey(sk: string): { topicId: TopicId; partition: number } {
  const [topicId, partition] = sk.slice(SHARE_PREFIX.length).split('#');
  assert(
    sk.startsWith(SHARE_PREFIX) && topicId !== undefined && partition !== undefined && /^\d{5,}$/.test(partition),
    `${sk} is the key of a share partition`,
  );
  return { topicId, partition: Number(partition) };
}

export function encodeSharePartition({ nonce, version, writeId, topic, partition }: StoredSharePartition): Attributes {
  const { startOffset, runs } = partition;
  const common = { y: nonce, v: version, w: writeId, topic, s: startOffset };
  return runs.length === 0 ? common : { ...common, r: packRuns(runs) };
}

export function decodeSharePartition(attributes: Attributes): StoredSharePartition {
  const startOffset = numberAt(attributes, 's');
  const runs = attributes['r'] === undefined ? [] : unpackRuns(startOffset, bytesAt(attributes, 'r'));
  return {
    nonce: textAt(attributes, 'y'),
    version: numberAt(attributes, 'v'),
    writeId: textAt(attributes, 'w'),
    topic: textAt(attributes, 'topic'),
    partition: canonical(startOffset, runs),
  };
}

/** Replaces exactly what `next` was made from, whose version is one less; the first has version 1. */
export function planSharePartition(id: SharePartitionId, next: StoredSharePartition): Write & { kind: 'put' } {
  return {
    kind: 'put',
    key: sharePartitionKey(id),
    attributes: encodeSharePartition(next),
    conditions: next.version === 1 ? [{ clause: 'item-absent' }] : sameSharePartition(next, next.version - 1),
  };
}

function sameSharePartition({ nonce }: Pick<StoredSharePartition, 'nonce'>, version: number): Condition[] {
  return [
    { clause: 'equals', attribute: 'y', value: nonce },
    { clause: 'equals', attribute: 'v', value: version },
  ];
}

const STATES: readonly RecordState[] = ['available', 'acquired', 'acknowledged', 'archived'];

function packRuns(runs: readonly Run[]): Uint8Array {
  const locks = new Map<string, Lock>();
  for (const { lock } of runs) if (lock !== undefined) locks.set(nameOf(lock), lock);
  const members = [...new Set([...locks.values()].map(({ memberId }) => memberId))];
  const memberAt = new Map(members.map((member, at) => [member, at]));
  const lockAt = new Map([...locks.keys()].map((name, at) => [name, at]));
  const writer = new ByteWriter(64 + 48 * members.length + 4 * runs.length);
  writer.unsignedVarint(members.length);
  for (const member of members) {
    const id = utf8(member);
    writer.unsignedVarint(id.length).bytes(id);
  }
  writer.unsignedVarint(locks.size);
  for (const { memberId, untilMs } of locks.values()) {
    writer.unsignedVarint(memberAt.get(memberId) as number).unsignedVarint(untilMs);
  }
  writer.unsignedVarint(runs.length);
  for (const { first, end, state, deliveries, lock } of runs) {
    writer.unsignedVarint(end - first).unsignedVarint(STATES.indexOf(state) + STATES.length * deliveries);
    if (lock !== undefined) writer.unsignedVarint(lockAt.get(nameOf(lock)) as number);
  }
  return writer.finish();
}

function nameOf({ memberId, untilMs }: Lock): string {
  return `${untilMs} ${memberId}`;
}

function unpackRuns(startOffset: number, packed: Uint8Array): Run[] {
  const reader = new ByteReader(packed);
  const members = listed(reader, () => {
    const id = utf8Text(reader.bytes(reader.unsignedVarint()));
    assert(id !== undefined, 'a member id is text');
    return id;
  });
  const locks = listed(reader, (): Lock => {
    const memberId = members[reader.unsignedVarint()];
    assert(memberId !== undefined, 'a lock is of a member that is named');
    return { memberId, untilMs: reader.unsignedVarint() };
  });
  let first = startOffset;
  return listed(reader, (): Run => {
    const end = first + reader.unsignedVarint();
    const packedState = reader.unsignedVarint();
    const state = STATES[packedState % STATES.length] as RecordState;
    const run: Run = { first, end, state, deliveries: Math.floor(packedState / STATES.length) };
    first = end;
    if (state !== 'acquired') return run;
    const lock = locks[reader.unsignedVarint()];
    assert(lock !== undefined, 'an acquired record has a lock');
    return { ...run, lock };
  });
}

function listed<T>(reader: ByteReader, read: () => T): T[] {
  return Array.from({ length: reader.unsignedVarint() }, read);
}
