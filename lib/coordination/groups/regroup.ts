/**
 * The next target of a group: computed by whoever notices that members or topics have changed, and written with the
 * group's state in one transaction. However many members come or go meanwhile, one write takes them all up, and who
 * loses the race finds its member in the winner's.
 *
 * Everything that is taken from a member becomes a withdrawal, until the member has followed the epoch or is gone. So a
 * new target can be written at any time, whatever became of the one before.
 */
import { groupLimits } from '../../kernel/limits/groups.ts';
import { ASSIGNOR_DEFAULT, ASSIGNORS, electAssignor } from './assignors/by-name.ts';
import { type GroupState, isOfOtherKind, newGroupState } from './group-item.ts';
import type { ConsumerMember, Member } from './member-item.ts';
import { byText, minus, NO_PARTITIONS, type Partitions } from './partitions.ts';
import type { Seat } from './seat.ts';
import { type PatternMatches, type Topics, topicResolver } from './subscription.ts';
import { noTarget, type Target, type TargetMember, targetBytes, type Withdrawal } from './target-item.ts';
import { entryOf, stillHeld } from './withdrawals.ts';

export interface RegroupInput {
  /** State and target as they belong together, and after them all members, read strongly. */
  state: GroupState | undefined;
  target: Target | undefined;
  members: ReadonlyMap<Seat, Member>;
  topics: Topics;
  /** Of the members' patterns. */
  matches: PatternMatches;
  nowMs: number;
  /** For a group that is not there yet. */
  nonce: string;
}

export type Regroup =
  | { regroup: 'none'; turnedAway: Seat[] }
  /** To be written together: `planGroup`, `planTarget`. */
  | { regroup: 'next'; state: GroupState; target: Target; turnedAway: Seat[] }
  /** The group is classic. */
  | { regroup: 'other-kind' }
  /** There is more to assign than a group can have, even without anything new: what it has stays as it is. */
  | { regroup: 'too-large'; detail: string };

export function decideRegroup({ members, topics, matches, nowMs, nonce, ...before }: RegroupInput): Regroup {
  const state = before.state ?? newGroupState(nonce, 'consumer', nowMs);
  if (isOfOtherKind(state, 'consumer')) return { regroup: 'other-kind' };
  const old = before.target?.nonce === state.nonce ? before.target : noTarget(state.nonce, ASSIGNOR_DEFAULT);
  let detail = '';
  for (const attempt of attempts(old, members, topics)) {
    const { seated, turnedAway } = attempt;
    const next = assign(old, seated, { topics: attempt.topics, matches });
    const unheardOf = before.state === undefined && seated.length === 0;
    const newest = Math.max(state.epoch, old.epoch, ...seated.flatMap(({ followed, epoch }) => [followed, epoch]));
    // A seat that changed hands has an epoch of its own, which nobody is to get from a target any more.
    const remains = before.state?.kind === 'consumer' && isSame(old, next) && newest === state.epoch;
    if (unheardOf || remains) return { regroup: 'none', turnedAway };
    const epoch = newest + 1;
    const target: Target = { ...next, epoch, withdrawals: withdrawalsOf(old, { next, epoch, members, nowMs }) };
    const excess = tooLarge(target);
    if (excess === undefined) return { regroup: 'next', state: nextState(state, target, nowMs), target, turnedAway };
    detail = excess;
  }
  return { regroup: 'too-large', detail };
}

interface Attempt {
  seated: readonly ConsumerMember[];
  turnedAway: Seat[];
  topics: Topics;
}

/**
 * With all members and topics; where that is more than a group can have, without those that are new; and where that is
 * too much still, since topics have grown or somebody asks for more, of the topics with what the group had of them
 * before. So nobody can keep the partitions of a member that is gone from having an owner.
 */
function* attempts(old: Target, members: ReadonlyMap<Seat, Member>, topics: Topics): Generator<Attempt> {
  const { before, seated, turnedAway } = seatMembers(old, members);
  yield { seated, turnedAway, topics };
  const away = [...turnedAway, ...seated.filter((member) => !before.includes(member)).map(({ seat }) => seat)];
  if (before.length < seated.length) yield { seated: before, turnedAway: away, topics };
  const known = [...topics].flatMap(([name, { topicId, partitions }]) => {
    const had = old.topics.get(topicId);
    return had === undefined ? [] : [[name, { topicId, partitions: Math.min(had, partitions) }] as const];
  });
  yield { seated: before, turnedAway: away, topics: new Map(known) };
}

function nextState(state: GroupState, { epoch, members }: Target, nowMs: number): GroupState {
  const { emptySinceMs, round: _round, protocolType: _type, ...rest } = state;
  return {
    ...rest,
    version: state.version + 1,
    kind: 'consumer',
    epoch,
    members: members.length,
    ...(members.length === 0 && { emptySinceMs: emptySinceMs ?? nowMs }),
    lookMs: nowMs + groupLimits.groupLookMs,
  };
}

