import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  HEALTHY,
  isAlive,
  noteOutcome,
  noteSilence,
  type ReplicaHealth,
  type RequestOutcome,
} from '../../../lib/coordination/replication/health.ts';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';

/** Outcomes one after the other, so many milliseconds apart. */
function after(outcomes: readonly RequestOutcome[], apartMs: number, from: ReplicaHealth = HEALTHY, startMs = 1_000) {
  return outcomes.reduce((health, outcome, index) => noteOutcome(health, outcome, startMs + index * apartMs), from);
}

const times = (count: number, outcome: RequestOutcome): RequestOutcome[] =>
  Array.from({ length: count }, () => outcome);
const failed = after(times(replicationLimits.replicaFailuresMin, 'failure'), replicationLimits.replicaFailingMsMin);

describe('a replica has failed', () => {
  test('after enough failures in a row over enough time', () => {
    expect(failed.verdict).toBe('failed');
    expect(isAlive(failed)).toBe(false);
  });

  test('not after many failures of one moment', () => {
    expect(after(times(500, 'failure'), 0).verdict).toBe('suspect');
  });

  test('not after few failures, however long they take', () => {
    expect(after(times(replicationLimits.replicaFailuresMin - 1, 'failure'), 60_000).verdict).toBe('suspect');
  });

  test('not while any request succeeds between', () => {
    const mixed = [...times(4, 'failure'), 'success', ...times(4, 'failure'), 'success'] as const;
    expect(after([...mixed, ...mixed], 5_000)).toEqual(HEALTHY);
  });

  test('not for being throttled', () => {
    expect(after(times(100, 'throttled'), 1_000)).toEqual(HEALTHY);
  });

  test('when several requests have been without an answer for long', () => {
    const longAgo = 1_000;
    const nowMs = longAgo + replicationLimits.replicaSilentMsMax;
    expect(noteSilence(HEALTHY, [longAgo, longAgo], nowMs).verdict).toBe('failed');
    expect(noteSilence(HEALTHY, [longAgo, longAgo + 1], nowMs).verdict).toBe('healthy');
  });

  test('when one request is silent after another has failed, not for a silent one alone', () => {
    const nowMs = replicationLimits.replicaSilentMsMax;
    expect(noteSilence(after(['failure'], 0), [0], nowMs).verdict).toBe('failed');
    expect(noteSilence(HEALTHY, [0], 10 ** 9)).toEqual(HEALTHY);
    expect(noteSilence(after(['failure'], 0), [], nowMs).verdict).toBe('suspect');
  });

  test('never on a single failure, whatever came before it while it was alive', () => {
    const outcome = fc.constantFrom<RequestOutcome>('success', 'failure', 'throttled');
    fc.assert(
      fc.property(fc.array(outcome), fc.integer({ min: 0, max: 100_000 }), (outcomes, apartMs) => {
        const health = after([...outcomes, 'success'], apartMs);
        fc.pre(isAlive(health));
        expect(isAlive(noteOutcome(health, 'failure', 10 ** 9))).toBe(true);
      }),
    );
  });
});

describe('a failed replica is healthy again', () => {
  const enough = replicationLimits.replicaSuccessesMin;

  test('after enough successes in a row over enough time', () => {
    expect(after(times(enough, 'success'), replicationLimits.replicaRecoveringMsMin, failed, 50_000)).toEqual(HEALTHY);
  });

  test('not after one success, nor after many of one moment', () => {
    expect(after(['success'], 0, failed, 50_000).verdict).toBe('recovering');
    expect(isAlive(after(times(500, 'success'), 0, failed, 50_000))).toBe(false);
  });

  test('not when it fails while it recovers', () => {
    const outcomes = [...times(enough - 1, 'success'), 'failure', ...times(enough - 1, 'success')] as RequestOutcome[];
    expect(after(outcomes, 10_000, failed, 50_000).verdict).toBe('recovering');
  });
});
