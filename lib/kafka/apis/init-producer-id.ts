/**
 * InitProducerId: an id for an idempotent producer, or the next epoch of a transactional id, which fences the producers
 * before (KIP-98), unless it is asked for by one that has been overtaken itself (KIP-360).
 */
import { initProducer } from '../../broker/produce/init-producer.ts';
import { initializeTransactions } from '../../broker/transactions/initialize-transactions.ts';
import type { ProducerIdentity } from '../../coordination/transactions/transactional-item.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { mayProduceSomewhere } from '../authorization/authorization.ts';
import { type Failure, failureWith, NONE, wireCodes } from '../failures.ts';
import {
  coordinatorFailure,
  producerIn,
  refusedTransactionalId,
  toldByCoordinator,
} from '../transactions/transaction-failures.ts';

type Request = RequestOf<'InitProducerId'>;
type Response = ResponseOf<'InitProducerId'>;

const FENCED_SINCE = 4;
const NO_PRODUCER_ID = -1n;
const NO_EPOCH = -1;

export const initProducerId: ServedApi<'InitProducerId'> = {
  lowest: 0,
  highest: 5,
  handle: async (call, request) => {
    const { transactionalId: id, producerId, producerEpoch } = request;
    const refusal = id === null ? refusedProducer(call) : refusedTransactionalId(call, id);
    if (refusal !== undefined) return refused(refusal);
    if ((producerId === NO_PRODUCER_ID) !== (producerEpoch === NO_EPOCH)) {
      return refused(failureWith('INVALID_REQUEST', 'A producer is named by its id and its epoch.'));
    }
    try {
      const { id: given, epoch } = id === null ? await idempotent(call) : await transactional(call, id, request);
      return { errorCode: NONE, producerId: BigInt(given), producerEpoch: epoch };
    } catch (error) {
      return refused(coordinatorFailure(error, call, { fencedSince: FENCED_SINCE }));
    }
  },
  failed: (_call, _request, failure) => refused(toldByCoordinator(failure)),
};

function refusedProducer(call: Call): Failure | undefined {
  if (mayProduceSomewhere(call)) return undefined;
  return { code: wireCodes.CLUSTER_AUTHORIZATION_FAILED, message: 'Not allowed to produce.' };
}

/** A new id each time, as Kafka gives one, whatever the producer had: it raises its epoch by itself. */
async function idempotent({ gateway, session }: Call): Promise<ProducerIdentity> {
  const { producerId, epoch } = await initProducer(gateway.broker, { principal: session.principal?.id ?? '' });
  return { id: producerId, epoch };
}

async function transactional({ gateway }: Call, transactionalId: string, request: Request): Promise<ProducerIdentity> {
  const { producer } = await initializeTransactions(gateway.broker, {
    transactionalId,
    timeoutMs: request.transactionTimeoutMs,
    ...(request.producerId !== NO_PRODUCER_ID && { expected: producerIn(request) }),
  });
  return producer;
}

function refused({ code }: Failure): Response {
  return { errorCode: code, producerId: NO_PRODUCER_ID, producerEpoch: NO_EPOCH };
}
