/** Requests of groups, with what most tests say in them. */

import type { Broker } from '../../../lib/broker/broker.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import type { KafkaTestClient, RequestBody, ResponseBody } from './kafka-test-client.ts';

export const codes = {
  none: 0,
  unknownTopicOrPartition: 3,
  offsetMetadataTooLarge: 12,
  illegalGeneration: 22,
  inconsistentGroupProtocol: 23,
  unknownMemberId: 25,
  invalidSessionTimeout: 26,
  rebalanceInProgress: 27,
  invalidRequest: 42,
  nonEmptyGroup: 68,
  groupIdNotFound: 69,
  memberIdRequired: 79,
  fencedInstanceId: 82,
  groupSubscribedToTopic: 86,
  unknownTopicId: 100,
  fencedMemberEpoch: 110,
  unreleasedInstanceId: 111,
  unsupportedAssignor: 112,
  staleMemberEpoch: 113,
};

export async function makeTopic(broker: Broker, name: string, partitions = 4) {
  return createTopic(broker, { name, partitions });
}

/** Commits one offset, for nobody in particular unless a member is named. */
export function commitOf(
  group: string,
  {
    topic = 't',
    partition = 0,
    offset = 1,
    metadata = null,
    epoch,
    ...member
  }: {
    topic?: string;
    partition?: number;
    offset?: number;
    metadata?: string | null;
    epoch?: number;
    memberId?: string;
    generationIdOrMemberEpoch?: number;
    groupInstanceId?: string;
  } = {},
): RequestBody<'OffsetCommit'> {
  const committed = {
    partitionIndex: partition,
    committedOffset: BigInt(offset),
    committedMetadata: metadata,
    ...(epoch !== undefined && { committedLeaderEpoch: epoch }),
  };
  return {
    groupId: group,
    memberId: '',
    generationIdOrMemberEpoch: -1,
    topics: [{ name: topic, partitions: [committed] }],
    ...member,
  };
}

export interface Joining {
  group: string;
  memberId?: string;
  instanceId?: string;
  protocols?: readonly string[];
  protocolType?: string;
  sessionTimeoutMs?: number;
  rebalanceTimeoutMs?: number;
  /** Of its protocols. */
  metadata?: Uint8Array;
}

export function joinOf({
  group,
  memberId = '',
  instanceId,
  protocols = ['range'],
  protocolType = 'consumer',
  sessionTimeoutMs = 10_000,
  rebalanceTimeoutMs = 20_000,
  metadata = utf8('metadata'),
}: Joining): RequestBody<'JoinGroup'> {
  return {
    groupId: group,
    memberId,
    ...(instanceId !== undefined && { groupInstanceId: instanceId }),
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocolType,
    protocols: protocols.map((name) => ({ name, metadata })),
  };
}

/** Joins as clients do: with the id that it is given, where it has none. */
export async function join(client: KafkaTestClient, joining: Joining): Promise<ResponseBody<'JoinGroup'>> {
  const first = await client.request('JoinGroup', 9, joinOf(joining));
  if (first.errorCode !== codes.memberIdRequired) return first;
  return client.request('JoinGroup', 9, joinOf({ ...joining, memberId: first.memberId }));
}

/** Hands in, where it leads, each member's id as its assignment. */
export function sync(client: KafkaTestClient, group: string, joined: ResponseBody<'JoinGroup'>, instanceId?: string) {
  return client.request('SyncGroup', 5, {
    groupId: group,
    generationId: joined.generationId,
    memberId: joined.memberId,
    ...(instanceId !== undefined && { groupInstanceId: instanceId }),
    protocolType: joined.protocolType,
    protocolName: joined.protocolName,
    assignments: joined.members.map(({ memberId }) => ({ memberId, assignment: utf8(`of ${memberId}`) })),
  });
}

export function heartbeat(
  client: KafkaTestClient,
  group: string,
  joined: { generationId: number; memberId: string },
  instanceId?: string,
) {
  return client.request('Heartbeat', 4, {
    groupId: group,
    generationId: joined.generationId,
    memberId: joined.memberId,
    ...(instanceId !== undefined && { groupInstanceId: instanceId }),
  });
}
