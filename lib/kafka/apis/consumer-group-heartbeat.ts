/** ConsumerGroupHeartbeat (KIP-848): joining, living in, and leaving a group whose partitions are assigned here. */
import { type ConsumerHeartbeat, heartbeatConsumer } from '../../broker/groups/heartbeat-consumer.ts';
import { leaveGroup } from '../../broker/groups/leave-group.ts';
import type { Wishes } from '../../broker/groups/membership.ts';
import { withFullName } from '../../broker/groups/with-full-name.ts';
import type { Partitions } from '../../coordination/groups/partitions.ts';
import { type MemberName, memberIdOf, newJoinId } from '../../coordination/groups/seat.ts';
import { groupLimits } from '../../kernel/limits/groups.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { canSee, isAllowed, topicDenied } from '../authorization/authorization.ts';
import { type Failure, failureWith, NONE, wireCodes } from '../failures.ts';
import { refusedGroup, toldOfGroup } from '../groups/group-failures.ts';
import { assignorAsked, clientOf } from '../groups/members.ts';

type Request = RequestOf<'ConsumerGroupHeartbeat'>;
type Response = ResponseOf<'ConsumerGroupHeartbeat'>;

/** Member epochs that are none. */
const JOINS = 0;
const LEAVES = -1;
/** Of a static member that means to come back. */
const STEPS_OUT = -2;
/** From this version on the client chooses its member id (KIP-1082). */
const BRINGS_ID_FROM = 1;

export const consumerGroupHeartbeat: ServedApi<'ConsumerGroupHeartbeat'> = {
  lowest: 0,
  highest: 1,
  handle,
  failed: (_call, request, failure) => refused(request, toldOfGroup(failure)),
};

async function handle(call: Call, request: Request): Promise<Response> {
  const failure = refusedGroup(call, request.groupId) ?? malformed(call, request);
  if (failure !== undefined) return refused(request, failure);
  const { broker } = call.gateway;
  const { groupId: group, memberEpoch } = request;
  const memberId = request.memberId === '' ? newMemberId(call, request) : request.memberId;
  const name: MemberName = { memberId, ...(request.instanceId !== null && { instanceId: request.instanceId }) };
  if (memberEpoch === LEAVES || memberEpoch === STEPS_OUT) {
    const keepSeat = memberEpoch === STEPS_OUT;
    await withFullName(broker, { group, name }, (full) => leaveGroup(broker, { group, ...full, keepSeat }));
    return { errorCode: NONE, memberId, memberEpoch, heartbeatIntervalMs: groupLimits.groupHeartbeatMs };
  }
  const { epoch, assignment } = await withFullName(broker, { group, name }, (full) =>
    heartbeatConsumer(broker, heartbeatOf(call, request, full)),
  );
  const topicPartitions = [...assignment].map(([topicId, partitions]) => ({ topicId, partitions }));
  return {
    errorCode: NONE,
    memberId,
    memberEpoch: epoch,
    heartbeatIntervalMs: groupLimits.groupHeartbeatMs,
    // Each time: what a member is to hold may grow without a new epoch, and nobody here remembers what it was told.
    assignment: { topicPartitions },
  };
}

function newMemberId({ gateway }: Call, { instanceId }: Request): string {
  return memberIdOf(newJoinId(gateway.broker.random), instanceId ?? undefined);
}

function heartbeatOf(call: Call, request: Request, name: MemberName): ConsumerHeartbeat {
  const { groupId: group, memberEpoch, topicPartitions } = request;
  return {
    group,
    name,
    ...(memberEpoch !== JOINS && { epoch: memberEpoch }),
    wishes: { ...wishesOf(call, request), ...(name.instanceId !== undefined && { instanceId: name.instanceId }) },
    ...(topicPartitions !== null && { holds: partitionsOf(topicPartitions) }),
  };
}

function wishesOf(call: Call, request: Request): Wishes {
  const { subscribedTopicNames: names, subscribedTopicRegex, serverAssignor, rebalanceTimeoutMs } = request;
  // At the beginning an empty pattern is none; later it takes one back.
  const pattern = request.memberEpoch === JOINS && subscribedTopicRegex === '' ? null : subscribedTopicRegex;
  return {
    ...(names !== null && { names }),
    ...(pattern !== null && { pattern }),
    ...(serverAssignor !== null && { assignor: assignorAsked(serverAssignor) }),
    ...(rebalanceTimeoutMs > 0 && {
      rebalanceTimeoutMs: Math.min(rebalanceTimeoutMs, groupLimits.groupRebalanceTimeoutMsMax),
    }),
    ...clientOf(call),
  };
}

function partitionsOf(topics: NonNullable<Request['topicPartitions']>): Partitions {
  return new Map(
    topics
      .filter(({ partitions }) => partitions.length > 0)
      .map(({ topicId, partitions }) => [topicId, [...new Set(partitions)].toSorted((a, b) => a - b)]),
  );
}

/** What Kafka refuses before it looks at the group; and subscriptions that the client may not have. */
function malformed(call: Call, request: Request): Failure | undefined {
  const { memberId, memberEpoch, instanceId, rebalanceTimeoutMs, topicPartitions } = request;
  const { subscribedTopicNames: names, subscribedTopicRegex: regex } = request;
  const bad = (message: string) => failureWith('INVALID_REQUEST', message);
  if (memberEpoch < STEPS_OUT) return bad('There is no such member epoch.');
  if (memberId === '' && (memberEpoch !== JOINS || call.version >= BRINGS_ID_FROM))
    return bad('The member id is missing.');
  if (instanceId === '') return bad('An instance id is not empty.');
  const denied = deniedSubscription(call, request);
  if (denied !== undefined) return denied;
  if (memberEpoch !== JOINS) return undefined;
  if (rebalanceTimeoutMs <= 0) return bad('Who joins says its rebalance timeout.');
  if (topicPartitions === null || topicPartitions.length > 0) return bad('Who joins holds no partitions.');
  return names === null && regex === null ? bad('Who joins says what it subscribes to.') : undefined;
}

/**
 * A pattern needs the right to all topics, as over HTTP: which ones it means changes with each topic that is made, and
 * whoever assigns them does not know what the member may read.
 */
function deniedSubscription(
  call: Call,
  { subscribedTopicNames: names, subscribedTopicRegex: pattern }: Request,
): Failure | undefined {
  const hidden = names?.find((name) => !canSee(call, name));
  if (hidden !== undefined) return topicDenied(hidden);
  if (pattern === null || pattern === '' || isAllowed(call, 'consume')) return undefined;
  const message = 'A topic pattern needs the scope consume on all topics.';
  return { code: wireCodes.TOPIC_AUTHORIZATION_FAILED, message };
}

function refused({ memberId }: Request, { code, message }: Failure): Response {
  return { errorCode: code, errorMessage: message, memberId, memberEpoch: 0, heartbeatIntervalMs: 0 };
}
