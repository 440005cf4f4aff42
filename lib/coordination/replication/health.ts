/**
 * A replica's health as one process sees it: judged from what real requests came to, never from one of them.
 *
 * - *Healthy*: the last request succeeded, or nothing is known.
 * - *Suspect*: requests fail, but too few or for too short a time. Nothing follows from it.
 * - *Failed*: at least `replicaFailuresMin` in a row failed over at least `replicaFailingMsMin`; or some have been
 *   without an answer for `replicaSilentMsMax`, at least `replicaSilentCallsMin` with those that failed before.
 * - *Recovering*: failed, and requests succeed again, but too few or for too short a time.
 *
 * A replica that nobody sends anything to does not recover by itself: it must be probed.
 *
 * Only outcomes that speak of the replica count: a bucket that throttles is alive, and a mistake of ours is no failure
 * of its. Values are immutable; time is monotonic milliseconds.
 */
import { replicationLimits } from '../../kernel/limits/replication.ts';

export type Verdict = 'healthy' | 'suspect' | 'failed' | 'recovering';

export type RequestOutcome =
  | 'success'
  | 'failure'
  /** Refused for now: the replica answers, and neither proves nor loses its health. */
  | 'throttled';

export interface ReplicaHealth {
  verdict: Verdict;
  /** Of the outcomes of the present kind in a row: how many, and when the first was. */
  inARow: number;
  sinceMs: number;
}

export const HEALTHY: ReplicaHealth = { verdict: 'healthy', inARow: 0, sinceMs: 0 };

export function noteOutcome(health: ReplicaHealth, outcome: RequestOutcome, nowMs: number): ReplicaHealth {
  switch (outcome) {
    case 'throttled':
      return health;
    case 'success':
      return noteSuccess(health, nowMs);
    case 'failure':
      return noteFailure(health, nowMs);
  }
}

/** `startedMs`: when the requests began that have no answer yet, without those begun before the last success. */
export function noteSilence(health: ReplicaHealth, startedMs: readonly number[], nowMs: number): ReplicaHealth {
  const silent = startedMs.filter((since) => nowMs - since >= replicationLimits.replicaSilentMsMax);
  const evidence = silent.length + (health.verdict === 'suspect' ? health.inARow : 0);
  if (health.verdict === 'failed' || silent.length === 0 || evidence < replicationLimits.replicaSilentCallsMin)
    return health;
  return { verdict: 'failed', inARow: evidence, sinceMs: Math.min(...silent) };
}

/** Whether the replica may be counted on: to lead, to be waited for, or to join. */
export function isAlive({ verdict }: ReplicaHealth): boolean {
  return verdict === 'healthy' || verdict === 'suspect';
}

function noteSuccess(health: ReplicaHealth, nowMs: number): ReplicaHealth {
  const { verdict, inARow, sinceMs } = health;
  if (verdict === 'healthy') return health;
  if (verdict === 'suspect') return HEALTHY;
  if (verdict === 'failed') return { verdict: 'recovering', inARow: 1, sinceMs: nowMs };
  const successes = inARow + 1;
  const recovered =
    successes >= replicationLimits.replicaSuccessesMin && nowMs - sinceMs >= replicationLimits.replicaRecoveringMsMin;
  return recovered ? HEALTHY : { verdict, inARow: successes, sinceMs };
}

function noteFailure({ verdict, inARow, sinceMs }: ReplicaHealth, nowMs: number): ReplicaHealth {
  if (verdict === 'healthy') return { verdict: 'suspect', inARow: 1, sinceMs: nowMs };
  // It has not been healthy since it failed, and still is not.
  if (verdict === 'recovering') return { verdict: 'failed', inARow: 1, sinceMs: nowMs };
  const failures = inARow + 1;
  const failed =
    failures >= replicationLimits.replicaFailuresMin && nowMs - sinceMs >= replicationLimits.replicaFailingMsMin;
  return { verdict: failed ? 'failed' : verdict, inARow: failures, sinceMs };
}
