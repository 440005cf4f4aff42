/** Members and targets for tests that look at one decision. */
import type { ConsumerMember } from '../../lib/coordination/groups/member-item.ts';
import { NO_PARTITIONS, type Partitions, partitionsOf } from '../../lib/coordination/groups/partitions.ts';
import type { Target, Withdrawal } from '../../lib/coordination/groups/target-item.ts';
import { topicIdOf } from './group-arbitraries.ts';

export const TOPIC = topicIdOf(0);

export function partitions(...list: number[]): Partitions {
  return partitionsOf(list.map((partition) => ({ topicId: TOPIC, partition })));
}

export function memberOf(id: string, changes: Partial<ConsumerMember> = {}): ConsumerMember {
  return {
    kind: 'consumer',
    seat: `d#${id}`,
    nonce: `nonce of ${id}`,
    writes: 1,
    memberId: id,
    epoch: 0,
    previousEpoch: 0,
    followed: 0,
    owned: NO_PARTITIONS,
    seenMs: 0,
    sessionTimeoutMs: 45_000,
    rebalanceTimeoutMs: 300_000,
    subscription: { names: ['orders'] },
    subscriptionNumber: 0,
    ...changes,
  };
}

export function targetOf(
  epoch: number,
  assigned: Record<string, Partitions>,
  withdrawals: readonly Withdrawal[] = [],
): Target {
  return {
    nonce: 'group',
    epoch,
    assignor: 'sticky',
    members: Object.entries(assigned).map(([id, set]) => ({
      seat: `d#${id}`,
      nonce: `nonce of ${id}`,
      subscriptionNumber: 0,
      assigned: set,
    })),
    topics: new Map([[TOPIC, 8]]),
    withdrawals,
  };
}

export function withdrawalOf(id: string, epoch: number, set: Partitions): Withdrawal {
  return { seat: `d#${id}`, nonce: `nonce of ${id}`, epoch, sinceMs: 0, partitions: set };
}
