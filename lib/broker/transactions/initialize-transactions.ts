/**
 * Takes a transactional id over, as Kafka's InitProducerId does: the epoch goes up by one, every process with an older one is
 * fenced from then on, and what it had open is aborted. A call whose answer was lost may be repeated; it costs an epoch.
 */
import { decideInitialize } from '../../coordination/transactions/decide.ts';
import { checkTransactionalId } from '../../coordination/transactions/ids.ts';
import { planTransactional } from '../../coordination/transactions/transactional-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Broker } from '../broker.ts';
import { changeState, discardPartsOf } from './transactional-states.ts';

export interface InitializeRequest {
  transactionalId: string;
  /** How long a transaction of the id may be open; 1 to `limits.transactionTimeoutMsMax`. */
  timeoutMs?: number;
}

export interface Initialized {
  epoch: number;
  timeoutMs: number;
}

/** Throws `INVALID_TRANSACTION_TIMEOUT`, or `INVALID_REQUEST` for an id that is none. */
export async function initializeTransactions(broker: Broker, request: InitializeRequest): Promise<Initialized> {
  const { transactionalId: id, timeoutMs = limits.transactionTimeoutMsDefault } = request;
  checkTransactionalId(id);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > limits.transactionTimeoutMsMax) {
    const detail = `A transaction timeout is 1 to ${limits.transactionTimeoutMsMax} milliseconds, not ${timeoutMs}.`;
    throw new MillraceError('INVALID_TRANSACTION_TIMEOUT', detail);
  }
  const { state, next } = await broker.committer.inLine(id, () =>
    changeState(broker, id, async (state) => {
      const next = decideInitialize(state, timeoutMs);
      return { writes: [planTransactional(id, next)], done: { state, next } };
    }),
  );
  discardPartsOf(broker, id, state);
  return { epoch: next.epoch, timeoutMs };
}
