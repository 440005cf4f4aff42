import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { assignReplicas } from '../../../lib/coordination/replication/assign.ts';

test('each ledger has as many different replicas as the topic wants', () => {
  const available = [1, 2, 4, 7];
  const wanted = fc.record({ factor: fc.integer({ min: 1, max: 4 }), ledger: fc.nat(), start: fc.nat() });
  fc.assert(
    fc.property(wanted, (one) => {
      const replicas = assignReplicas({ ...one, available });
      expect(new Set(replicas).size).toBe(one.factor);
      expect(available).toEqual(expect.arrayContaining(replicas));
    }),
  );
});

test('leadership goes round the replicas from ledger to ledger', () => {
  const leaders = [0, 1, 2, 3, 4, 5].map(
    (ledger) => assignReplicas({ available: [1, 2, 3], factor: 2, ledger, start: 1 })[0],
  );
  expect(leaders).toEqual([2, 3, 1, 2, 3, 1]);
});

test('there are no more replicas than there are', () => {
  expect(() => assignReplicas({ available: [0, 1], factor: 3, ledger: 0, start: 0 })).toThrow('3 of 2 replicas');
});
