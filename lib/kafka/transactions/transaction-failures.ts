/**
 * What the APIs of transactions share: who may use a transactional id, and how faults are told to clients, of which
 * each API understands some and takes all others for fatal (Java: TransactionManager; librdkafka: rdkafka_txnmgr.c).
 */
import type { ProducerIdentity } from '../../coordination/transactions/transactional-item.ts';
import { type ErrorCode, MillraceError } from '../../kernel/errors.ts';
import type { Call } from '../api.ts';
import { isAllowed } from '../authorization/authorization.ts';
import { coded, type Failure, failureOf, isBusy, toldOfWriting, wireCodes } from '../failures.ts';

export function refusedTransactionalId(call: Call, id: string): Failure | undefined {
  if (isAllowed(call, 'produce', id)) return undefined;
  const message = `Not allowed on the transactional id ${id}.`;
  return { code: wireCodes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, message };
}

/**
 * The producer that a request names. Ids are handed out as safe integers; what is none becomes -1, which nobody has.
 */
export function producerIn({ producerId, producerEpoch }: { producerId: bigint; producerEpoch: number }) {
  const id = producerId >= 0n && producerId <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(producerId) : -1;
  return { id, epoch: producerEpoch } satisfies ProducerIdentity;
}

/** `fencedSince`: the API's version from which clients know that a producer can be fenced (KIP-588). */
export function coordinatorFailure(
  error: unknown,
  { version }: Call,
  { fencedSince }: { fencedSince: number },
): Failure {
  const failure = failureOf(error);
  const isFenced = codeOf(error) === 'PRODUCER_FENCED';
  return isFenced && version < fencedSince ? coded(failure, 'INVALID_PRODUCER_EPOCH') : toldByCoordinator(failure);
}

/** Of all codes that mean "again" the one that every client takes so, in each of these APIs. */
export function toldByCoordinator(failure: Failure): Failure {
  return isBusy(failure) ? { ...failure, code: wireCodes.COORDINATOR_LOAD_IN_PROGRESS } : failure;
}

/** The same for the answer of Produce: there Kafka's brokers ask the coordinator on behalf of the client. */
export function produceFailure(error: unknown): Failure {
  const failure = failureOf(error);
  const code = codeOf(error);
  if (code === 'PRODUCER_FENCED') return coded(failure, 'INVALID_PRODUCER_EPOCH');
  return code === 'CONCURRENT_TRANSACTIONS' ? coded(failure, 'NOT_ENOUGH_REPLICAS') : toldOfWriting(failure);
}

/**
 * Of what was sent for a transaction that is not open, or that does not have the partition. Clients from the version
 * `since` on know a code for it, after which they abort and go on; for older ones the failure stays what it is.
 */
export function abortableFailure(
  failure: Failure,
  error: unknown,
  { version }: Call,
  { since }: { since: number },
): Failure {
  const isAbortable = codeOf(error) === 'INVALID_TXN_STATE' && version >= since;
  return isAbortable ? { ...failure, code: wireCodes.TRANSACTION_ABORTABLE } : failure;
}

export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof MillraceError ? error.code : undefined;
}
