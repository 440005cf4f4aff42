/**
 * What a group is doing, for whoever lists or describes it: the states of KIP-848 and of the classic protocol, by name.
 */
import type { GroupState } from './group-item.ts';
import type { Member } from './member-item.ts';
import { equalPartitions } from './partitions.ts';
import type { Seat } from './seat.ts';
import type { Target } from './target-item.ts';
import { entryOf } from './withdrawals.ts';

export type GroupStatus =
  | 'Dead'
  | 'Empty'
  | 'Assigning'
  | 'Reconciling'
  | 'PreparingRebalance'
  | 'CompletingRebalance'
  | 'Stable';

/** `members`: those of a consumer group; of a classic one they do not matter. */
export function groupStatus(
  state: GroupState | undefined,
  { target, members }: { target: Target | undefined; members: ReadonlyMap<Seat, Member> },
): GroupStatus {
  if (state === undefined) return 'Dead';
  if (state.kind === 'classic') {
    if (state.round === undefined) return 'Empty';
    const names = { preparing: 'PreparingRebalance', completing: 'CompletingRebalance', stable: 'Stable' } as const;
    return names[state.round.phase];
  }
  if (state.kind === 'share') return state.members === 0 ? 'Empty' : 'Stable';
  const consumers = [...members.values()].filter((member) => member.kind === 'consumer');
  if (state.members === 0 && consumers.length === 0) return 'Empty';
  if (target === undefined || consumers.some((member) => entryOf(target, member) === undefined)) return 'Assigning';
  const reconciled = consumers.every((member) => {
    return equalPartitions(member.owned, entryOf(target, member)?.assigned ?? member.owned);
  });
  return reconciled ? 'Stable' : 'Reconciling';
}
