/** JoinGroup: answered when the generation is formed that the member asks to be in. */
import { type ClassicJoined, joinClassic } from '../../broker/groups/classic/join-classic.ts';
import { errorRow } from '../../kernel/errors.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { type Failure, NONE, wireCodes } from '../failures.ts';
import { refusedGroup, toldOfGroup } from '../groups/group-failures.ts';
import { clientOf } from '../groups/members.ts';

type Request = RequestOf<'JoinGroup'>;
type Response = ResponseOf<'JoinGroup'>;

/** From these versions on: a timeout of its own for rebalances; KIP-394; a null protocol; KIP-814. */
const REBALANCE_TIMEOUT_FROM = 1;
const MEMBER_ID_REQUIRED_FROM = 4;
const NULL_PROTOCOL_FROM = 7;
const SKIPS_ASSIGNMENT_FROM = 9;
const NO_GENERATION = -1;

export const joinGroup: ServedApi<'JoinGroup'> = {
  lowest: 0,
  highest: 9,
  handle,
  failed: (call, request, failure) => refused(call, request.memberId, toldOfGroup(failure).code),
};

async function handle(call: Call, request: Request): Promise<Response> {
  const denied = refusedGroup(call, request.groupId);
  if (denied !== undefined) return refused(call, request.memberId, denied.code);
  const { memberId, groupInstanceId, sessionTimeoutMs, protocolType, protocols } = request;
  const { initialRebalanceDelayMs } = call.gateway;
  const joined = await joinClassic(call.gateway.broker, {
    group: request.groupId,
    ...(memberId !== '' && { memberId }),
    ...(groupInstanceId !== null && { instanceId: groupInstanceId }),
    protocolType,
    protocols,
    sessionTimeoutMs,
    rebalanceTimeoutMs: rebalanceTimeoutOf(call, request),
    ...clientOf(call),
    requiresMemberId: call.version >= MEMBER_ID_REQUIRED_FROM,
    canSkipAssignment: call.version >= SKIPS_ASSIGNMENT_FROM,
    ...(initialRebalanceDelayMs !== undefined && { initialDelayMs: initialRebalanceDelayMs }),
    signal: call.signal,
  });
  return rendered(call, request, joined);
}

/**
 * Clients of consumers that may take for ever between two polls ask for as much as a number holds: they get what there
 * is.
 */
function rebalanceTimeoutOf({ version }: Call, { rebalanceTimeoutMs, sessionTimeoutMs }: Request): number {
  const asked = version >= REBALANCE_TIMEOUT_FROM ? rebalanceTimeoutMs : sessionTimeoutMs;
  return Math.min(Math.max(1, asked), groupLimits.groupRebalanceTimeoutMsMax);
}

function rendered(call: Call, { memberId }: Request, joined: ClassicJoined): Response {
  switch (joined.joined) {
    case 'id-required':
      return refused(call, joined.memberId, errorRow('MEMBER_ID_REQUIRED').kafkaCode);
    case 'ended':
      // The gateway is about to end: the client goes on with another one.
      return refused(call, memberId, wireCodes.NOT_COORDINATOR);
    case 'in': {
      const { generation, protocolType, protocol, leader, members, skipAssignment } = joined;
      return {
        errorCode: NONE,
        generationId: generation,
        ...(call.version >= NULL_PROTOCOL_FROM && { protocolType }),
        protocolName: protocol,
        leader,
        ...(call.version >= SKIPS_ASSIGNMENT_FROM && { skipAssignment }),
        memberId: joined.memberId,
        members: members.map((member) => ({
          memberId: member.memberId ?? '',
          groupInstanceId: member.instanceId ?? null,
          metadata: member.protocols.find(({ name }) => name === protocol)?.metadata ?? new Uint8Array(),
        })),
      };
    }
  }
}

function refused({ version }: Call, memberId: string, errorCode: Failure['code']): Response {
  const protocolName = version >= NULL_PROTOCOL_FROM ? null : '';
  return { errorCode, generationId: NO_GENERATION, protocolName, leader: '', memberId, members: [] };
}
