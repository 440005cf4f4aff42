/**
 * How a producer of Kafka's protocol ends its transaction: a pure decision over the state of its transactional id.
 *
 * An end of clients before KIP-890 leaves the producer its epoch, and is answered in the same way until another transaction has begun.
 * One with `raise` gives it its next epoch (next-epoch.ts):
 *
 *                      abort                       commit
 *     ongoing          aborted                     committed
 *     empty            an epoch further            INVALID_TXN_STATE
 *     aborted          an epoch further            INVALID_TXN_STATE
 *     committed        an epoch further            INVALID_TXN_STATE
 *
 * and by the producer as it was before the newest epoch, which asks again: as the first time where it asks for the same, until the next
 * transaction has begun. A transaction that took too long counts as aborted: it can be aborted, and its producer goes on with the next
 * epoch. That a producer can abort what it has not begun is for those that don't know whether anything they sent has come.
 */
import { assert } from '../../kernel/assert.ts';
import { type Caller, changed, decideExpire, expired, isTimedOut, type Refused, refuse } from './decide.ts';
import { admitted, notOngoing } from './decide-producer.ts';
import { type Raise, withNextEpoch } from './next-epoch.ts';
import { isSameProducer, producerOf } from './producer.ts';
import type { ProducerIdentity, TransactionalState } from './transactional-item.ts';

export type EndAs = 'commit' | 'abort';

export type EndDecision =
  /** The transaction that is to be committed; `producer` goes on from there. */
  | { decision: 'commit'; caller: Caller; producer: ProducerIdentity }
  /** That it is over is all there is to write. */
  | { decision: 'close'; next: TransactionalState; producer: ProducerIdentity }
  /** It was ended so before, and `producer` was told to go on. */
  | { decision: 'repeat'; producer: ProducerIdentity }
  | { decision: 'needs-producer-id' }
  | Refused;

export interface Ending {
  as: EndAs;
  nowMs: number;
  /** The producer gets its next epoch by it. */
  raise?: Raise;
}

export function decideEnd(
  state: TransactionalState | undefined,
  producer: ProducerIdentity,
  { as, nowMs, raise }: Ending,
): EndDecision {
  if (raise !== undefined) return decideRaisingEnd(state, producer, { as, nowMs, raise });
  const known = admitted(state, producer, nowMs);
  if ('decision' in known) return known;
  if (known.status === statusAfter(as)) return { decision: 'repeat', producer };
  if (known.status !== 'ongoing') return notOngoing(known);
  if (as === 'commit' && known.parts > 0) return { decision: 'commit', caller: callerOf(known), producer };
  return { decision: 'close', next: ended(known, as), producer };
}

function decideRaisingEnd(
  state: TransactionalState | undefined,
  producer: ProducerIdentity,
  { as, nowMs, raise }: Ending & { raise: Raise },
): EndDecision {
  const newest = state && producerOf(state);
  if (state === undefined || newest === undefined) return refuse({ reason: 'not-initialized' });
  if (state.endedNumber !== undefined && isSameProducer(state.previous, producer)) {
    return state.status === statusAfter(as) ? { decision: 'repeat', producer: newest } : notOngoing(state);
  }
  if (newest.id !== producer.id) return refuse({ reason: 'not-initialized' });
  if (newest.epoch !== producer.epoch) return refuse({ reason: 'fenced', epoch: producer.epoch, newest: newest.epoch });
  if (as === 'commit' && isTimedOut(state, nowMs)) {
    return { ...notOngoing(expired(state, nowMs)), next: decideExpire(state) };
  }
  if (as === 'commit' && state.status !== 'ongoing') return notOngoing(state);
  const next = withNextEpoch(ended(state, as), raise);
  if (next === undefined) return { decision: 'needs-producer-id' };
  const goesOn = producerOf(next);
  assert(goesOn !== undefined, 'an epoch that is raised is of a producer');
  if (as === 'commit' && state.parts > 0) return { decision: 'commit', caller: callerOf(state), producer: goesOn };
  return { decision: 'close', next, producer: goesOn };
}

function statusAfter(as: EndAs): 'committed' | 'aborted' {
  return as === 'commit' ? 'committed' : 'aborted';
}

function ended(state: TransactionalState, as: EndAs): TransactionalState {
  const next = changed(state, { status: statusAfter(as), parts: 0 });
  return as === 'abort' ? { ...next, abortReason: 'asked' } : next;
}

function callerOf({ epoch, number }: TransactionalState): Caller {
  return { epoch, number };
}
