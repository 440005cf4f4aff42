/** Reading and changing the state of a transactional id: decide, write on the condition of what was read, decide again. */

import type { Refused } from '../../coordination/transactions/decide.ts';
import { refusalError } from '../../coordination/transactions/refusal-error.ts';
import {
  decodeTransactional,
  planTransactional,
  type TransactionalState,
  transactionalKey,
} from '../../coordination/transactions/transactional-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Broker } from '../broker.ts';

export async function readState(broker: Broker, id: string): Promise<TransactionalState | undefined> {
  const item = await broker.metadata.get(transactionalKey(id), 'strong');
  return item === undefined ? undefined : decodeTransactional(item);
}

/** Throws the refusal. What it makes known (a timeout) is noted first, as far as that succeeds: the next caller finds it too. */
export async function throwRefusal(broker: Broker, id: string, { refusal, next }: Refused): Promise<never> {
  if (next !== undefined) {
    try {
      await broker.metadata.write([planTransactional(id, next)]);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      broker.log.warn('The timeout of a transaction could not be noted', { transactionalId: id, error });
    }
  }
  throw refusalError(id, refusal);
}
