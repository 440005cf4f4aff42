import { describe, expect, it } from 'vitest';
import { runInThreads } from '../pool.ts';

/** `npm run simulate -- --triggers --histories N` runs as many as one likes. */
const HISTORIES = 60;

describe('triggers under faults', () => {
  it(`keep their guarantees in ${HISTORIES} histories`, async () => {
    const summary = await runInThreads({ histories: HISTORIES, firstSeed: 1, kind: 'triggers' });
    expect(summary.failed.map(({ seed, violations }) => ({ seed, violations: violations.slice(0, 3) }))).toEqual([]);
    // A history in which nothing is delivered, or nobody ever dies, would show nothing.
    const least = {
      invocations: 50,
      'invocations that failed': 5,
      'invocations that failed in part': 3,
      'ends of windows': 1,
      'records delivered': 100,
      'records delivered again': 30,
      'batches given up': 3,
      'batches halved': 3,
      'leases taken over': 1,
      fences: 0.1,
      'dispatchers crashed': 0.5,
      'dispatchers frozen': 0.5,
      'dispatchers killed by a record': 0.1,
      'wake-ups lost': 2,
      'wake-ups delivered twice': 1,
      'swept: woken': 1,
      'answers lost': 0.3,
      'answers that mean nothing': 1,
      'functions timed out': 0.5,
      'invocations throttled': 0.5,
      'invocations refused': 0.1,
      'destination failures': 0.2,
      'clocks jumped': 0.05,
      'ended lost': 0.1,
      'ended disabled': 0.1,
      'ended handed-on': 0.05,
      'topics deleted': 0.02,
      'asked to alter': 0.3,
      'asked to replay': 0.1,
      'asked to delete': 0.05,
    };
    for (const [what, each] of Object.entries(least)) {
      expect(summary.triggers[what], what).toBeGreaterThan(HISTORIES * each);
    }
    for (const kind of ['throttle', 'lostRequest', 'lostResponse', 'lateRequest', 'duplicate']) {
      expect(summary.faults[kind], kind).toBeGreaterThan(HISTORIES);
    }
  });
});
