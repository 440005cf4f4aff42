import { describe, expect, it } from 'vitest';
import { runHistories } from '../runner.ts';

/** `npm run simulate -- --groups --histories N` runs as many as one likes. */
const HISTORIES = 60;

describe('a consumer group under faults', () => {
  it(`keeps its guarantees in ${HISTORIES} histories`, async () => {
    const summary = await runHistories({ histories: HISTORIES, firstSeed: 1, kind: 'groups' });
    expect(summary.failed.map(({ seed, violations }) => ({ seed, violations: violations.slice(0, 3) }))).toEqual([]);
    // A history in which nothing is read, or nobody ever goes, would show nothing.
    const least = {
      'records delivered': 50,
      'offsets committed': 20,
      'partitions handed over': 5,
      revocations: 1,
      'members removed': 2,
      'members crashed': 0.3,
      'members frozen': 0.3,
      'servers crashed': 0.3,
      'servers frozen': 0.3,
      'clocks jumped': 0.3,
      'answers lost': 2,
      'asked again': 2,
      left: 0.3,
      'topics grown': 0.3,
      'transactions committed': 3,
      'told UNKNOWN_MEMBER_ID': 0.1,
      'told FENCED_INSTANCE_ID': 0.05,
    };
    for (const [what, each] of Object.entries(least)) {
      expect(summary.groups[what], what).toBeGreaterThan(HISTORIES * each);
    }
    for (const kind of ['throttle', 'lostRequest', 'lostResponse', 'lateRequest', 'duplicate']) {
      expect(summary.faults[kind], kind).toBeGreaterThan(HISTORIES);
    }
  });
});
