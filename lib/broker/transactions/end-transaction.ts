/**
 * Ends the transaction that a producer has open, as Kafka's protocol names it: by the producer, without a number. With
 * `raises` the end gives the producer its next epoch (KIP-890), in the very write that commits or aborts.
 */
import type { Caller } from '../../coordination/transactions/decide.ts';
import { decideEnd, type EndAs } from '../../coordination/transactions/decide-end.ts';
import { checkTransactionalId } from '../../coordination/transactions/ids.ts';
import type { Raise } from '../../coordination/transactions/next-epoch.ts';
import {
  type ProducerIdentity,
  planTransactional,
  type TransactionalState,
} from '../../coordination/transactions/transactional-item.ts';
import { assert, unreachable } from '../../kernel/assert.ts';
import { withEffect } from '../../kernel/errors.ts';
import type { Broker } from '../broker.ts';
import { commitTransaction } from './commit-transaction.ts';
import { changeState, discardPartsOf, type StateStep, throwRefusal } from './transactional-states.ts';

export interface EndRequest {
  transactionalId: string;
  producer: ProducerIdentity;
  as: EndAs;
  /** Whether the producer's epoch goes up by it. */
  raises: boolean;
}

/**
 * Who goes on: the producer itself, or what it is called from now on. Throws `INVALID_PRODUCER_ID_MAPPING`,
 * `PRODUCER_FENCED`, `INVALID_TXN_STATE` where there is nothing to end so, and what keeps a transaction from being
 * committed, which leaves it open.
 */
export async function endTransaction(broker: Broker, request: EndRequest): Promise<ProducerIdentity> {
  const { transactionalId, raises } = request;
  checkTransactionalId(transactionalId);
  const found = await decideAndClose(broker, request);
  if (found.commit === undefined) return found.producer;
  // Whatever has happened to it since is found out by its number.
  const { caller, raise } = found.commit;
  const { repeated } = await commitTransaction(broker, { transactionalId, caller, ...(raise && { raise }) });
  if (!raises || !repeated) return found.producer;
  // Another request has committed it: which producer goes on, if it is still this one, says the state.
  const again = await decideAndClose(broker, request).catch((error: unknown) => {
    throw withEffect(error, 'unknown');
  });
  assert(again.commit === undefined, 'what is committed is not open');
  return again.producer;
}

interface Found {
  producer: ProducerIdentity;
  /** What is still to be committed. */
  commit?: { caller: Caller; raise?: Raise };
}

/** Aborts, or ends what has nothing in it, which is a write of the state alone; or says what is to be committed. */
async function decideAndClose(broker: Broker, request: EndRequest): Promise<Found> {
  const { transactionalId: id, producer, as, raises } = request;
  let producerId: number | undefined;
  const { found, replaced } = await broker.committer.inLine(id, () =>
    changeState(broker, id, async (state): Promise<StateStep<{ found: Found; replaced?: TransactionalState }>> => {
      const raise = () => raises && { raise: { ...(producerId !== undefined && { producerId }) } };
      const decide = () => decideEnd(state, producer, { as, nowMs: broker.clock.now(), ...raise() });
      let decision = decide();
      // Once: with an id it is not asked for another.
      while (decision.decision === 'needs-producer-id') {
        producerId = await broker.producerIds.next();
        decision = decide();
      }
      switch (decision.decision) {
        case 'commit':
          return { done: { found: { producer: decision.producer, commit: { caller: decision.caller, ...raise() } } } };
        case 'close': {
          const done = { found: { producer: decision.producer }, ...(state !== undefined && { replaced: state }) };
          return { writes: [planTransactional(id, decision.next)], done };
        }
        case 'repeat':
          return { done: { found: { producer: decision.producer } } };
        case 'refuse':
          return throwRefusal(broker, id, decision, state?.parts);
        default:
          return unreachable(decision);
      }
    }),
  );
  discardPartsOf(broker, id, replaced);
  return found;
}
