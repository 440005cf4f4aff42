/**
 * How long a replica in sync has been behind, as Kafka counts it for `replica.lag.time.max.ms`: the time since it last
 * held all that there was. A replica that always lacks the newest commits, but has what there was a moment ago, is in
 * step.
 *
 * One process's view of one replica of one ledger, made from the heads that it sees anyway. Values are immutable; time
 * is monotonic milliseconds.
 */
import { commitsEnd, heldUpTo, type LedgerView } from './ledger-view.ts';
import type { ReplicaId } from './replica-state.ts';

export interface Lag {
  /** The numbers that are compared are those of this epoch: an election gives some of them anew. */
  epoch: number;
  /** When the replica was last known to hold everything. */
  caughtUpMs: number;
  /** The end of the ledger at an earlier look, and when that was: once the replica is there, it was caught up then. */
  aim: number;
  aimMs: number;
}

/** The first look: whoever is in sync was caught up not long ago. */
export function startLag(view: LedgerView, nowMs: number): Lag {
  return { epoch: view.epoch, caughtUpMs: nowMs, aim: commitsEnd(view), aimMs: nowMs };
}

export function noteHead(lag: Lag, view: LedgerView, replica: ReplicaId, nowMs: number): Lag {
  if (lag.epoch !== view.epoch) return startLag(view, nowMs);
  const held = heldUpTo(view, replica);
  const end = commitsEnd(view);
  if (held >= end) return { epoch: view.epoch, caughtUpMs: nowMs, aim: end, aimMs: nowMs };
  if (held >= lag.aim) return { epoch: view.epoch, caughtUpMs: lag.aimMs, aim: end, aimMs: nowMs };
  return lag;
}

export function lagMs(lag: Lag, nowMs: number): number {
  return nowMs - lag.caughtUpMs;
}
