/**
 * What is known of a transactional id, in one item. Every write of it is conditioned on the version that was read, and the
 * write that commits a transaction is one of the same atomic write as its records and offsets: the item decides which of
 * several processes commits, and says afterwards that it was done.
 *
 * Key: `transactional#<id>` / `state`. Attributes:
 *
 *     v   number  version, + 1 with every write
 *     e   number  the producer epoch; −1 where none was ever named
 *     n   number  the newest transaction of that epoch; −1 = none yet
 *     s   string  what became of it: `empty` (there is none), `ongoing`, `committed`, `aborted`
 *     d   number  `transaction.timeout.ms`
 *     b   number  of an ongoing transaction: when it began, ms
 *     k   number  of an ongoing transaction: the parts it has so far
 *     y   string  of an aborted one: why (`asked`, `timed-out`)
 *     x   bytes   8 random bytes of whoever committed last, by which a writer whose answer was lost knows itself
 *     a   bytes   the receipt of the newest transaction, where that is committed (receipt.ts)
 *     p   number  the producer id that was handed out with the id; absent where it was never initialized
 *     o   number  the epoch `e` at which the epochs of `p` begin: Kafka's are of 16 bits, ours go on (producer.ts)
 *     q   number  where whoever has `p` was given its epoch in place of another: that one's producer id …
 *     z   number  … and its epoch, as Kafka counts it
 *     l   number  where the end of a transaction has given out the epoch: the number of that transaction, which was of the epoch
 *                 before. `s`, `a` and `y` are of it until the next one begins
 *     w   bytes   the partitions that the epoch's producer has named, with its sequences (enlisted.ts); absent where it has
 *                 named none, as over HTTP, where nobody does
 */
import { assert } from '../../kernel/assert.ts';
import { EMPTY_BYTES } from '../../kernel/bytes.ts';
import type { Attributes, ItemKey, Write } from '../../kernel/items.ts';
import { type EnlistedPartition, packEnlisted, unpackEnlisted } from './enlisted.ts';

export const TRANSACTION_STATUSES = ['empty', 'ongoing', 'committed', 'aborted'] as const;
export type TransactionStatus = (typeof TRANSACTION_STATUSES)[number];

export const ABORT_REASONS = ['asked', 'timed-out'] as const;
export type AbortReason = (typeof ABORT_REASONS)[number];

export interface TransactionalState {
  version: number;
  epoch: number;
  number: number;
  status: TransactionStatus;
  timeoutMs: number;
  begunMs: number;
  parts: number;
  abortReason?: AbortReason;
  /** Empty before the first commit. */
  token: Uint8Array;
  receipt?: Uint8Array;
  /** The producer id that was handed out, and the epoch of the transactional id that is its epoch 0. */
  producer?: { id: number; firstEpoch: number };
  /** What the producer had before it was given the newest epoch itself; nobody else has taken the id over since. */
  previous?: ProducerIdentity;
  /**
   * The number of the transaction whose end has raised the epoch (next-epoch.ts), which was of the epoch before. What
   * is said of the newest transaction is said of it, until the next one begins.
   */
  endedNumber?: number;
  /** What the newest epoch's producer has named, over all its transactions. */
  enlisted?: readonly EnlistedPartition[];
}

/** A producer as Kafka names it: an id of 64 bits, of which we use those that are safe integers, and an epoch of 16. */
export interface ProducerIdentity {
  id: number;
  epoch: number;
}

export function transactionalPartitionKey(id: string): string {
  return `transactional#${id}`;
}

export function transactionalKey(id: string): ItemKey {
  return { pk: transactionalPartitionKey(id), sk: 'state' };
}

/** An id that nobody has used. */
export function newTransactionalState(timeoutMs: number): TransactionalState {
  return {
    version: 0,
    epoch: -1,
    number: -1,
    status: 'empty',
    timeoutMs,
    begunMs: 0,
    parts: 0,
    token: EMPTY_BYTES,
  };
}

export function encodeTransactional(state: TransactionalState): Attributes {
  return {
    v: state.version,
    e: state.epoch,
    n: state.number,
    s: state.status,
    d: state.timeoutMs,
    b: state.begunMs,
    k: state.parts,
    x: state.token,
    ...(state.abortReason !== undefined && { y: state.abortReason }),
    ...(state.receipt !== undefined && { a: state.receipt }),
    ...(state.producer !== undefined && { p: state.producer.id, o: state.producer.firstEpoch }),
    ...(state.previous !== undefined && { q: state.previous.id, z: state.previous.epoch }),
    ...(state.endedNumber !== undefined && { l: state.endedNumber }),
    ...(state.enlisted !== undefined && { w: packEnlisted(state.enlisted) }),
  };
}

export function decodeTransactional(attributes: Attributes): TransactionalState {
  const { s: status, x: token, y: abortReason, a: receipt, w: enlisted } = attributes;
  assert(isOneOf(TRANSACTION_STATUSES, status), 'a transactional id has a status that is one');
  assert(token instanceof Uint8Array, 'a transactional id has a token');
  assert(abortReason === undefined || isOneOf(ABORT_REASONS, abortReason), 'an abort has a reason that is one');
  assert(receipt === undefined || receipt instanceof Uint8Array, 'a receipt is bytes');
  assert(enlisted === undefined || enlisted instanceof Uint8Array, 'a list of partitions is bytes');
  return {
    version: numberAt(attributes, 'v'),
    epoch: numberAt(attributes, 'e'),
    number: numberAt(attributes, 'n'),
    status,
    timeoutMs: numberAt(attributes, 'd'),
    begunMs: numberAt(attributes, 'b'),
    parts: numberAt(attributes, 'k'),
    token,
    ...(abortReason !== undefined && { abortReason }),
    ...(receipt !== undefined && { receipt }),
    ...('p' in attributes && { producer: { id: numberAt(attributes, 'p'), firstEpoch: numberAt(attributes, 'o') } }),
    ...('q' in attributes && { previous: { id: numberAt(attributes, 'q'), epoch: numberAt(attributes, 'z') } }),
    ...('l' in attributes && { endedNumber: numberAt(attributes, 'l') }),
    ...(enlisted !== undefined && { enlisted: unpackEnlisted(enlisted) }),
  };
}

/** Replaces the state that `next` was made from, if it is still that. */
export function planTransactional(id: string, next: TransactionalState): Write & { kind: 'put' } {
  return {
    kind: 'put',
    key: transactionalKey(id),
    attributes: encodeTransactional(next),
    conditions:
      next.version === 1
        ? [{ clause: 'item-absent' }]
        : [{ clause: 'equals', attribute: 'v', value: next.version - 1 }],
  };
}

function numberAt(attributes: Attributes, name: string): number {
  const value = attributes[name];
  assert(typeof value === 'number', `transactional attribute ${name} is a number`);
  return value;
}

function isOneOf<T extends string>(options: readonly T[], value: unknown): value is T {
  return options.includes(value as T);
}
