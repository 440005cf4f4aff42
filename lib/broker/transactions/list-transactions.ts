/** The transactional ids that were initialized, with what became of the newest transaction of each. */
import { expired } from '../../coordination/transactions/decide.ts';
import type { TransactionalState } from '../../coordination/transactions/transactional-item.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { readTransactionalIds } from './transactional-directory.ts';
import { readState } from './transactional-states.ts';

export interface ListedTransaction {
  transactionalId: string;
  /** One whose time is over shows as aborted. */
  state: TransactionalState;
}

/** `isWanted`: ids that it refuses are not looked at. */
export async function* listTransactions(
  broker: Broker,
  isWanted: (transactionalId: string) => boolean,
): AsyncGenerator<ListedTransaction> {
  for await (const ids of readTransactionalIds(broker.metadata)) {
    const wanted = ids.filter(isWanted);
    const states = await mapBounded(wanted, storageLimits.storageFanOutMax, (id) => readState(broker, id));
    for (const [at, state] of states.entries()) {
      if (state === undefined) continue;
      yield { transactionalId: wanted[at] as string, state: expired(state, broker.clock.now()) };
    }
  }
}