/** Who was in stays in; of those that are new, the first ones, as long as there is room for them and their patterns. */
function seatMembers(old: Target, members: ReadonlyMap<Seat, Member>) {
  const all = [...members.values()].filter((member) => member.kind === 'consumer');
  const before = all.filter((member) => entryOf(old, member) !== undefined);
  const joined = all.filter((member) => entryOf(old, member) === undefined);
  joined.sort((a, b) => a.seenMs - b.seenMs || byText(a.seat, b.seat));
  const seated = [...before];
  const turnedAway: Seat[] = [];
  const patterns = new Set(before.flatMap(({ subscription }) => subscription.pattern ?? []));
  for (const member of joined) {
    const { pattern } = member.subscription;
    const hasRoom = pattern === undefined || patterns.has(pattern) || patterns.size < groupLimits.groupPatternsMax;
    if (!hasRoom || seated.length >= groupLimits.groupMembersMax) {
      turnedAway.push(member.seat);
      continue;
    }
    seated.push(member);
    if (pattern !== undefined) patterns.add(pattern);
  }
  seated.sort((a, b) => byText(a.seat, b.seat));
  return { before: before.sort((a, b) => byText(a.seat, b.seat)), seated, turnedAway };
}

function assign(
  old: Target,
  seated: readonly ConsumerMember[],
  { topics, matches }: { topics: Topics; matches: PatternMatches },
): Target {
  const resolve = topicResolver(topics, matches);
  const counts = new Map([...topics.values()].map(({ topicId, partitions }) => [topicId, partitions]));
  // By seat, not by nonce: a static member that comes back finds what it had.
  const had = new Map(old.members.map(({ seat, assigned }) => [seat, assigned]));
  const wanting = seated.map(({ seat, subscription }) => ({
    seat,
    topics: resolve(subscription),
    current: had.get(seat) ?? NO_PARTITIONS,
  }));
  const wanted = new Set(wanting.flatMap((member) => [...member.topics]));
  const existing = new Map([...counts].filter(([id]) => wanted.has(id)).sort(([a], [b]) => byText(a, b)));
  const assignor = electAssignor(seated.map((member) => member.assignor));
  const assigned = ASSIGNORS[assignor]({ members: wanting, topics: existing });
  const members = seated.map(
    ({ seat, nonce, subscriptionNumber }): TargetMember => ({
      seat,
      nonce,
      subscriptionNumber,
      assigned: assigned.get(seat) ?? NO_PARTITIONS,
    }),
  );
  return { nonce: old.nonce, epoch: old.epoch, assignor, members, topics: existing, withdrawals: old.withdrawals };
}

/** Whether the same members want the same of the same topics; then the assignment is the same too. */
function isSame(old: Target, next: Target): boolean {
  const topics =
    old.topics.size === next.topics.size && [...next.topics].every(([id, count]) => old.topics.get(id) === count);
  const members =
    old.members.length === next.members.length &&
    next.members.every((member) => entryOf(old, member)?.subscriptionNumber === member.subscriptionNumber);
  return topics && members && old.assignor === next.assignor;
}

function withdrawalsOf(
  old: Target,
  { next, epoch, members, nowMs }: { next: Target; epoch: number; members: ReadonlyMap<Seat, Member>; nowMs: number },
): Withdrawal[] {
  const now = (member: { seat: Seat; nonce: string }): Partitions => entryOf(next, member)?.assigned ?? NO_PARTITIONS;
  // What a member gets back is withdrawn no more; it would be anew with a later epoch.
  const carried = old.withdrawals.map((withdrawal) => ({
    ...withdrawal,
    partitions: minus(withdrawal.partitions, now(withdrawal)),
  }));
  const taken = old.members.map((member) => ({
    seat: member.seat,
    nonce: member.nonce,
    epoch,
    sinceMs: nowMs,
    partitions: minus(member.assigned, now(member)),
  }));
  return [...carried, ...taken].filter((withdrawal) => stillHeld(withdrawal, members).size > 0);
}

function tooLarge(target: Target): string | undefined {
  const partitions = [...target.topics.values()].reduce((sum, count) => sum + count, 0);
  if (target.topics.size > groupLimits.groupTopicsMax || partitions > groupLimits.groupPartitionsMax) {
    return `a group has at most ${groupLimits.groupTopicsMax} topics with ${groupLimits.groupPartitionsMax} partitions`;
  }
  if (targetBytes(target) > groupLimits.groupTargetBytesMax) {
    return `the ids of a group's members and all assignments have at most ${groupLimits.groupTargetBytesMax} bytes`;
  }
  return undefined;
}
