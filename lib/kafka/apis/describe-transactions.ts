/** DescribeTransactions: the newest transaction of each id (KIP-664). */
import { describeTransaction } from '../../broker/transactions/describe-transaction.ts';
import type { TransactionalState } from '../../coordination/transactions/transactional-item.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Call, ResponseOf, ServedApi } from '../api.ts';
import { canSee } from '../authorization/authorization.ts';
import { type Failure, failureOf, NONE } from '../failures.ts';
import { eachOnce } from '../fields/each-once.ts';
import { mapInTurns } from '../map-in-turns.ts';
import { refusedTransactionalId, toldByCoordinator } from '../transactions/transaction-failures.ts';
import { transactionView } from '../transactions/transaction-view.ts';

type Described = ResponseOf<'DescribeTransactions'>['transactionStates'][number];

export const describeTransactions: ServedApi<'DescribeTransactions'> = {
  lowest: 0,
  highest: 0,
  answerBytes: (_call, { transactionalIds }) => transactionalIds.length * kafkaLimits.kafkaAnswerTopicBytes,
  handle: async (call, { transactionalIds }) => ({
    transactionStates: await mapInTurns(
      call,
      eachOnce(transactionalIds, (id) => id),
      (id) => describe(call, id),
    ),
  }),
  failed: (_call, { transactionalIds }, failure) => ({
    transactionStates: transactionalIds.map((id) => refused(id, toldByCoordinator(failure))),
  }),
};

async function describe(call: Call, transactionalId: string): Promise<Described> {
  const refusal = refusedTransactionalId(call, transactionalId);
  if (refusal !== undefined) return refused(transactionalId, refusal);
  try {
    const state = await describeTransaction(call.gateway.broker, transactionalId);
    const { startMs, ...view } = transactionView(state);
    return {
      errorCode: NONE,
      transactionalId,
      ...view,
      transactionTimeoutMs: state.timeoutMs,
      transactionStartTimeMs: BigInt(startMs),
      topics: await topicsIn(call, state),
    };
  } catch (error) {
    return refused(transactionalId, toldByCoordinator(failureOf(error)));
  }
}

/**
 * Of an open transaction the partitions that are in it: of the topics that there are still, and that the caller may
 * see.
 */
async function topicsIn(call: Call, { status, enlisted = [] }: TransactionalState): Promise<Described['topics']> {
  if (status !== 'ongoing') return [];
  const current = Map.groupBy(
    enlisted.filter(({ isCurrent }) => isCurrent),
    ({ topicId }) => topicId,
  );
  const topics = await mapInTurns(call, [...current], async ([topicId, own]) => {
    const topic = await call.gateway.topicNames.nameOf(topicId);
    return topic === undefined || !canSee(call, topic)
      ? undefined
      : { topic, partitions: own.map(({ partition }) => partition) };
  });
  return topics.filter((topic) => topic !== undefined);
}

function refused(transactionalId: string, { code }: Failure): Described {
  return {
    errorCode: code,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0n,
    producerId: 0n,
    producerEpoch: 0,
    topics: [],
  };
}
