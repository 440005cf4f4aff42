/**
 * EndTxn: commits or aborts the producer's open transaction. From version 5 on clients use the transactions of
 * KIP-890's second part, which `transaction.version` 2 tells them of: the answer says what the producer is called from
 * now on.
 */
import { endTransaction } from '../../broker/transactions/end-transaction.ts';
import type { ErrorCode } from '../../kernel/errors.ts';
import type { Call, ServedApi } from '../api.ts';
import { coded, type Failure, failureOf, isBusy, NONE, wireCodes } from '../failures.ts';
import {
  codeOf,
  coordinatorFailure,
  producerIn,
  refusedTransactionalId,
  toldByCoordinator,
} from '../transactions/transaction-failures.ts';

const FENCED_SINCE = 2;
/** Clients know `TRANSACTION_ABORTABLE` from this version on. */
const ABORTABLE_SINCE = 4;
/** From this version on the producer's epoch goes up with every end. */
const RAISES_SINCE = 5;

/** Of the producer or of what it has open, and known to every client. */
const OF_THE_PRODUCER: ReadonlySet<ErrorCode> = new Set([
  'INVALID_REQUEST',
  'INVALID_PRODUCER_ID_MAPPING',
  'INVALID_TXN_STATE',
  'PRODUCER_FENCED',
  'CONCURRENT_TRANSACTIONS',
]);

export const endTxn: ServedApi<'EndTxn'> = {
  lowest: 0,
  highest: 5,
  handle: async (call, request) => {
    const { transactionalId, committed } = request;
    const refusal = refusedTransactionalId(call, transactionalId);
    if (refusal !== undefined) return { errorCode: refusal.code };
    try {
      const as = committed ? 'commit' : 'abort';
      const raises = call.version >= RAISES_SINCE;
      const producer = producerIn(request);
      const { id, epoch } = await endTransaction(call.gateway.broker, { transactionalId, producer, as, raises });
      return { errorCode: NONE, ...(raises && { producerId: BigInt(id), producerEpoch: epoch }) };
    } catch (error) {
      return { errorCode: failureIn(call, error).code };
    }
  },
  failed: (_call, _request, failure) => ({ errorCode: toldByCoordinator(failure).code }),
};

function failureIn(call: Call, error: unknown): Failure {
  const failure = coordinatorFailure(error, call, { fencedSince: FENCED_SINCE });
  const code = codeOf(error);
  if (code === undefined || isBusy(failureOf(error)) || OF_THE_PRODUCER.has(code)) return failure;
  // It cannot be committed, which Kafka finds out earlier: a member that is fenced by now, a topic that is gone, too
  // many partitions. It is open still, and clients are to abort it; older ones do after this code.
  if (call.version < ABORTABLE_SINCE) return coded(failure, 'INVALID_PRODUCER_ID_MAPPING');
  return { ...failure, code: wireCodes.TRANSACTION_ABORTABLE };
}
