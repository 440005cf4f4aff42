/** LeaveGroup: one member or, from version 3 on, several (KIP-345). */
import { leaveMembers } from '../../broker/groups/classic/leave-classic.ts';
import { errorRow } from '../../kernel/errors.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { NONE } from '../failures.ts';
import { refusedGroup, toldOfGroup } from '../groups/group-failures.ts';

type Request = RequestOf<'LeaveGroup'>;
type Response = ResponseOf<'LeaveGroup'>;

const SEVERAL_FROM = 3;

export const leaveGroup: ServedApi<'LeaveGroup'> = {
  lowest: 0,
  highest: 5,
  handle,
  failed: (_call, _request, failure) => ({ errorCode: toldOfGroup(failure).code, members: [] }),
};

async function handle(call: Call, request: Request): Promise<Response> {
  const { groupId: group } = request;
  const denied = refusedGroup(call, group);
  if (denied !== undefined) return { errorCode: denied.code, members: [] };
  const leaving = membersOf(call, request);
  const outcomes = await leaveMembers(call.gateway.broker, {
    group,
    members: leaving.map(({ memberId, groupInstanceId }) => ({
      memberId,
      ...(groupInstanceId !== null && { instanceId: groupInstanceId }),
    })),
  });
  const codes = outcomes.map((outcome) => (outcome === undefined ? NONE : errorRow(outcome).kafkaCode));
  if (call.version < SEVERAL_FROM) return { errorCode: codes[0] ?? NONE };
  return {
    errorCode: NONE,
    members: leaving.map(({ memberId, groupInstanceId }, at) => ({
      memberId,
      groupInstanceId,
      errorCode: codes[at] ?? NONE,
    })),
  };
}

function membersOf(
  { version }: Call,
  { memberId, members }: Request,
): { memberId: string; groupInstanceId: string | null }[] {
  return version < SEVERAL_FROM ? [{ memberId, groupInstanceId: null }] : [...members];
}
