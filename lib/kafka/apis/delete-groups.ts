/** DeleteGroups (KIP-229), each by itself. */
import { deleteGroup } from '../../broker/groups/delete-group.ts';
import type { Call, ServedApi } from '../api.ts';
import { failureOf, NONE } from '../failures.ts';
import { refusedGroup, toldOfGroup } from '../groups/group-failures.ts';
import { mapInTurns } from '../map-in-turns.ts';

export const deleteGroups: ServedApi<'DeleteGroups'> = {
  lowest: 0,
  highest: 2,
  handle: async (call, { groupsNames }) => ({
    results: await mapInTurns(call, [...new Set(groupsNames)], async (groupId) => ({
      groupId,
      errorCode: await codeOf(call, groupId),
    })),
  }),
  failed: (_call, { groupsNames }, failure) => ({
    results: groupsNames.map((groupId) => ({ groupId, errorCode: toldOfGroup(failure).code })),
  }),
};

async function codeOf(call: Call, group: string): Promise<number> {
  const denied = refusedGroup(call, group);
  if (denied !== undefined) return denied.code;
  try {
    await deleteGroup(call.gateway.broker, group);
    return NONE;
  } catch (error) {
    return toldOfGroup(failureOf(error)).code;
  }
}
