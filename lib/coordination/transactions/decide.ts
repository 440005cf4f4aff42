/**
 * What may happen to the transactions of a transactional id: pure decisions over its state.
 *
 * A caller names its epoch and the transaction's number. Rules:
 * - Of an id, only the newest epoch may do anything. In the one-request form the caller declares its epochs, and a
 *   newer one takes the id over; in the long form `initialize` hands them out, and any other is fenced.
 * - An epoch's transactions are numbered from 0 without gaps. Of an id that no epoch was ever named for, any first
 *   number is taken: there is nothing to compare it with.
 * - Only the newest transaction's answer is kept. Repeating it gives that answer; a number before it is refused.
 * - An ongoing transaction ends by commit or abort, by a newer epoch, or by its timeout. The timeout needs nobody to
 *   watch for it: nothing waits for an open transaction, so it is enough that whoever comes next finds it over.
 *
 * `next` is the state to write; it is conditioned on the one that was decided upon.
 */
import { assert } from '../../kernel/assert.ts';
import { PRODUCER_EPOCH_MAX } from '../producers/producer-id-item.ts';
import { type Raise, withNextEpoch } from './next-epoch.ts';
import { isExhausted, isSameProducer, producerOf } from './producer.ts';
import type { AbortReason, ProducerIdentity, TransactionalState } from './transactional-item.ts';
import { newTransactionalState } from './transactional-item.ts';

/** Who calls, as its producer epoch, and about which transaction of that epoch. */
export interface Caller {
  epoch: number;
  number: number;
}

export type Refusal =
  | { reason: 'not-initialized' }
  | { reason: 'old-epoch'; epoch: number; newest: number }
  | { reason: 'fenced'; epoch: number; newest: number }
  | { reason: 'gap'; what: 'transaction' | 'part'; expected: number }
  | { reason: 'old-number'; newest: number }
  | { reason: 'ongoing'; number: number }
  | { reason: 'not-ongoing'; number: number; status: 'committed' | 'aborted' | 'none'; abortReason?: AbortReason }
  /** `limit` is its name among the limits of transactions. */
  | { reason: 'too-many-parts'; limit: 'transactionPartsMax' | 'producerPartsMax' }
  /** Of Kafka's producers, who are to begin anew after that. */
  | { reason: 'timed-out'; number: number }
  | { reason: 'too-many-partitions' };

export type Refused = {
  decision: 'refuse';
  refusal: Refusal;
  /** Where the refusal is of something to note: a transaction that has timed out. */
  next?: TransactionalState;
};

/** In one request: the next transaction is committed, or it was. */
export type TransactDecision =
  | { decision: 'commit'; next: TransactionalState }
  | { decision: 'repeat'; receipt: Uint8Array }
  | Refused;

/** `next` lacks the token and the receipt of the transaction that is about to be committed. */
export function decideTransact(
  state: TransactionalState | undefined,
  caller: Caller | undefined,
  now: { nowMs: number; timeoutMs: number },
): TransactDecision {
  const known = state ?? newTransactionalState(now.timeoutMs);
  const open = known.status === 'ongoing' && !isTimedOut(known, now.nowMs);
  if (caller === undefined) {
    if (open) return refuse({ reason: 'ongoing', number: known.number });
    return { decision: 'commit', next: changed(expired(known, now.nowMs), {}) };
  }
  const { epoch, number } = caller;
  if (epoch < known.epoch) return refuse({ reason: 'old-epoch', epoch, newest: known.epoch });
  if (epoch > known.epoch) {
    if (known.epoch >= 0 && number !== 0) return refuse({ reason: 'gap', what: 'transaction', expected: 0 });
    return { decision: 'commit', next: committed(known, caller) };
  }
  if (number === known.number && known.status === 'committed') return repeatOf(known);
  if (number === known.number) return refuse(notOngoing(known, now.nowMs));
  if (number < known.number) return refuse({ reason: 'old-number', newest: known.number });
  if (number > known.number + 1) return refuse({ reason: 'gap', what: 'transaction', expected: known.number + 1 });
  if (open) return refuse({ reason: 'ongoing', number: known.number });
  return { decision: 'commit', next: committed(known, caller) };
}

export interface Initialization {
  timeoutMs: number;
  /** Who asks, where that is a producer that goes on after an error: it wants its own next epoch, or none. */
  expected?: ProducerIdentity;
  /** A producer id that nobody has, once there must be one. */
  producerId?: number;
}

export type InitializeDecision =
  | { decision: 'initialize'; next: TransactionalState }
  /** An earlier call of the same producer has come through: its answer is what the state says. */
  | { decision: 'repeat' }
  | { decision: 'needs-producer-id' }
  | Refused;

