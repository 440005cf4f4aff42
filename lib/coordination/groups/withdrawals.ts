/**
 * What was taken from members, and whether it can be given on. The reasoning, for a partition p of a target:
 *
 * - A member gets p by a target that gives it to the member, and only if it has followed no later one.
 * - Whoever the target gives p to waits for every withdrawal of p by another member: until that member is gone, or has
 *   followed the withdrawal's epoch and does not own p. It can then get p by no earlier target, and by a later one only
 *   by waiting in turn, for the withdrawal that names whom p was given to meanwhile.
 *
 * Owning counts beside following, because p may have been taken from a member and given back before it ever noticed:
 * then it follows the later target and owns p, and whoever still goes by the earlier one must not take its word for a
 * release.
 */
import type { ConsumerMember, Member } from './member-item.ts';
import { intersection, NO_PARTITIONS, type Partitions } from './partitions.ts';
import type { Seat } from './seat.ts';
import type { Target, TargetMember, Withdrawal } from './target-item.ts';

/** Of what was withdrawn, what the member may still own or get, by its item as it was read. */
export function stillHeld(
  { seat, nonce, epoch, partitions }: Withdrawal,
  members: ReadonlyMap<Seat, Member>,
): Partitions {
  const member = members.get(seat);
  if (member?.kind !== 'consumer' || member.nonce !== nonce) return NO_PARTITIONS;
  return member.followed < epoch ? partitions : intersection(partitions, member.owned);
}

export function entryOf(target: Target, { seat, nonce }: { seat: Seat; nonce: string }): TargetMember | undefined {
  return target.members.find((member) => member.seat === seat && member.nonce === nonce);
}

/** Whether the member is the one that partitions were withdrawn from. */
export function isOf(withdrawal: Withdrawal, { seat, nonce }: Member): boolean {
  return withdrawal.seat === seat && withdrawal.nonce === nonce;
}

/** Withdrawals of the member that it has not followed: others may be waiting for it. */
export function unfollowed(target: Target, member: ConsumerMember): Withdrawal[] {
  return target.withdrawals.filter((withdrawal) => isOf(withdrawal, member) && withdrawal.epoch > member.followed);
}
