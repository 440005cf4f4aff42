/**
 * Takes a transactional id over, as Kafka's InitProducerId does: the epoch goes up by one, every process with an older
 * one is fenced from then on, and what it had open is aborted. A call whose answer was lost may be repeated; it costs
 * an epoch, unless the caller says who it is.
 */
import { decideInitialize } from '../../coordination/transactions/decide.ts';
import { checkTransactionalId } from '../../coordination/transactions/ids.ts';
import { producerOf } from '../../coordination/transactions/producer.ts';
import {
  type ProducerIdentity,
  planTransactional,
  type TransactionalState,
} from '../../coordination/transactions/transactional-item.ts';
import { assert, unreachable } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Write } from '../../kernel/items.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import type { Broker } from '../broker.ts';
import { planTransactionalEntry } from './transactional-directory.ts';
import { changeState, discardPartsOf, type StateStep, throwRefusal } from './transactional-states.ts';

export interface InitializeRequest {
  transactionalId: string;
  /** How long a transaction of the id may be open; 1 to `transactionLimits.transactionTimeoutMsMax`. */
  timeoutMs?: number;
  /**
   * Who asks, where that is a producer that goes on after an error and has an epoch already: it gets its next one, once
   * however often it asks, unless another has taken the id over.
   */
  expected?: ProducerIdentity;
}

export interface Initialized {
  /** Of the transactional id; only goes up. */
  epoch: number;
  timeoutMs: number;
  /** The same for Kafka's clients: an id with epochs of 16 bits, another one when these run out. */
  producer: ProducerIdentity;
}

/** Throws `INVALID_TRANSACTION_TIMEOUT`, `PRODUCER_FENCED`, or `INVALID_REQUEST` for an id that is none. */
export async function initializeTransactions(broker: Broker, request: InitializeRequest): Promise<Initialized> {
  const { transactionalId: id, timeoutMs = transactionLimits.transactionTimeoutMsDefault } = request;
  checkTransactionalId(id);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > transactionLimits.transactionTimeoutMsMax) {
    const detail = `A transaction timeout is 1 to ${transactionLimits.transactionTimeoutMsMax} milliseconds, not ${timeoutMs}.`;
    throw new MillraceError('INVALID_TRANSACTION_TIMEOUT', detail);
  }
  let producerId: number | undefined;
  const { replaced, now } = await broker.committer.inLine(id, () =>
    changeState(broker, id, async (state): Promise<StateStep<Taken>> => {
      const decide = () => decideInitialize(state, { timeoutMs, expected: request.expected, producerId });
      let decision = decide();
      // Once: with an id it is not asked for another.
      while (decision.decision === 'needs-producer-id') {
        producerId = await broker.producerIds.next();
        decision = decide();
      }
      switch (decision.decision) {
        case 'initialize':
          return { writes: writesOf(id, state, decision.next), done: { replaced: state, now: decision.next } };
        case 'repeat':
          return { done: { now: state as TransactionalState } };
        case 'refuse':
          return throwRefusal(broker, id, decision);
        default:
          return unreachable(decision);
      }
    }),
  );
  discardPartsOf(broker, id, replaced);
  const producer = producerOf(now);
  assert(producer !== undefined, 'who is initialized has a producer id');
  return { epoch: now.epoch, timeoutMs: now.timeoutMs, producer };
}

/** An id is listed from its first producer on. */
function writesOf(id: string, state: TransactionalState | undefined, next: TransactionalState): Write[] {
  const change = planTransactional(id, next);
  return state?.producer === undefined ? [change, planTransactionalEntry(id)] : [change];
}

interface Taken {
  replaced?: TransactionalState;
  now: TransactionalState;
}
