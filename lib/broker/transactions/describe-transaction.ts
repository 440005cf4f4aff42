/** What is known of a transactional id: its epoch, and its newest transaction. */
import { expired } from '../../coordination/transactions/decide.ts';
import { checkTransactionalId } from '../../coordination/transactions/ids.ts';
import type { TransactionalState } from '../../coordination/transactions/transactional-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Broker } from '../broker.ts';
import { readState } from './transactional-states.ts';

/** Throws `TRANSACTIONAL_ID_NOT_FOUND`. A transaction whose time is over shows as aborted. */
export async function describeTransaction(broker: Broker, id: string): Promise<TransactionalState> {
  checkTransactionalId(id);
  const state = await readState(broker, id);
  if (state === undefined) {
    throw new MillraceError('TRANSACTIONAL_ID_NOT_FOUND', `There is no transactional id ${JSON.stringify(id)}.`);
  }
  return expired(state, broker.clock.now());
}
