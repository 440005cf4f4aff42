/**
 * Who is to own what: all assignments of a group of an epoch, and who may still hold what was taken from it.
 *
 * Key: `group#<id>` / `target`. Written in one transaction with the group's state, whose condition covers it. Attributes:
 *
 *     y   string  the group's nonce
 *     g   number  the group epoch
 *     r   string  the assignor
 *     s   list    of strings: the members' seats, in order
 *     b   list    of strings: the nonces of their items
 *     u   list    of numbers: the subscriptions that were looked at, as the members count them
 *     t   bytes   topics and owners:
 *                   topics varint, for each: id 16 bytes | partitions varint | until there are as many:
 *                     partitions in a row varint | 1 + their owner's place in `s` varint, 0 = nobody
 *     h   list    of maps, withdrawals: s seat, b nonce, g the epoch that took the partitions away, t when, ms, a partitions
 *
 * A withdrawal is open until the member of that seat and nonce has followed the epoch, or is gone. Nobody takes over a
 * partition of an open one. It outlives the target that made it: later ones carry it on.
 */
import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter } from '../../kernel/bytes.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Attributes, ItemKey, Value, Write } from '../../kernel/items.ts';
import { type AssignorName, isAssignorName } from './assignors/by-name.ts';
import { bytesAt, mapsAt, numberAt, textAt, textsAt } from './attributes.ts';
import { groupKey } from './offsets-item.ts';
import {
  eachPartition,
  type Partitions,
  packPartitions,
  partitionsOf,
  readTopicId,
  type TopicPartition,
  unpackPartitions,
  writeTopicId,
} from './partitions.ts';
import type { Seat } from './seat.ts';

export interface TargetMember {
  seat: Seat;
  nonce: string;
  subscriptionNumber: number;
  assigned: Partitions;
}

export interface Withdrawal {
  seat: Seat;
  nonce: string;
  epoch: number;
  sinceMs: number;
  partitions: Partitions;
}

export interface Target {
  nonce: string;
  epoch: number;
  assignor: AssignorName;
  /** By seat. */
  members: readonly TargetMember[];
  /** The topics that anybody is subscribed to, with their partitions. */
  topics: ReadonlyMap<TopicId, number>;
  withdrawals: readonly Withdrawal[];
}

export function targetKey(group: string): ItemKey {
  return { pk: groupKey(group), sk: 'target' };
}

/** The target of a group that has not had one. */
export function noTarget(nonce: string, assignor: AssignorName): Target {
  return { nonce, epoch: 0, assignor, members: [], topics: new Map(), withdrawals: [] };
}

export function encodeTarget({ nonce, epoch, assignor, members, topics, withdrawals }: Target): Attributes {
  return {
    y: nonce,
    g: epoch,
    r: assignor,
    s: members.map(({ seat }) => seat),
    b: members.map((member) => member.nonce),
    u: members.map(({ subscriptionNumber }) => subscriptionNumber),
    t: packOwners(topics, members),
    h: withdrawals.map(encodeWithdrawal),
  };
}

function encodeWithdrawal({ seat, nonce, epoch, sinceMs, partitions }: Withdrawal): Value {
  return { s: seat, b: nonce, g: epoch, t: sinceMs, a: packPartitions(partitions) };
}

export function decodeTarget(attributes: Attributes): Target {
  const assignor = textAt(attributes, 'r');
  assert(isAssignorName(assignor), `${assignor} is an assignor`);
  const [seats, nonces] = [textsAt(attributes, 's'), textsAt(attributes, 'b')];
  const numbers = attributes['u'];
  assert(Array.isArray(numbers) && nonces.length === seats.length, 'a target has lists of one length');
  const { topics, owned } = unpackOwners(bytesAt(attributes, 't'), seats.length);
  return {
    nonce: textAt(attributes, 'y'),
    epoch: numberAt(attributes, 'g'),
    assignor,
    members: seats.map((seat, index) => ({
      seat,
      nonce: nonces[index] as string,
      subscriptionNumber: Number(numbers[index]),
      assigned: partitionsOf(owned[index] as TopicPartition[]),
    })),
    topics,
    withdrawals: mapsAt(attributes, 'h').map((map) => ({
      seat: textAt(map, 's'),
      nonce: textAt(map, 'b'),
      epoch: numberAt(map, 'g'),
      sinceMs: numberAt(map, 't'),
      partitions: unpackPartitions(bytesAt(map, 'a')),
    })),
  };
}

function packOwners(topics: ReadonlyMap<TopicId, number>, members: readonly TargetMember[]): Uint8Array {
  const owners = new Map([...topics].map(([topicId, count]) => [topicId, Array<number>(count).fill(0)]));
  for (const [index, { assigned }] of members.entries()) {
    for (const { topicId, partition } of eachPartition(assigned)) {
      const list = owners.get(topicId);
      assert(list !== undefined && list[partition] === 0, `${topicId} ${partition} is there and has one owner`);
      list[partition] = index + 1;
    }
  }
  const writer = new ByteWriter().unsignedVarint(topics.size);
  for (const [topicId, list] of owners) {
    writeTopicId(writer, topicId).unsignedVarint(list.length);
    for (let from = 0; from < list.length; ) {
      const other = list.findIndex((owner, at) => at > from && owner !== list[from]);
      const to = other < 0 ? list.length : other;
      writer.unsignedVarint(to - from).unsignedVarint(list[from] as number);
      from = to;
    }
  }
  return writer.finish();
}

function unpackOwners(packed: Uint8Array, members: number) {
  const reader = new ByteReader(packed);
  const topics = new Map<TopicId, number>();
  const owned = Array.from({ length: members }, (): TopicPartition[] => []);
  for (let left = reader.unsignedVarint(); left > 0; left--) {
    const topicId = readTopicId(reader);
    const count = reader.unsignedVarint();
    topics.set(topicId, count);
    for (let partition = 0; partition < count; ) {
      const end = partition + reader.unsignedVarint();
      const owner = reader.unsignedVarint();
      assert(end > partition && end <= count && owner <= members, 'owners are packed as they should be');
      for (; partition < end; partition++) if (owner > 0) owned[owner - 1]?.push({ topicId, partition });
    }
  }
  return { topics, owned };
}

/** Goes with the write of the group's state and nothing else, whose condition says that this is the next target. */
export function planTarget(group: string, target: Target): Write & { kind: 'put' } {
  return { kind: 'put', key: targetKey(group), attributes: encodeTarget(target) };
}

/** What the item has, about: what is compared with the limit before a write is tried. */
export function targetBytes(target: Target): number {
  const lists = target.members.reduce((sum, { seat, nonce }) => sum + 3 * seat.length + nonce.length + 8, 0);
  const withdrawn = target.withdrawals.reduce(
    (sum, { seat, nonce, partitions }) => sum + 3 * seat.length + nonce.length + 32 + packPartitions(partitions).length,
    0,
  );
  return lists + withdrawn + packOwners(target.topics, target.members).length;
}
