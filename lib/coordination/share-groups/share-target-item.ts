/**
 * Which partitions the members of a share group are to fetch from, as of an epoch.
 *
 * Key: `group#<id>` / `share-target`. Written in one transaction with the group's state, whose condition covers it. Attributes:
 *
 *     y   string  the group's nonce
 *     g   number  the group epoch
 *     s   list    of strings: the members' seats, in order
 *     b   list    of strings: the nonces of their items
 *     u   list    of numbers: the subscriptions that were looked at, as the members count them
 *     a   list    of bytes: what each is assigned (groups/partitions.ts)
 *     t   bytes   the topics that anybody is subscribed to: count varint, for each: id 16 bytes | partitions varint
 *
 * Nobody owns a partition of a share group: several members may have it, and nothing has to be given up before others get it.
 */

import { assert } from '../../kernel/assert.ts';
import { ByteReader, ByteWriter } from '../../kernel/bytes.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Attributes, ItemKey, Write } from '../../kernel/items.ts';
import { bytesAt, numberAt, textAt, textsAt } from '../groups/attributes.ts';
import type { ShareMember } from '../groups/member-item.ts';
import { groupKey } from '../groups/offsets-item.ts';
import { type Partitions, packPartitions, readTopicId, unpackPartitions, writeTopicId } from '../groups/partitions.ts';
import type { Seat } from '../groups/seat.ts';

export interface ShareTargetMember {
  seat: Seat;
  nonce: string;
  subscriptionNumber: number;
  assigned: Partitions;
}

export interface ShareTarget {
  nonce: string;
  epoch: number;
  /** By seat. */
  members: readonly ShareTargetMember[];
  topics: ReadonlyMap<TopicId, number>;
}

export function shareTargetKey(group: string): ItemKey {
  return { pk: groupKey(group), sk: 'share-target' };
}

/** The member's entry, if that is of the item as it is: the same one, with the same subscription. */
export function shareEntryOf(
  { members }: ShareTarget,
  { seat, nonce, subscriptionNumber }: ShareMember,
): ShareTargetMember | undefined {
  return members.find(
    (member) => member.seat === seat && member.nonce === nonce && member.subscriptionNumber === subscriptionNumber,
  );
}

export function encodeShareTarget({ nonce, epoch, members, topics }: ShareTarget): Attributes {
  return {
    y: nonce,
    g: epoch,
    s: members.map(({ seat }) => seat),
    b: members.map((member) => member.nonce),
    u: members.map(({ subscriptionNumber }) => subscriptionNumber),
    a: members.map(({ assigned }) => packPartitions(assigned)),
    t: packTopics(topics),
  };
}

export function decodeShareTarget(attributes: Attributes): ShareTarget {
  const [seats, nonces] = [textsAt(attributes, 's'), textsAt(attributes, 'b')];
  const { u, a } = attributes;
  assert(Array.isArray(u) && Array.isArray(a), 'a target counts subscriptions and has assignments');
  return {
    nonce: textAt(attributes, 'y'),
    epoch: numberAt(attributes, 'g'),
    members: seats.map((seat, at) => {
      const [subscriptionNumber, assigned] = [u[at], a[at]];
      assert(typeof subscriptionNumber === 'number' && assigned instanceof Uint8Array, `${seat} has an entry`);
      return { seat, nonce: nonces[at] as string, subscriptionNumber, assigned: unpackPartitions(assigned) };
    }),
    topics: unpackTopics(bytesAt(attributes, 't')),
  };
}

/** Goes with the write of the group's state and nothing else. */
export function planShareTarget(group: string, target: ShareTarget): Write & { kind: 'put' } {
  return { kind: 'put', key: shareTargetKey(group), attributes: encodeShareTarget(target) };
}

/** Of the item, at most. */
export function shareTargetBytes({ members, topics }: ShareTarget): number {
  const own = members.map(
    ({ seat, nonce, assigned }) => seat.length * 3 + nonce.length + 16 + packPartitions(assigned).length,
  );
  return own.reduce((sum, bytes) => sum + bytes, 0) + topics.size * 20 + FRAME_BYTES;
}

/** More than its key, and the names of its attributes. */
const FRAME_BYTES = 1_500;

function packTopics(topics: ReadonlyMap<TopicId, number>): Uint8Array {
  const writer = new ByteWriter(2 + topics.size * 18);
  writer.unsignedVarint(topics.size);
  for (const [topicId, partitions] of topics) writeTopicId(writer, topicId).unsignedVarint(partitions);
  return writer.finish();
}

function unpackTopics(packed: Uint8Array): Map<TopicId, number> {
  const reader = new ByteReader(packed);
  const count = reader.unsignedVarint();
  return new Map(Array.from({ length: count }, () => [readTopicId(reader), reader.unsignedVarint()]));
}
