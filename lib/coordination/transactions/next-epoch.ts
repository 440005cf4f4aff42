/**
 * The next epoch for a producer that ends its transaction (KIP-890): with every commit and abort whatever it sent
 * before is too old. So a request of a transaction that has ended, however late it comes, is never taken for one of the
 * next. The end and the epoch are one write of the state, so that nobody ever meets one without the other.
 *
 * Of the transaction that has ended the state keeps its number, what became of it, and the producer as it was: who asks
 * for the end once more is answered as the first time, until the next transaction begins.
 */
import { isExhausted, producerOf } from './producer.ts';
import type { TransactionalState } from './transactional-item.ts';

export interface Raise {
  /** A producer id that nobody has, once there must be one. */
  producerId?: number;
}

/** `undefined` where the producer id has no epoch left, and there is no other. */
export function withNextEpoch(ended: TransactionalState, { producerId }: Raise): TransactionalState | undefined {
  const previous = producerOf(ended);
  if (previous === undefined) return undefined;
  const epoch = ended.epoch + 1;
  let { producer } = ended;
  if (isExhausted(previous)) {
    if (producerId === undefined) return undefined;
    producer = { id: producerId, firstEpoch: epoch };
  }
  // The sequences of the new epoch begin at 0.
  const { enlisted: _, ...rest } = ended;
  return { ...rest, epoch, number: -1, endedNumber: ended.number, previous, ...(producer && { producer }) };
}
