/** Produce, where the records are a transaction's: stored, and at no offset before the commit. */
import { produceInTransaction } from '../../broker/produce/produce-in-transaction.ts';
import type { Call } from '../api.ts';
import { type Failure, wireCodes } from '../failures.ts';
import { abortableFailure, produceFailure, refusedTransactionalId } from './transaction-failures.ts';

/** From this version on records put their partitions into the transaction by themselves (KIP-890). */
const ENLISTS_SINCE = 12;
/** Clients know `TRANSACTION_ABORTABLE` from this version on. */
const ABORTABLE_SINCE = 11;

export interface TransactionalWrite {
  /** What the request says; without one nothing transactional is taken. */
  transactionalId: string | null;
  topic: string;
  partition: number;
  batches: Uint8Array;
  placed: () => void;
}

/** Why the records are not in the transaction; `undefined` where they are. */
export async function writeInTransaction(
  call: Call,
  { transactionalId, ...write }: TransactionalWrite,
): Promise<Failure | undefined> {
  if (transactionalId === null) {
    const message = 'Transactional records come with a transactional id.';
    return { code: wireCodes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, message };
  }
  const refusal = refusedTransactionalId(call, transactionalId);
  if (refusal !== undefined) return refusal;
  try {
    const enlists = call.version >= ENLISTS_SINCE;
    await produceInTransaction(call.gateway.broker, { transactionalId, enlists, ...write });
    return undefined;
  } catch (error) {
    return abortableFailure(produceFailure(error), error, call, { since: ABORTABLE_SINCE });
  }
}
