/**
 * What the three calls that describe groups have in common: each group once, who may use it, and what the caller may do
 * with it where that is asked for.
 */
import type { Call } from '../api.ts';
import { groupOperations } from '../authorization/authorized-operations.ts';
import { type Failure, failureOf } from '../failures.ts';
import { eachOnce } from '../fields/each-once.ts';
import { mapInTurns } from '../map-in-turns.ts';
import { refusedGroup, toldOfGroup } from './group-failures.ts';

export interface GroupsToDescribe {
  groups: readonly string[];
  includeAuthorizedOperations: boolean;
}

/** How one API shows a group. */
export interface GroupRendering<Described> {
  describe: (call: Call, group: string) => Promise<Described>;
  refused: (group: string, failure: Failure) => Described;
}

export function describeEach<Described>(
  call: Call,
  { groups, includeAuthorizedOperations }: GroupsToDescribe,
  rendering: GroupRendering<Described>,
): Promise<(Described & { authorizedOperations?: number })[]> {
  const named = eachOnce(groups, (id) => id);
  return mapInTurns(call, named, async (group) => ({
    ...(await describeOne(call, group, rendering)),
    ...(includeAuthorizedOperations && { authorizedOperations: groupOperations(call, group) }),
  }));
}

async function describeOne<Described>(
  call: Call,
  group: string,
  { describe, refused }: GroupRendering<Described>,
): Promise<Described> {
  const denied = refusedGroup(call, group);
  if (denied !== undefined) return refused(group, denied);
  try {
    return await describe(call, group);
  } catch (error) {
    return refused(group, toldOfGroup(failureOf(error)));
  }
}

/** What ConsumerGroupDescribe and ShareGroupDescribe say of a group that they do not describe: why not. */
export function undescribed(groupId: string, { code, message }: Failure) {
  return {
    errorCode: code,
    errorMessage: message,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  };
}
