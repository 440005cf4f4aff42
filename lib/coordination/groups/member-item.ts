/**
 * A member of a group, of either kind: that it lives, what it may commit, and what it said of itself.
 *
 * Key: `group#<id>` / `member#<seat>` (seat.ts). Attributes of every member:
 *
 *     b   string  the item's nonce, from when it was created; never used twice
 *     n   number  writes of the item: with `b`, the condition of nearly all of them
 *     m   string  the member's id; absent: the seat is kept for a static member that is away
 *     mb  string  the id of a static member that is away, by which it is described, and can be removed
 *     i   string  group.instance.id; absent: a dynamic member
 *     e   number  member epoch or, of a classic member, generation: with `m`, the fence of its commits
 *     t   number  when it was last seen alive, ms, by the clock of the process that noted it
 *     x   number  session timeout, ms
 *     r   number  rebalance timeout, ms
 *     q   number  suspected to be gone since, ms; removed by the next sign of life
 *     w   string  who the client says it is
 *     wh  string  where its requests come from; absent: not noted
 *
 * of a member that is assigned here (`a` there):
 *
 *     f   number  the member epoch before this one
 *     s   number  the group epoch that it has followed: it has given up all that was taken from it up to there
 *     a   bytes   the partitions that it owns (partitions.ts)
 *     k   bytes   those of them that it has had since the epoch before, too; absent: none
 *     c   number  the write (`n`) in which a poll committed last; absent: none has
 *     u   number  changes of the subscription
 *     l   list    of strings: the topics that it subscribed to by name
 *     p   string  the pattern that it subscribed to
 *     o   string  the assignor that it asks for
 *
 * of a member of a share group (neither `a` nor `j` there): `u` and `l` as above.
 *
 * of a classic member (`j` there):
 *
 *     j   number  the generation that it has asked to be in; 0 = it has got an id and is still to join with it
 *     ja  number  when it asked first to be in that generation, ms
 *     o   string  the type of its protocols
 *     ps  list    of maps, the protocols that it offers, the one it likes best first: n name, d metadata
 */
import { assert } from '../../kernel/assert.ts';
import type { Attributes, Condition, Write } from '../../kernel/items.ts';
import { type AssignorName, isAssignorName } from './assignors/by-name.ts';
import { bytesAt, mapsAt, numberAt, optionalNumber, optionalText, present, textAt, textsAt } from './attributes.ts';
import { type Partitions, packPartitions, unpackPartitions } from './partitions.ts';
import { memberKey, type Seat } from './seat.ts';
import type { Subscription } from './subscription.ts';

interface MemberBase {
  seat: Seat;
  nonce: string;
  writes: number;
  memberId?: string;
  awayId?: string;
  instanceId?: string;
  epoch: number;
  seenMs: number;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  suspectMs?: number;
  client?: string;
  host?: string;
}

/** A member whose partitions are assigned here. */
export interface ConsumerMember extends MemberBase {
  kind: 'consumer';
  previousEpoch: number;
  followed: number;
  owned: Partitions;
  /** What of that it has had since the epoch before, without a break. */
  kept?: Partitions;
  /** The write of the item in which a poll committed last: cursors from before it commit nothing any more. */
  committedWrite?: number;
  subscription: Subscription;
  subscriptionNumber: number;
  assignor?: AssignorName;
}

export interface ClassicProtocol {
  name: string;
  /** Opaque: the clients' own. */
  metadata: Uint8Array;
}

export interface ClassicMember extends MemberBase {
  kind: 'classic';
  joining: number;
  joiningSinceMs: number;
  protocolType: string;
  protocols: readonly ClassicProtocol[];
}

/** A member of a share group: it is given partitions to fetch from, and nothing to give up. */
export interface ShareMember extends MemberBase {
  kind: 'share';
  subscription: Subscription;
  subscriptionNumber: number;
}

export type Member = ConsumerMember | ClassicMember | ShareMember;

export function encodeMember(member: Member): Attributes {
  return present<Attributes>({
    b: member.nonce,
    n: member.writes,
    m: member.memberId,
    mb: member.awayId,
    i: member.instanceId,
    e: member.epoch,
    t: member.seenMs,
    x: member.sessionTimeoutMs,
    r: member.rebalanceTimeoutMs,
    q: member.suspectMs,
    w: member.client,
    wh: member.host,
    ...attributesOfKind(member),
  });
}

function attributesOfKind(member: Member): Record<string, Attributes[string] | undefined> {
  switch (member.kind) {
    case 'consumer':
      return consumerAttributes(member);
    case 'classic':
      return classicAttributes(member);
    case 'share':
      return { u: member.subscriptionNumber, l: [...member.subscription.names] };
  }
}

