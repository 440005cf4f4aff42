/** What a group went through: a simulation in which nobody ever goes proves little. */
import type { GroupHistory } from './group-history.ts';

export function countGroups(history: GroupHistory): Record<string, number> {
  const { answers, commits, removals, targets, tenures } = history;
  return {
    polls: answers.length,
    'records delivered': answers.reduce((sum, { recordCount }) => sum + recordCount, 0),
    'offsets committed': commits.length,
    rebalances: targets.length,
    'partitions handed over': tenures.length,
    revocations: answers.filter(({ revoked }) => revoked.length > 0).length,
    'members removed': removals.length,
    ...Object.fromEntries(history.counts),
  };
}
