/** Who may use a group, and what its clients are told of failures. */
import type { Call } from '../api.ts';
import { isAllowed } from '../authorization/authorization.ts';
import { type Failure, isBusy, wireCodes } from '../failures.ts';

/**
 * What a client of a group is told of a failure. While storage is away it hears what every such client takes for a
 * reason to ask for the coordinator, and to try again; at a code that it does not expect it would end.
 */
export function toldOfGroup(failure: Failure): Failure {
  return isBusy(failure) ? { ...failure, code: wireCodes.NOT_COORDINATOR } : failure;
}

/** A group is for who may consume topics whose names begin like its id. */
export function refusedGroup(call: Call, group: string): Failure | undefined {
  if (isAllowed(call, 'consume', group)) return undefined;
  return groupDenied(group);
}

export function groupDenied(group: string): Failure {
  return { code: wireCodes.GROUP_AUTHORIZATION_FAILED, message: `Not allowed on the group ${group}.` };
}