/**
 * Takes the id over: every older epoch is fenced, and what it had open is aborted. A producer that says who it is does
 * so only for itself: where another has taken the id over since, it is fenced (KIP-360).
 */
export function decideInitialize(
  state: TransactionalState | undefined,
  { timeoutMs, expected, producerId }: Initialization,
): InitializeDecision {
  const known = state ?? newTransactionalState(timeoutMs);
  const current = producerOf(known);
  if (expected !== undefined && current !== undefined && !isSameProducer(current, expected)) {
    if (isSameProducer(known.previous, expected)) return { decision: 'repeat' };
    return refuse({ reason: 'fenced', epoch: expected.epoch, newest: current.epoch });
  }
  const epoch = known.epoch + 1;
  let { producer } = known;
  if (current === undefined || isExhausted(current)) {
    if (producerId === undefined) return { decision: 'needs-producer-id' };
    producer = { id: producerId, firstEpoch: epoch };
  }
  const { previous: _, enlisted: _enlisted, ...rest } = known;
  const previous = expected !== undefined && current !== undefined ? { previous: expected } : {};
  const begun = { epoch, number: -1, status: 'empty' as const, timeoutMs, begunMs: 0, parts: 0 };
  return { decision: 'initialize', next: changed({ ...rest, ...previous }, { ...begun, producer }) };
}

export type AddDecision =
  | { decision: 'add'; next: TransactionalState }
  /** The part is there already: an earlier attempt, whose answer was lost, has come through. */
  | { decision: 'repeat' }
  | Refused;

/** One more part of a transaction; the first one begins it. */
export function decideAdd(
  state: TransactionalState | undefined,
  caller: Caller,
  { part, partsMax, nowMs }: { part: number; partsMax: number; nowMs: number },
): AddDecision {
  const fence = fenced(state, caller);
  if (fence !== undefined || state === undefined) return refuse(fence ?? { reason: 'not-initialized' });
  const open = state.status === 'ongoing' && !isTimedOut(state, nowMs);
  if (caller.number === state.number) {
    if (!open) return timedOutOr(state, nowMs);
    if (part < state.parts) return { decision: 'repeat' };
    if (part > state.parts) return refuse({ reason: 'gap', what: 'part', expected: state.parts });
    if (part >= partsMax) return refuse({ reason: 'too-many-parts', limit: 'transactionPartsMax' });
    return { decision: 'add', next: changed(state, { parts: part + 1 }) };
  }
  if (caller.number < state.number) return refuse({ reason: 'not-ongoing', number: caller.number, status: 'none' });
  if (caller.number > state.number + 1) {
    return refuse({ reason: 'gap', what: 'transaction', expected: state.number + 1 });
  }
  if (open) return refuse({ reason: 'ongoing', number: state.number });
  if (part !== 0) return refuse({ reason: 'gap', what: 'part', expected: 0 });
  const begun = { number: caller.number, status: 'ongoing' as const, begunMs: nowMs, parts: 1 };
  return { decision: 'add', next: changed(state, begun) };
}

export type EndDecision =
  | { decision: 'commit'; next: TransactionalState }
  | { decision: 'repeat'; receipt: Uint8Array }
  | Refused;

/**
 * Commits what was added; with `raise` its producer gets its next epoch by it. `next` lacks the token and the receipt.
 */
export function decideCommit(
  state: TransactionalState | undefined,
  caller: Caller,
  { nowMs, raise }: { nowMs: number; raise?: Raise },
): EndDecision {
  if (state?.status === 'committed' && hasRaised(state, caller)) return repeatOf(state);
  const fence = fenced(state, caller);
  if (fence !== undefined || state === undefined) return refuse(fence ?? { reason: 'not-initialized' });
  if (caller.number !== state.number) {
    return refuse({ reason: 'not-ongoing', number: caller.number, status: 'none' });
  }
  if (state.status === 'committed') return repeatOf(state);
  if (state.status !== 'ongoing' || isTimedOut(state, nowMs)) return timedOutOr(state, nowMs);
  const ended = committed(state, caller);
  if (raise === undefined) return { decision: 'commit', next: ended };
  const next = withNextEpoch(ended, raise);
  assert(next !== undefined, 'who raises an epoch has looked whether there is another');
  return { decision: 'commit', next };
}

export type AbortDecision = { decision: 'abort'; next: TransactionalState } | { decision: 'repeat' } | Refused;

/**
 * Ends a transaction without its records. One that was never begun may be aborted too, which spends its number: a first
 * part that is still on its way can then begin it no more.
 */
