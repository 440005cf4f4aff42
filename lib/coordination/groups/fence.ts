/**
 * The fence of commits: one condition on one item, that of the member's seat, in the same atomic write as the offsets.
 * It holds as long as the member is in the group under this epoch, and the epoch changes whenever something is taken
 * from it.
 *
 * Which partitions the epoch covers is in the item, and only grows while the epoch stays. So it is enough to have read
 * them at any time, however long ago; what is not among them calls for a strong read before it is refused.
 *
 * A member may be told of its new epoch while it commits: with the answer to the poll that acknowledged a revocation.
 * So the epoch before covers what the member has had without a break since then, as Kafka's assignment epochs do
 * (KIP-1251).
 */
import type { Condition, Write } from '../../kernel/items.ts';
import { type GroupState, stateKey } from './group-item.ts';
import { admit } from './join.ts';
import type { Member } from './member-item.ts';
import { minus, NO_PARTITIONS, type Partitions } from './partitions.ts';
import { type Refused, refuse } from './refusal.ts';
import { type MemberName, memberKey, seatOf } from './seat.ts';

export type Fence = Write & { kind: 'check' };

/** A member as a commit names it. */
export interface FencedMember extends MemberName {
  /** The member's epoch; absent: whatever it is when it is looked at. */
  epoch?: number;
}

export function planFence(group: string, name: MemberName, epoch: number): Fence {
  return { kind: 'check', key: memberKey(group, seatOf(name)), conditions: fenceOf(name, epoch) };
}

function fenceOf({ memberId }: MemberName, epoch: number): Condition[] {
  return [
    { clause: 'equals', attribute: 'm', value: memberId },
    { clause: 'equals', attribute: 'e', value: epoch },
  ];
}

export type CommitDecision = { outcome: 'commit'; member: Member } | Refused;

/**
 * Whether the member may commit these offsets, by its item: what a commit is refused with before or after it was tried.
 * A classic member's partitions are its leader's affair, as in Kafka.
 */
export function decideCommit(
  present: Member | undefined,
  { name, epoch, partitions }: { name: MemberName; epoch: number; partitions: Partitions },
): CommitDecision {
  const admitted = admit(present, name);
  if (admitted.outcome === 'refused') return admitted;
  const { member } = admitted;
  if (member.kind === 'share') return refuse('GROUP_ID_NOT_FOUND', 'a share group commits no offsets');
  if (member.kind === 'classic') {
    return member.epoch === epoch && epoch > 0
      ? { outcome: 'commit', member }
      : refuse('ILLEGAL_GENERATION', `the member is in generation ${member.epoch}, not ${epoch}`);
  }
  if (epoch > 0 && epoch === member.previousEpoch && minus(partitions, member.kept ?? NO_PARTITIONS).size === 0) {
    return { outcome: 'commit', member };
  }
  if (member.epoch !== epoch || epoch <= 0) {
    return refuse('FENCED_MEMBER_EPOCH', `the member's epoch is ${member.epoch}, not ${epoch}`);
  }
  const [foreign] = minus(partitions, member.owned);
  if (foreign === undefined) return { outcome: 'commit', member };
  return refuse('INVALID_REQUEST', `partition ${foreign[1][0]} of the topic ${foreign[0]} is not the member's`);
}

/**
 * Whether a member of a consumer group may read offsets as such, by the item of its seat. The epoch before is not
 * enough, unlike for commits: where to begin with a partition is asked after its assignment was told, and with that the
 * epoch.
 */
export function readsAsMember(
  present: Member | undefined,
  { name: { memberId }, epoch }: { name: MemberName; epoch: number },
): { outcome: 'read' } | Refused {
  if (present?.memberId !== memberId) return refuse('UNKNOWN_MEMBER_ID', `the group has no member ${memberId}`);
  // One without an epoch waits for all that it is given, and was told the group's.
  if (present.epoch === 0 || present.epoch === epoch) return { outcome: 'read' };
  return refuse('FENCED_MEMBER_EPOCH', `the member's epoch is ${present.epoch}, not ${epoch}`);
}

/**
 * A commit or reset by nobody in particular: only of a group without members, which stays without until it is applied.
 */
export function decideUnfenced(
  group: string,
  state: GroupState | undefined,
): { outcome: 'commit'; fence: Write & { kind: 'check' } } | Refused {
  if (state?.kind === 'share') return refuse('GROUP_ID_NOT_FOUND', 'a share group commits no offsets');
  if (state !== undefined && state.members > 0) {
    return refuse('UNKNOWN_MEMBER_ID', 'offsets of a group with members are committed by its members');
  }
  const conditions: Condition[] =
    state === undefined
      ? [{ clause: 'item-absent' }]
      : [
          { clause: 'equals', attribute: 'y', value: state.nonce },
          { clause: 'equals', attribute: 'c', value: 0 },
        ];
  return { outcome: 'commit', fence: { kind: 'check', key: stateKey(group), conditions } };
}
