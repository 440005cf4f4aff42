/**
 * What the three calls that describe groups have in common: each group once, and what the caller may do with it where
 * that is asked for.
 */
import type { Call } from '../api.ts';
import { groupOperations } from '../authorization/authorized-operations.ts';
import { eachOnce } from '../fields/each-once.ts';
import { mapInTurns } from '../map-in-turns.ts';

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
  return mapInTurns(call, named, async (group) => ({
    ...(await describe(call, group)),
    ...(includeAuthorizedOperations && { authorizedOperations: groupOperations(call, group) }),
  }));
}
