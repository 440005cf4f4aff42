/**
 * How a member comes to own what the group's target gives it: one heartbeat at a time, by writes of its own item alone.
 *
 * - What was taken from it stays its own, for commits too, until it has said that it holds it no more; `followed` then
 *   says so to everyone. Only with that does it get anything new.
 * - What was given to it, it gets when nobody else can still hold it: see `stillHeld` of withdrawals.ts, on items that
 *   were read strongly.
 *
 * Both are safe on any view of the target, however old: what one member may get by an old target, the next one waits
 * for, since the old target's member is named in a withdrawal until it has followed beyond it. A write replaces exactly
 * the item that was decided on, and an item never follows backwards.
 */
import { isRenewalDue } from './liveness.ts';
import { type ConsumerMember, type Member, touched } from './member-item.ts';
import { equalPartitions, intersection, minus, NO_PARTITIONS, type Partitions, union } from './partitions.ts';
import type { Seat } from './seat.ts';
import type { Target, Withdrawal } from './target-item.ts';
import { entryOf, isOf, stillHeld, unfollowed } from './withdrawals.ts';

export interface FollowInput {
  member: ConsumerMember;
  /** Any that was read; absent: the group has had none yet. */
  target: Target | undefined;
  /**
   * What the caller says it holds of what it was told to own; `undefined`: it does not say, so that nothing counts as
   * given up. A poll without a cursor holds nothing.
   */
  reported: Partitions | undefined;
  /** The items of the seats of `withdrawalsBefore`, read strongly, after the target; absent: there is none. */
  others: ReadonlyMap<Seat, Member>;
  nowMs: number;
}

export interface Followed {
  /** To write (`planMember`) before anything of this is told; absent: nothing is to be written. */
  next?: ConsumerMember;
  /** What the member is to own and fetch now. */
  assignment: Partitions;
  /** What it is to give up; commits of it are taken until it has. */
  revoking: Partitions;
  /** What it will get when others have given it up. */
  awaiting: Partitions;
  /** The target does not know the member yet: the group is to be regrouped. */
  unlisted: boolean;
}

export function decideFollow({ member, target, reported, others, nowMs }: FollowInput): Followed {
  const listed = target === undefined ? undefined : entryOf(target, member);
  if (target === undefined || listed === undefined || target.epoch < member.followed) {
    return { ...unchanged(member, nowMs), unlisted: listed === undefined };
  }
  const taken = minus(member.owned, listed.assigned);
  const held = reported === undefined ? taken : intersection(taken, reported);
  if (held.size > 0) {
    const assignment = minus(member.owned, taken);
    return { ...unchanged(member, nowMs), assignment, revoking: taken };
  }
  const kept = minus(member.owned, taken);
  const wanted = minus(listed.assigned, kept);
  const awaiting = withdrawalsBefore(target, member).reduce(
    (sum, withdrawal) => union(sum, intersection(wanted, stillHeld(withdrawal, others))),
    NO_PARTITIONS,
  );
  const owned = union(kept, minus(wanted, awaiting));
  const next = nextMember(member, { target, kept, owned, awaiting, lost: taken.size > 0, nowMs });
  return { ...(next && { next }), assignment: owned, revoking: NO_PARTITIONS, awaiting, unlisted: false };
}

function unchanged(member: ConsumerMember, nowMs: number): Followed {
  const due = isRenewalDue(member, nowMs);
  return {
    ...(due && { next: touched(member, nowMs) }),
    assignment: member.owned,
    revoking: NO_PARTITIONS,
    awaiting: NO_PARTITIONS,
    unlisted: false,
  };
}

/**
 * The item to write, if one is to be. A target that changes nothing for the member needs none: the next sign of life
 * says that it was followed. One that took something does, even something that the member never got: others wait for
 * that.
 */
function nextMember(
  member: ConsumerMember,
  {
    target,
    kept,
    owned,
    awaiting,
    lost,
    nowMs,
  }: { target: Target; kept: Partitions; owned: Partitions; awaiting: Partitions; lost: boolean; nowMs: number },
): ConsumerMember | undefined {
  // A new member that has to wait for all that it is given needs no epoch yet: there is nothing to commit.
  const first = member.epoch === 0 && (owned.size > 0 || awaiting.size === 0);
  const awaited = unfollowed(target, member).length > 0;
  const same = !first && !lost && !awaited && equalPartitions(owned, member.owned);
  if (same && !isRenewalDue(member, nowMs)) return undefined;
  // The epoch fences commits, so it changes with what a commit may name no more, and not with what it may name as well.
  // A seat that has changed hands may be beyond the target.
  const epoch = Math.max(target.epoch, member.epoch + 1);
  const epochs = first || lost ? { epoch, previousEpoch: member.epoch, kept } : {};
  return touched(member, nowMs, { owned, followed: target.epoch, ...epochs });
}

/** The withdrawals that may keep the member from what it is given: their seats' items are to be read. */
export function withdrawalsBefore(target: Target, member: ConsumerMember): Withdrawal[] {
  const listed = entryOf(target, member);
  if (listed === undefined) return [];
  const wanted = minus(listed.assigned, member.owned);
  if (wanted.size === 0) return [];
  return target.withdrawals.filter(
    (withdrawal) => !isOf(withdrawal, member) && intersection(withdrawal.partitions, wanted).size > 0,
  );
}
