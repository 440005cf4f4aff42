/** What the three calls that describe groups have in common: each group once, and what the caller may do with it where that is asked for. */
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Call } from '../api.ts';
import { groupOperations } from '../authorization/authorized-operations.ts';
import { eachOnce } from '../fields/each-once.ts';

export interface GroupsToDescribe {
  groups: readonly string[];
  includeAuthorizedOperations: boolean;
}

export function describeEach<Described>(
  call: Call,
  { groups, includeAuthorizedOperations }: GroupsToDescribe,
  describe: (call: Call, group: string) => Promise<Described>,
): Promise<(Described & { authorizedOperations?: number })[]> {
  const named = eachOnce(groups, (id) => id);
  return mapBounded(named, kafkaLimits.kafkaPartitionsInFlightMax, async (group) => ({
    ...(await describe(call, group)),
    ...(includeAuthorizedOperations && { authorizedOperations: groupOperations(call, group) }),
  }));
}
