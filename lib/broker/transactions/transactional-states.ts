/**
 * Reading and changing the state of a transactional id: decide, write on the condition of what was read, decide again.
 */

import type { Refused } from '../../coordination/transactions/decide.ts';
import { partKey, type TransactionId } from '../../coordination/transactions/part-item.ts';
import { refusalError } from '../../coordination/transactions/refusal-error.ts';
import {
  decodeTransactional,
  planTransactional,
  type TransactionalState,
  transactionalKey,
} from '../../coordination/transactions/transactional-item.ts';
import type { Write } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { decideAgain } from '../write-attempts.ts';

export async function readState(broker: Broker, id: string): Promise<TransactionalState | undefined> {
  const item = await broker.metadata.get(transactionalKey(id), 'strong');
  return item === undefined ? undefined : decodeTransactional(item);
}

/**
 * Throws the refusal. What it makes known, a timeout, is noted first: by another clock the transaction may have time
 * left, and be committed at this moment. `again` where the state is not that any more upon which the refusal was
 * decided: then nothing of the kind can be said.
 */
export async function throwRefusal(
  broker: Broker,
  id: string,
  { refusal, next }: Refused,
  parts = 0,
): Promise<'again'> {
  if (next !== undefined) {
    const { outcome } = await broker.metadata.write([planTransactional(id, next)]);
    if (outcome !== 'applied') return 'again';
    discardParts(broker, { id, ...next }, parts);
  }
  throw refusalError(id, refusal);
}

/**
 * What a look at the state comes to: writes that are conditioned on it, or nothing to write; or that it is to be looked
 * at again.
 */
export type StateStep<T> = { writes: readonly Write[]; done: T } | { writes?: undefined; done: T } | 'again';

/**
 * Decides upon the state and writes, until the write meets the state that was decided upon. An attempt whose answer was
 * lost shows in the state that the next one reads.
 */
export function changeState<T>(
  broker: Broker,
  id: string,
  decide: (state: TransactionalState | undefined) => Promise<StateStep<T>>,
): Promise<T> {
  return decideAgain(`change of the transactional id ${JSON.stringify(id)}`, async () => {
    const step = await decide(await readState(broker, id));
    if (step === 'again') return 'again';
    if (step.writes === undefined) return { done: step.done };
    const result = await broker.metadata.write(step.writes);
    return result.outcome === 'applied' ? { done: step.done } : 'again';
  });
}

/** Deletes the parts of a transaction that has ended, in the background: they are litter, and nothing depends on it. */
export function discardParts(broker: Broker, transaction: TransactionId, parts: number): void {
  if (parts === 0) return;
  const numbers = Array.from({ length: parts }, (_, part) => part);
  const deletion = mapBounded(numbers, storageLimits.storageFanOutMax, (part) =>
    broker.metadata.write([{ kind: 'delete', key: partKey(transaction, part) }]),
  );
  const logged = (error: unknown) =>
    broker.log.warn('Parts of a transaction that has ended are left behind', { ...transaction, error });
  broker.background.add(deletion.then(() => {}, logged));
}

/** Likewise, of a state that has been replaced, the parts of what was open in it. */
export function discardPartsOf(broker: Broker, id: string, replaced: TransactionalState | undefined): void {
  if (replaced?.status === 'ongoing') discardParts(broker, { id, ...replaced }, replaced.parts);
}
