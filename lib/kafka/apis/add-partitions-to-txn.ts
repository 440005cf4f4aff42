/**
 * AddPartitionsToTxn: what a client's transaction is to have records for, all of these or none. Later versions are the
 * brokers' among themselves.
 */
import { enlistPartitions } from '../../broker/transactions/enlist-partitions.ts';
import { errorRow } from '../../kernel/errors.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed } from '../authorization/authorization.ts';
import { failureOf, NONE, wireCodes } from '../failures.ts';
import { mapInTurns } from '../map-in-turns.ts';
import {
  coordinatorFailure,
  producerIn,
  refusedTransactionalId,
  toldByCoordinator,
} from '../transactions/transaction-failures.ts';

type Request = RequestOf<'AddPartitionsToTxn'>;
type Response = ResponseOf<'AddPartitionsToTxn'>;
/** By topic, in the request's order. */
type Codes = (topicAt: number, partition: number) => number;

const FENCED_SINCE = 2;
const { kafkaCode: UNKNOWN_TOPIC_OR_PARTITION } = errorRow('UNKNOWN_TOPIC_OR_PARTITION');

export const addPartitionsToTxn: ServedApi<'AddPartitionsToTxn'> = {
  lowest: 0,
  highest: 3,
  handle: async (call, request) => {
    const refusal = refusedTransactionalId(call, request.v3AndBelowTransactionalId);
    if (refusal !== undefined) return answer(request, () => refusal.code);
    const unusable = await unusablePartitions(call, request);
    if (unusable !== undefined) return answer(request, unusable);
    return answer(request, () => NONE, await enlist(call, request));
  },
  failed: (_call, request, failure) => answer(request, () => toldByCoordinator(failure).code),
};

/** The code of all partitions. */
async function enlist(call: Call, request: Request): Promise<number> {
  const { v3AndBelowTransactionalId: transactionalId, v3AndBelowTopics: topics } = request;
  const producer = producerIn({
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
  });
  const partitions = topics.flatMap(({ name: topic, partitions: own }) =>
    own.map((partition) => ({ topic, partition })),
  );
  try {
    await enlistPartitions(call.gateway.broker, { transactionalId, producer, partitions });
    return NONE;
  } catch (error) {
    return coordinatorFailure(error, call, { fencedSince: FENCED_SINCE }).code;
  }
}

/** Where a partition cannot be added, none is, and those that could be are told so. */
async function unusablePartitions(call: Call, { v3AndBelowTopics: topics }: Request): Promise<Codes | undefined> {
  const counts = await mapInTurns(call, topics, async ({ name, partitions }) =>
    isAllowed(call, 'produce', name)
      ? partitionsOf(
          call,
          name,
          partitions.reduce((most, partition) => Math.max(most, partition), 0),
        )
      : undefined,
  );
  const codeOf: Codes = (topicAt, partition) => {
    const count = counts[topicAt];
    if (count === undefined) return wireCodes.TOPIC_AUTHORIZATION_FAILED;
    return partition >= 0 && partition < count ? NONE : UNKNOWN_TOPIC_OR_PARTITION;
  };
  const isUsable = topics.every(({ partitions }, at) =>
    partitions.every((partition) => codeOf(at, partition) === NONE),
  );
  if (isUsable) return undefined;
  return (topicAt, partition) => codeOf(topicAt, partition) || wireCodes.OPERATION_NOT_ATTEMPTED;
}

/** None of a topic that is not there. */
async function partitionsOf({ gateway }: Call, name: string, partition: number): Promise<number> {
  try {
    return (await gateway.broker.topics.getWith(name, partition)).partitions;
  } catch (error) {
    if (failureOf(error).code === UNKNOWN_TOPIC_OR_PARTITION) return 0;
    throw error;
  }
}

function answer({ v3AndBelowTopics: topics }: Request, codeOf: Codes, all = NONE): Response {
  return {
    resultsByTopicV3AndBelow: topics.map(({ name, partitions }, at) => ({
      name,
      resultsByPartition: partitions.map((partitionIndex) => ({
        partitionIndex,
        partitionErrorCode: all === NONE ? codeOf(at, partitionIndex) : all,
      })),
    })),
  };
}
