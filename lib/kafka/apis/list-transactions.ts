/**
 * ListTransactions: of the ids that this virtual broker coordinates all that the caller may use, of those that it asks
 * for (KIP-664, KIP-994, KIP-1152).
 */
import { listTransactions as list } from '../../broker/transactions/list-transactions.ts';
import { compileTopicPattern } from '../../coordination/groups/topic-pattern.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { NONE } from '../failures.ts';
import { refusedTransactionalId, toldByCoordinator } from '../transactions/transaction-failures.ts';
import { KAFKA_STATES, transactionView } from '../transactions/transaction-view.ts';

type Request = RequestOf<'ListTransactions'>;
type Response = ResponseOf<'ListTransactions'>;

export const listTransactions: ServedApi<'ListTransactions'> = {
  lowest: 0,
  highest: 2,
  answerBytes: () => kafkaLimits.kafkaAnswerAllBytes,
  handle,
  failed: (_call, _request, failure) => ({
    errorCode: toldByCoordinator(failure).code,
    unknownStateFilters: [],
    transactionStates: [],
  }),
};

async function handle(call: Call, request: Request): Promise<Response> {
  const { durationFilter, transactionalIdPattern } = request;
  // Each may have thousands of elements, which are asked for every id.
  const [states, producerIds] = [new Set(request.stateFilters), new Set(request.producerIdFilters)];
  const { broker, cluster } = call.gateway;
  const matches = matcherOf(transactionalIdPattern);
  const isOwn = (id: string) => cluster.isCoordinator(call.session.node, id);
  const isVisible = (id: string) => isOwn(id) && refusedTransactionalId(call, id) === undefined && matches(id);
  const transactionStates: Response['transactionStates'][number][] = [];
  for await (const { transactionalId, state } of list(broker, isVisible)) {
    const { transactionState, producerId, startMs } = transactionView(state);
    if (states.size > 0 && !states.has(transactionState)) continue;
    if (producerIds.size > 0 && !producerIds.has(producerId)) continue;
    if (durationFilter >= 0n && BigInt(broker.clock.now() - startMs) <= durationFilter) continue;
    transactionStates.push({ transactionalId, producerId, transactionState });
  }
  return {
    errorCode: NONE,
    unknownStateFilters: request.stateFilters.filter((state) => !KAFKA_STATES.has(state)),
    transactionStates,
  };
}

/** Throws `INVALID_REGULAR_EXPRESSION`. Of a pattern that is empty all ids are. */
function matcherOf(pattern: string | null): (id: string) => boolean {
  if (pattern === null || pattern === '') return () => true;
  const compiled = compileTopicPattern(pattern);
  if (compiled.result === 'refused') {
    throw new MillraceError('INVALID_REGULAR_EXPRESSION', `The pattern is refused: ${compiled.detail}.`);
  }
  return (id) => compiled.pattern.matches(id);
}
