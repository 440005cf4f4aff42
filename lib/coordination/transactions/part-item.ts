/**
 * One part of an open transaction: bytes that are stored and not yet sequenced, and offsets not yet committed.
 *
 * Key: `transactional#<id>` / `part#<epoch>#<number>#<part>`, the numbers as 16, 16 and 4 digits. Immutable. It counts only
 * if the state says that the transaction is open and has so many parts; a part of a transaction that ended is litter.
 * Attributes:
 *
 *     c   list    of maps, one a ledger: t topic id, n topic name, i ledger, s seals that the writer had seen, c the packed
 *                 commit (opaque here; docs/protocol.md)
 *     p   list    of maps, one a partition that got records: c place in the list above, s slot, p partition, r records
 *     r   bytes   the records' places and timestamps, in the order of the request (receipt.ts), for a repeated request
 *     o   list    of maps, one a committed offset: g group, t topic name, i topic id, p partition, o offset, and l leader
 *                 epoch and m metadata where there are
 *     m   map     the member that commits the offsets, if one does: g group, m member id, and i instance id and e epoch where
 *                 it was named with them
 */
import { assert } from '../../kernel/assert.ts';
import type { LedgerId, TopicId } from '../../kernel/ids.ts';
import type { Attributes, ItemKey, Value } from '../../kernel/items.ts';
import type { FencedMember } from '../groups/fence.ts';
import { type PlacedRecord, packPlaced, type ReceiptPlace, unpackPlaced } from './receipt.ts';
import { transactionalPartitionKey } from './transactional-item.ts';

export interface PartCommit {
  ledger: LedgerId;
  topic: string;
  seen: number;
  /** A commit of lib/log/ledger/commit.ts, packed. */
  packed: Uint8Array;
}

/** An offset to commit. */
export interface PendingOffset {
  group: string;
  topic: string;
  topicId: TopicId;
  partition: number;
  offset: number;
  leaderEpoch?: number;
  metadata?: string;
}

export interface TransactionPart {
  commits: readonly PartCommit[];
  places: readonly ReceiptPlace[];
  records: readonly PlacedRecord[];
  offsets: readonly PendingOffset[];
  /** Who has read what the offsets say; absent: nobody in particular. */
  reader?: PartReader;
}

export interface PartReader {
  group: string;
  member: FencedMember;
}

export interface TransactionId {
  id: string;
  epoch: number;
  number: number;
}

export function partKey(transaction: TransactionId, part: number): ItemKey {
  return {
    pk: transactionalPartitionKey(transaction.id),
    sk: `${partPrefix(transaction)}${String(part).padStart(4, '0')}`,
  };
}

/** What the sort keys of all parts of a transaction begin with. */
export function partPrefix({ epoch, number }: TransactionId): string {
  return `part#${digits(epoch)}#${digits(number)}#`;
}

function digits(number: number): string {
  return String(number).padStart(16, '0');
}

export function encodePart({ commits, places, records, offsets, reader }: TransactionPart): Attributes {
  return {
    c: commits.map(({ ledger, topic, seen, packed }) => ({
      t: ledger.topicId,
      n: topic,
      i: ledger.index,
      s: seen,
      c: packed,
    })),
    p: places.map(({ ledger, slot, partition, records: count }) => ({ c: ledger, s: slot, p: partition, r: count })),
    r: packPlaced(records),
    o: offsets.map(encodeOffset),
    ...(reader !== undefined && { m: encodeReader(reader) }),
  };
}

function encodeOffset({ group, topic, topicId, partition, offset, leaderEpoch, metadata }: PendingOffset): Value {
  const map: Record<string, Value> = { g: group, t: topic, i: topicId, p: partition, o: offset };
  if (leaderEpoch !== undefined) map['l'] = leaderEpoch;
  if (metadata !== undefined) map['m'] = metadata;
  return map;
}

function encodeReader({ group, member: { memberId, instanceId, epoch } }: PartReader): Value {
  const map: Record<string, Value> = { g: group, m: memberId };
  if (instanceId !== undefined) map['i'] = instanceId;
  if (epoch !== undefined) map['e'] = epoch;
  return map;
}

export function decodePart(attributes: Attributes): TransactionPart {
  const { c, p, r, o, m } = attributes;
  assert(r instanceof Uint8Array, 'a part has the places of its records');
  return {
    commits: maps(c).map((map) => {
      const packed = map['c'];
      assert(packed instanceof Uint8Array, 'a part has packed commits');
      const ledger = { topicId: text(map, 't'), index: number(map, 'i') };
      return { ledger, topic: text(map, 'n'), seen: number(map, 's'), packed };
    }),
    places: maps(p).map((map) => ({
      ledger: number(map, 'c'),
      slot: number(map, 's'),
      partition: number(map, 'p'),
      records: number(map, 'r'),
    })),
    records: unpackPlaced(r),
    offsets: maps(o).map(decodeOffset),
    ...(m !== undefined && { reader: decodeReader(m) }),
  };
}

function decodeOffset(map: Record<string, Value>): PendingOffset {
  const offset: PendingOffset = {
    group: text(map, 'g'),
    topic: text(map, 't'),
    topicId: text(map, 'i'),
    partition: number(map, 'p'),
    offset: number(map, 'o'),
  };
  if (map['l'] !== undefined) offset.leaderEpoch = number(map, 'l');
  if (map['m'] !== undefined) offset.metadata = text(map, 'm');
  return offset;
}

function decodeReader(value: Value): PartReader {
  const map = mapOf(value);
  const member: FencedMember = { memberId: text(map, 'm') };
  if (map['i'] !== undefined) member.instanceId = text(map, 'i');
  if (map['e'] !== undefined) member.epoch = number(map, 'e');
  return { group: text(map, 'g'), member };
}

function maps(value: Value | undefined): Record<string, Value>[] {
  assert(Array.isArray(value), 'a part of a transaction holds lists');
  return value.map(mapOf);
}

function mapOf(value: Value): Record<string, Value> {
  assert(
    typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array),
    'what a part of a transaction lists are maps',
  );
  return value;
}

function text(map: Record<string, Value>, name: string): string {
  const value = map[name];
  assert(typeof value === 'string', `${name} of a part is text`);
  return value;
}

function number(map: Record<string, Value>, name: string): number {
  const value = map[name];
  assert(typeof value === 'number', `${name} of a part is a number`);
  return value;
}