function consumerAttributes(member: ConsumerMember): Record<string, Attributes[string] | undefined> {
  return {
    f: member.previousEpoch,
    s: member.followed,
    a: packPartitions(member.owned),
    k: member.kept === undefined || member.kept.size === 0 ? undefined : packPartitions(member.kept),
    c: member.committedWrite,
    u: member.subscriptionNumber,
    l: [...member.subscription.names],
    p: member.subscription.pattern,
    o: member.assignor,
  };
}

function classicAttributes(member: ClassicMember): Record<string, Attributes[string] | undefined> {
  return {
    j: member.joining,
    ja: member.joiningSinceMs,
    o: member.protocolType,
    ps: member.protocols.map(({ name, metadata }) => ({ n: name, d: metadata })),
  };
}

export function decodeMember(seat: Seat, attributes: Attributes): Member {
  const base = present<MemberBase>({
    seat,
    nonce: textAt(attributes, 'b'),
    writes: numberAt(attributes, 'n'),
    memberId: optionalText(attributes, 'm'),
    awayId: optionalText(attributes, 'mb'),
    instanceId: optionalText(attributes, 'i'),
    epoch: numberAt(attributes, 'e'),
    seenMs: numberAt(attributes, 't'),
    sessionTimeoutMs: numberAt(attributes, 'x'),
    rebalanceTimeoutMs: numberAt(attributes, 'r'),
    suspectMs: optionalNumber(attributes, 'q'),
    client: optionalText(attributes, 'w'),
    host: optionalText(attributes, 'wh'),
  });
  if (attributes['j'] !== undefined) return decodeClassic(base, attributes);
  return attributes['a'] === undefined ? decodeShare(base, attributes) : decodeConsumer(base, attributes);
}

function decodeConsumer(base: MemberBase, attributes: Attributes): ConsumerMember {
  const assignor = optionalText(attributes, 'o');
  assert(assignor === undefined || isAssignorName(assignor), 'a member asks for an assignor that is one');
  return present<ConsumerMember>({
    ...base,
    kind: 'consumer',
    previousEpoch: numberAt(attributes, 'f'),
    followed: numberAt(attributes, 's'),
    owned: unpackPartitions(bytesAt(attributes, 'a')),
    kept: attributes['k'] === undefined ? undefined : unpackPartitions(bytesAt(attributes, 'k')),
    committedWrite: optionalNumber(attributes, 'c'),
    subscription: present<Subscription>({
      names: textsAt(attributes, 'l'),
      pattern: optionalText(attributes, 'p'),
    }),
    subscriptionNumber: numberAt(attributes, 'u'),
    assignor,
  });
}

function decodeShare(base: MemberBase, attributes: Attributes): ShareMember {
  const subscription: Subscription = { names: textsAt(attributes, 'l') };
  return { ...base, kind: 'share', subscription, subscriptionNumber: numberAt(attributes, 'u') };
}

function decodeClassic(base: MemberBase, attributes: Attributes): ClassicMember {
  const protocols = mapsAt(attributes, 'ps').map((map) => ({ name: textAt(map, 'n'), metadata: bytesAt(map, 'd') }));
  const [joining, joiningSinceMs] = [numberAt(attributes, 'j'), numberAt(attributes, 'ja')];
  return { ...base, kind: 'classic', joining, joiningSinceMs, protocolType: textAt(attributes, 'o'), protocols };
}

/** Replaces exactly the item that `next` was made from; a new one's `writes` is 1. */
export function planMember(group: string, next: Member): Write & { kind: 'put' } {
  return {
    kind: 'put',
    key: memberKey(group, next.seat),
    attributes: encodeMember(next),
    conditions: next.writes === 1 ? [{ clause: 'item-absent' }] : sameMember(next, next.writes - 1),
  };
}

/** Takes the seat away, if nothing was written to it since. */
export function planRemoval(group: string, member: Member): Write & { kind: 'delete' } {
  const { seat, writes } = member;
  return { kind: 'delete', key: memberKey(group, seat), conditions: sameMember(member, writes) };
}

/** Holds as long as nothing was written to the seat since. */
export function planUnchanged(group: string, { seat, ...member }: Member): Write & { kind: 'check' } {
  return { kind: 'check', key: memberKey(group, seat), conditions: sameMember(member, member.writes) };
}

function sameMember({ nonce }: { nonce: string }, writes: number): Condition[] {
  return [
    { clause: 'equals', attribute: 'b', value: nonce },
    { clause: 'equals', attribute: 'n', value: writes },
  ];
}

/** The item as of its next write: a sign of life, and what else changed. */
export function touched<M extends Member>(member: M, nowMs: number, changes: Partial<M> = {}): M {
  const next = { ...member, seenMs: nowMs, ...changes, writes: member.writes + 1 };
  delete next.suspectMs;
  return next;
}
