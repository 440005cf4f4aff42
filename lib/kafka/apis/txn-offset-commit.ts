/**
 * TxnOffsetCommit: offsets of a group that are committed with the transaction, for a member of it where one is named
 * (KIP-447). From version 5 on they begin it where none is open (KIP-890).
 */

import { topicOrNone } from '../../broker/groups/topic-directory.ts';
import { addGroupOffsets } from '../../broker/transactions/add-group-offsets.ts';
import type { GroupOffset, GroupOffsets } from '../../broker/transactions/prepare.ts';
import { utf8 } from '../../kernel/bytes.ts';
import { errorRow, MillraceError } from '../../kernel/errors.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed } from '../authorization/authorization.ts';
import { coded, type Failure, NONE, wireCodes } from '../failures.ts';
import { refusedGroup } from '../groups/group-failures.ts';
import { offsetToCommit } from '../groups/offset-to-commit.ts';
import { mapInTurns } from '../map-in-turns.ts';
import {
  abortableFailure,
  codeOf,
  coordinatorFailure,
  producerIn,
  refusedTransactionalId,
  toldByCoordinator,
} from '../transactions/transaction-failures.ts';

type Request = RequestOf<'TxnOffsetCommit'>;
type RequestTopic = Request['topics'][number];
type RequestPartition = RequestTopic['partitions'][number];
type Response = ResponseOf<'TxnOffsetCommit'>;

/** From this version on a member may be named, and clients know that a producer can be fenced. */
const MEMBERS_SINCE = 3;
/** Older clients crash at `COORDINATOR_LOAD_IN_PROGRESS` here (KAFKA-7296). */
const LOADING_SINCE = 2;
/** Clients know `TRANSACTION_ABORTABLE` from this version on. */
const ABORTABLE_SINCE = 4;
const BEGINS_SINCE = 5;
const { kafkaCode: UNKNOWN_TOPIC_OR_PARTITION } = errorRow('UNKNOWN_TOPIC_OR_PARTITION');
const { kafkaCode: OFFSET_METADATA_TOO_LARGE } = errorRow('OFFSET_METADATA_TOO_LARGE');
const { kafkaCode: INVALID_REQUEST } = errorRow('INVALID_REQUEST');

export const txnOffsetCommit: ServedApi<'TxnOffsetCommit'> = {
  lowest: 0,
  highest: 5,
  handle: async (call, request) => {
    const refusal = refusedTransactionalId(call, request.transactionalId) ?? refusedGroup(call, request.groupId);
    if (refusal !== undefined) return answer(request, () => refusal.code);
    const counts = await mapInTurns(call, request.topics, ({ name }) => partitionsOf(call, name));
    const codeAt = (at: number, partition: RequestPartition) => codeOfPartition(counts[at], partition);
    const offsets = request.topics.flatMap(({ name, partitions }, at) =>
      partitions.filter((one) => codeAt(at, one) === NONE).map((one) => offsetToCommit(name, one)),
    );
    const added = offsets.length === 0 ? NONE : await add(call, request, offsets);
    return answer(request, (at, partition) => codeAt(at, partition) || added);
  },
  failed: (call, request, failure) => answer(request, () => knownTo(call, toldByCoordinator(failure)).code),
};

async function add(call: Call, request: Request, offsets: readonly GroupOffset[]): Promise<number> {
  const { transactionalId, groupId: group } = request;
  try {
    await addGroupOffsets(call.gateway.broker, {
      transactionalId,
      producer: producerIn(request),
      begin: call.version >= BEGINS_SINCE,
      offsets: { group, offsets, ...memberIn(request) },
    });
    return NONE;
  } catch (error) {
    return failureIn(call, error).code;
  }
}

/** Nobody in particular where none is named, as before KIP-447. */
function memberIn({ generationId, memberId, groupInstanceId }: Request): Pick<GroupOffsets, 'member'> {
  if (generationId < 0 && memberId === '' && groupInstanceId === null) return {};
  return {
    member: { memberId, epoch: generationId, ...(groupInstanceId !== null && { instanceId: groupInstanceId }) },
  };
}

function failureIn(call: Call, error: unknown): Failure {
  const told = coordinatorFailure(error, call, { fencedSince: MEMBERS_SINCE });
  const failure = abortableFailure(told, error, call, { since: ABORTABLE_SINCE });
  // As Kafka tells members of consumer groups: of their epochs, and of whose a partition is, the transactional producer
  // knows nothing.
  if (codeOf(error) === 'FENCED_MEMBER_EPOCH' || isOthers(error)) return coded(failure, 'ILLEGAL_GENERATION');
  return knownTo(call, failure);
}

function knownTo({ version }: Call, failure: Failure): Failure {
  const isLoading = failure.code === wireCodes.COORDINATOR_LOAD_IN_PROGRESS;
  return isLoading && version < LOADING_SINCE ? { ...failure, code: wireCodes.COORDINATOR_NOT_AVAILABLE } : failure;
}

/** Of a partition that is another member's by now. */
function isOthers(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'INVALID_REQUEST' && error.facts.field === 'offsets';
}

/** `undefined` of a topic that is not the caller's. */
async function partitionsOf(call: Call, name: string): Promise<number | undefined> {
  if (!isAllowed(call, 'consume', name)) return undefined;
  return (await topicOrNone(call.gateway.broker, name))?.partitions ?? 0;
}

function codeOfPartition(count: number | undefined, partition: RequestPartition): number {
  const { partitionIndex, committedMetadata, committedOffset } = partition;
  if (count === undefined) return wireCodes.TOPIC_AUTHORIZATION_FAILED;
  if (partitionIndex < 0 || partitionIndex >= count) return UNKNOWN_TOPIC_OR_PARTITION;
  if (committedOffset < 0n) return INVALID_REQUEST;
  const metadataBytes = utf8(committedMetadata ?? '').length;
  return metadataBytes > transactionLimits.offsetMetadataBytesMax ? OFFSET_METADATA_TOO_LARGE : NONE;
}

function answer({ topics }: Request, codeOf: (topicAt: number, partition: RequestPartition) => number): Response {
  return {
    topics: topics.map(({ name, partitions }, at) => ({
      name,
      partitions: partitions.map((partition) => ({
        partitionIndex: partition.partitionIndex,
        errorCode: codeOf(at, partition),
      })),
    })),
  };
}
