/**
 * Aborts a transaction: what was added to it never appears. There is nothing to undo, since nothing was sequenced; the
 * bytes are the sweeper's. Aborting it again is harmless, and so is aborting one that has timed out.
 */
import { type Caller, decideAbort } from '../../coordination/transactions/decide.ts';
import { checkTransactionalId } from '../../coordination/transactions/ids.ts';
import { planTransactional, type TransactionalState } from '../../coordination/transactions/transactional-item.ts';
import type { Broker } from '../broker.ts';
import { changeState, discardPartsOf, type StateStep, throwRefusal } from './transactional-states.ts';

export interface AbortRequest {
  transactionalId: string;
  caller: Caller;
}

export async function abortTransaction(broker: Broker, request: AbortRequest): Promise<void> {
  const { transactionalId: id, caller } = request;
  checkTransactionalId(id);
  const replaced = await broker.committer.inLine(id, () =>
    changeState(broker, id, async (state): Promise<StateStep<TransactionalState | undefined>> => {
      const decision = decideAbort(state, caller);
      switch (decision.decision) {
        case 'abort':
          return { writes: [planTransactional(id, decision.next)], done: state };
        case 'repeat':
          return { done: undefined };
        case 'refuse':
          return throwRefusal(broker, id, decision, state?.parts);
      }
    }),
  );
  discardPartsOf(broker, id, replaced);
}