export function decideAbort(state: TransactionalState | undefined, caller: Caller): AbortDecision {
  const fence = fenced(state, caller);
  if (fence !== undefined || state === undefined) return refuse(fence ?? { reason: 'not-initialized' });
  const next = () => changed(state, { number: caller.number, status: 'aborted', abortReason: 'asked', parts: 0 });
  if (caller.number === state.number) {
    if (state.status === 'aborted') return { decision: 'repeat' };
    if (state.status === 'ongoing') return { decision: 'abort', next: next() };
    return refuse({ reason: 'not-ongoing', number: caller.number, status: 'committed' });
  }
  if (caller.number < state.number) return refuse({ reason: 'not-ongoing', number: caller.number, status: 'none' });
  if (caller.number > state.number + 1) {
    return refuse({ reason: 'gap', what: 'transaction', expected: state.number + 1 });
  }
  if (state.status === 'ongoing') return refuse({ reason: 'ongoing', number: state.number });
  return { decision: 'abort', next: next() };
}

/** Ends a transaction whose bytes the sweeper has given up: it was open for far longer than any timeout. */
export function decideExpire(state: TransactionalState): TransactionalState {
  return changed(state, { status: 'aborted', abortReason: 'timed-out', parts: 0 });
}

/** As a reader of the state sees it: an ongoing transaction whose time is over is aborted. */
export function expired(state: TransactionalState, nowMs: number): TransactionalState {
  if (!isTimedOut(state, nowMs)) return state;
  return { ...state, status: 'aborted', abortReason: 'timed-out', parts: 0 };
}

export function isTimedOut(state: TransactionalState, nowMs: number): boolean {
  return state.status === 'ongoing' && nowMs - state.begunMs >= state.timeoutMs;
}

/** Whether the state's epoch is the one that the end of this transaction has given out. */
function hasRaised({ epoch, endedNumber }: TransactionalState, caller: Caller): boolean {
  return endedNumber === caller.number && caller.epoch === epoch - 1;
}

/** In the long form the epoch is the one that `initialize` gave out last, and no other. */
function fenced(state: TransactionalState | undefined, { epoch }: Caller): Refusal | undefined {
  if (state === undefined || state.epoch < 0) return { reason: 'not-initialized' };
  return epoch === state.epoch ? undefined : { reason: 'fenced', epoch, newest: state.epoch };
}

function timedOutOr(state: TransactionalState, nowMs: number): Refused {
  const refusal = notOngoing(state, nowMs);
  return isTimedOut(state, nowMs)
    ? { decision: 'refuse', refusal, next: decideExpire(state) }
    : { decision: 'refuse', refusal };
}

function notOngoing(state: TransactionalState, nowMs: number): Refusal {
  const { number, status, abortReason } = expired(state, nowMs);
  if (status === 'ongoing') return { reason: 'ongoing', number };
  if (status === 'empty') return { reason: 'not-ongoing', number, status: 'none' };
  return { reason: 'not-ongoing', number, status, ...(abortReason !== undefined && { abortReason }) };
}

function repeatOf({ receipt, number }: TransactionalState): { decision: 'repeat'; receipt: Uint8Array } | Refused {
  if (receipt !== undefined) return { decision: 'repeat', receipt };
  return refuse({ reason: 'not-ongoing', number, status: 'committed' });
}

function committed(state: TransactionalState, { epoch, number }: Caller): TransactionalState {
  const next = changed(state, { epoch, number, status: 'committed', parts: 0 });
  if (epoch === state.epoch) return next;
  // Its epochs are declared by whoever calls, and the newest may be far beyond what a producer id has.
  const { previous: _, enlisted: _enlisted, producer, ...rest } = next;
  const fits = producer !== undefined && epoch - producer.firstEpoch < PRODUCER_EPOCH_MAX;
  return fits ? { ...rest, producer } : rest;
}

/** The state after a change; what is only of the transaction before goes with that. */
export function changed(state: TransactionalState, changes: Partial<TransactionalState>): TransactionalState {
  const { abortReason: _reason, receipt, endedNumber, ...rest } = state;
  const next = { ...rest, ...changes, version: state.version + 1 };
  const sameTransaction = next.epoch === state.epoch && next.number === state.number && next.status === state.status;
  if (!sameTransaction) return next;
  return {
    ...next,
    ...(receipt !== undefined && { receipt }),
    ...(endedNumber !== undefined && { endedNumber }),
    ...(state.abortReason !== undefined && { abortReason: state.abortReason }),
  };
}

export function refuse(refusal: Refusal): Refused {
  return { decision: 'refuse', refusal };
}
