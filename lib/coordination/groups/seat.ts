/**
 * A member's seat: its place in the group, by which partitions are assigned and under which its item is kept. A dynamic
 * member has a seat of its own. A static member has the seat of its `group.instance.id`, so that whoever comes with the same
 * instance id later finds the partitions where they were left.
 *
 * Member ids that are made here say which seat they belong to, because a request mostly names nothing but the member:
 *
 *     m-<22 characters>                 a dynamic member
 *     i-<22 characters>-<instance id>   a static one
 *
 * The characters are random bytes, of whoever joins: a client that brings them (its join id) finds its own member when it has
 * to join again because no answer came. Clients of Kafka's protocols may bring ids of their own; those that are static say their instance id with every request.
 */
import { toBase64Url } from '../../kernel/bytes.ts';
import type { ItemKey } from '../../kernel/items.ts';
import type { Random } from '../../kernel/random.ts';
import { groupKey } from './offsets-item.ts';

/** `d#<member id>` or `s#<instance id>`. Members are ordered by it wherever an order matters. */
export type Seat = string;

export interface MemberName {
  memberId: string;
  instanceId?: string;
}

const ID_BYTES = 16;
const STATIC_ID = /^i-[A-Za-z0-9_-]{22}-(?<instanceId>.+)$/s;

export const JOIN_ID = /^[A-Za-z0-9_-]{22}$/;

export function newJoinId(random: Random): string {
  return toBase64Url(random.bytes(ID_BYTES));
}

export function memberIdOf(joinId: string, instanceId?: string): string {
  return instanceId === undefined ? `m-${joinId}` : `i-${joinId}-${instanceId}`;
}

export function seatOf({ memberId, instanceId }: MemberName): Seat {
  const instance = instanceId ?? STATIC_ID.exec(memberId)?.groups?.['instanceId'];
  return instance === undefined ? `d#${memberId}` : staticSeat(instance);
}

function staticSeat(instanceId: string): Seat {
  return `s#${instanceId}`;
}

/** What the sort keys of a group's members begin with. */
export const MEMBER_PREFIX = 'member#';

export function memberKey(group: string, seat: Seat): ItemKey {
  return { pk: groupKey(group), sk: `${MEMBER_PREFIX}${seat}` };
}

export function seatOfKey({ sk }: ItemKey): Seat {
  return sk.slice(MEMBER_PREFIX.length);
}
