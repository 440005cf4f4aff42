/** Acknowledgements of records as ShareFetch and ShareAcknowledge carry them, and what both do with them. */
import { type SharedPartition, shareFetch } from '../../broker/share-groups/share-fetch.ts';
import type { ShareVisited } from '../../broker/share-groups/visit-share-partition.ts';
import { ACKNOWLEDGE_TYPES, type AcknowledgementBatch } from '../../coordination/share-groups/acknowledge.ts';
import type { MillraceError } from '../../kernel/errors.ts';
import type { TopicId } from '../../kernel/ids.ts';
import { shareGroupLimits } from '../../kernel/limits/share-groups.ts';
import type { Call } from '../api.ts';
import { isAllowed, topicByIdDenied } from '../authorization/authorization.ts';
import { type Failure, failureOf, failureWith, NONE, UNKNOWN_TOPIC_ID, wireCodes } from '../failures.ts';
import { offsetOf } from '../fields/offsets.ts';
import { refusedGroup } from '../groups/group-failures.ts';
import { mapInTurns } from '../map-in-turns.ts';
import type { SessionFound, SessionKey, SessionPartition, ShareSession } from './share-sessions.ts';

const RENEW = 4;
/** From this version on records can be renewed (KIP-1222). */
const RENEW_FROM = 2;

interface WireBatch {
  firstOffset: bigint;
  lastOffset: bigint;
  acknowledgeTypes: readonly number[];
}

/** `undefined`: they have types that there are not, or not in such a request. */
export function acknowledgementsOf(
  { version }: Call,
  batches: readonly WireBatch[],
  isRenewal: boolean,
): AcknowledgementBatch[] | undefined {
  const typesMax = version >= RENEW_FROM && isRenewal ? RENEW : RENEW - 1;
  const areKnown = batches.every(({ acknowledgeTypes }) =>
    acknowledgeTypes.every((type) => type >= 0 && type <= typesMax),
  );
  if (!areKnown) return undefined;
  return batches.map(({ firstOffset, lastOffset, acknowledgeTypes }) => ({
    firstOffset: offsetOf(firstOffset),
    lastOffset: offsetOf(lastOffset),
    types: acknowledgeTypes.map((type) => ACKNOWLEDGE_TYPES[type] as (typeof ACKNOWLEDGE_TYPES)[number]),
  }));
}

export const malformedAcknowledgements = failureWith(
  'INVALID_REQUEST',
  'The acknowledgements have types that there are not.',
);

export interface ShareMemberName {
  group: string;
  memberId: string;
}

/** What Kafka refuses before it looks at anything. */
export function refusedMember(
  call: Call,
  { groupId, memberId }: { groupId: string | null; memberId: string | null },
): { failure: Failure } | ShareMemberName {
  const group = groupId ?? '';
  const denied = refusedGroup(call, group);
  if (denied !== undefined) return { failure: denied };
  if (memberId === null || memberId === '' || memberId.length > shareGroupLimits.shareMemberIdLengthMax) {
    return { failure: failureWith('INVALID_REQUEST', 'The member id is not one.') };
  }
  return { group, memberId };
}

export function sessionKeyOf({ session }: Call, { group, memberId }: ShareMemberName): SessionKey {
  return { group, memberId, nodeId: session.node.nodeId };
}

export function sessionFailure({ missing }: Exclude<SessionFound, { session: unknown }>): Failure {
  switch (missing) {
    case 'session':
      return { code: wireCodes.SHARE_SESSION_NOT_FOUND, message: 'There is no such share session here.' };
    case 'epoch':
      return { code: wireCodes.INVALID_SHARE_SESSION_EPOCH, message: 'The share session goes on with another epoch.' };
    case 'room':
      return { code: wireCodes.SHARE_SESSION_LIMIT_REACHED, message: 'There are as many share sessions as can be.' };
  }
}

/** The name of a topic that the caller may consume; or why not. */
export async function consumedTopic(call: Call, topicId: TopicId): Promise<string | Failure> {
  const name = await call.gateway.topicNames.nameOf(topicId);
  if (name === undefined) return UNKNOWN_TOPIC_ID;
  return isAllowed(call, 'consume', name) ? name : topicByIdDenied(call, name);
}

export function acknowledgeFailure({ refused }: ShareVisited): Failure | undefined {
  return refused && shareFailureOf(refused);
}

/** Java's share consumers end at a code that they do not expect; at that of storage they try again. */
export function shareFailureOf(error: MillraceError): Failure {
  // The group follows a log that was cut meanwhile with its next fetch.
  const isPassing =
    error.code === 'OFFSET_OUT_OF_RANGE' || (error.retriable && error.code !== 'UNKNOWN_TOPIC_OR_PARTITION');
  return isPassing ? failureWith('KAFKA_STORAGE_ERROR', error.message) : failureOf(error);
}

export function codeOf(failure: Failure | undefined): number {
  return failure?.code ?? NONE;
}

/** Gives back what the member has acquired of the session's partitions; for who has ended the session, or is gone. */
export async function giveBack(call: Call, session: ShareSession): Promise<void> {
  const { group, memberId } = session.key;
  const named = await mapInTurns(call, session.partitions, (partition) => releasing(call, partition));
  const partitions = named.filter((partition) => partition !== undefined);
  const { broker, turns } = call.gateway;
  await shareFetch(broker, { group, memberId, partitions, turns, ...WITHOUT_RECORDS });
}

/** After a connection's end: nobody hears of what becomes of it, and locks are over at some time anyway. */
export function giveBackLater(call: Call, session: ShareSession): void {
  const { broker } = call.gateway;
  const { group } = session.key;
  broker.background.add(
    giveBack(call, session).catch((error: unknown) => {
      broker.log.warn("a share group's records are given back by time: the member is gone", { group, error });
    }),
  );
}

async function releasing(
  { gateway }: Call,
  { topicId, partition }: SessionPartition,
): Promise<SharedPartition | undefined> {
  const topic = await gateway.topicNames.nameOf(topicId);
  return topic === undefined ? undefined : { topic, topicId, partition, withoutRecords: true, releases: true };
}

export const WITHOUT_RECORDS = { maxRecords: 0, batchSize: 0, strict: false, maxBytes: 0, minBytes: 0, waitMs: 0 };
