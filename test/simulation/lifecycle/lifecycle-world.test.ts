import { describe, expect, it } from 'vitest';
import { runInThreads } from '../pool.ts';

/** `npm run simulate -- --lifecycle --histories N` runs as many as one likes. */
const HISTORIES = 24;

describe('stored logs under faults', () => {
  it(`keep their guarantees in ${HISTORIES} histories`, async () => {
    const summary = await runInThreads({ histories: HISTORIES, firstSeed: 1, kind: 'lifecycle' });
    expect(summary.failed.map(({ seed, violations }) => ({ seed, violations: violations.slice(0, 3) }))).toEqual([]);
    // A history in which nothing is merged or nothing goes would show nothing.
    const least = {
      records: 250,
      readings: 100,
      transactions: 10,
      'batches in sequence': 25,
      'batches sent again': 4,
      plans: 10,
      'URLs read': 15,
      'pages merged': 5,
      'merges merged': 3,
      'merges refused': 0.1,
      'segments merged': 0.1,
      'records compacted': 15,
      'pages retired': 5,
      'segments dropped': 1,
      'objects cleared': 40,
      'objects swept': 5,
      'starts moved': 0.7,
      'log starts raised': 1,
      'deletions of records': 0.4,
      'deletions finished': 0.3,
      'transactions of parts': 3,
      'transactions sent again': 0.7,
      'erasures finished': 0.2,
      'records searched for': 3,
    };
    for (const [what, each] of Object.entries(least)) {
      expect(summary.lifecycle[what], what).toBeGreaterThan(HISTORIES * each);
    }
    for (const kind of ['throttle', 'lostRequest', 'lostResponse', 'lateRequest', 'duplicate']) {
      expect(summary.faults[kind], kind).toBeGreaterThan(HISTORIES);
    }
  });
});
