/** SyncGroup: answered when the leader has handed in what it assigned. */
import { syncClassic } from '../../broker/groups/classic/sync-classic.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { NONE, wireCodes } from '../failures.ts';
import { refusedGroup, toldOfGroup } from '../groups/group-failures.ts';

type Request = RequestOf<'SyncGroup'>;
type Response = ResponseOf<'SyncGroup'>;

/** From this version on both sides name the protocol (KIP-559). */
const PROTOCOL_FROM = 5;

export const syncGroup: ServedApi<'SyncGroup'> = {
  lowest: 0,
  highest: 5,
  handle,
  failed: (_call, _request, failure) => refused(toldOfGroup(failure).code),
};

async function handle(call: Call, request: Request): Promise<Response> {
  const { groupId: group, memberId, groupInstanceId, generationId, protocolType, protocolName } = request;
  const denied = refusedGroup(call, group);
  if (denied !== undefined) return refused(denied.code);
  const synced = await syncClassic(call.gateway.broker, {
    group,
    memberId,
    ...(groupInstanceId !== null && { instanceId: groupInstanceId }),
    generation: generationId,
    ...(protocolType !== null && { protocolType }),
    ...(protocolName !== null && { protocol: protocolName }),
    assignments: new Map(request.assignments.map((assigned) => [assigned.memberId, assigned.assignment])),
    signal: call.signal,
  });
  // The gateway is about to end: the client goes on with another one.
  if (synced.synced === 'ended') return refused(wireCodes.NOT_COORDINATOR);
  return {
    errorCode: NONE,
    ...(call.version >= PROTOCOL_FROM && { protocolType: synced.protocolType, protocolName: synced.protocol }),
    assignment: synced.assignment,
  };
}

function refused(errorCode: number): Response {
  return { errorCode, assignment: new Uint8Array() };
}
