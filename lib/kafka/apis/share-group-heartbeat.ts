/** ShareGroupHeartbeat (KIP-932): joining, living in, and leaving a share group. */
import { heartbeatShare, leaveShare } from '../../broker/share-groups/heartbeat-share.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { canSee, topicDenied } from '../authorization/authorization.ts';
import { type Failure, failureWith, NONE } from '../failures.ts';
import { toldOfGroup } from '../groups/group-failures.ts';
import { clientOf } from '../groups/members.ts';
import { refusedMember } from '../share-groups/share-acknowledgements.ts';

type Request = RequestOf<'ShareGroupHeartbeat'>;
type Response = ResponseOf<'ShareGroupHeartbeat'>;

/** Member epochs that are none. */
const JOINS = 0;
const LEAVES = -1;

export const shareGroupHeartbeat: ServedApi<'ShareGroupHeartbeat'> = {
  lowest: 1,
  highest: 1,
  handle,
  failed: (_call, request, failure) => refused(request, toldOfGroup(failure)),
};

async function handle(call: Call, request: Request): Promise<Response> {
  const member = refusedMember(call, request);
  const failure = 'failure' in member ? member.failure : malformed(call, request);
  if (failure !== undefined) return refused(request, failure);
  const { broker } = call.gateway;
  const { groupId: group, memberId, memberEpoch, subscribedTopicNames: names } = request;
  if (memberEpoch === LEAVES) {
    await leaveShare(broker, { group, memberId });
    return { errorCode: NONE, memberId, memberEpoch, heartbeatIntervalMs: 0 };
  }
  const { epoch, assignment, heartbeatMs } = await heartbeatShare(broker, {
    group,
    memberId,
    ...(memberEpoch !== JOINS && { epoch: memberEpoch }),
    ...(names !== null && { names }),
    ...clientOf(call),
  });
  const topicPartitions = [...assignment].map(([topicId, partitions]) => ({ topicId, partitions }));
  // The assignment each time: nobody here remembers what a member was told.
  return {
    errorCode: NONE,
    memberId,
    memberEpoch: epoch,
    heartbeatIntervalMs: heartbeatMs,
    assignment: { topicPartitions },
  };
}

/** What Kafka refuses before it looks at the group; and topics that the client may not see. */
function malformed(call: Call, { memberEpoch, rackId, subscribedTopicNames: names }: Request): Failure | undefined {
  const bad = (message: string) => failureWith('INVALID_REQUEST', message);
  if (memberEpoch < LEAVES) return bad('There is no such member epoch.');
  if (rackId === '') return bad('A rack is not empty.');
  if (memberEpoch === JOINS && (names === null || names.length === 0))
    return bad('Who joins says what it subscribes to.');
  const denied = names?.find((name) => !canSee(call, name));
  return denied === undefined ? undefined : topicDenied(denied);
}

function refused({ memberId }: Request, { code, message }: Failure): Response {
  return { errorCode: code, errorMessage: message, memberId, memberEpoch: 0, heartbeatIntervalMs: 0 };
}
