import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  areEnlisted,
  type EnlistedPartition,
  enlist,
  judgeRuns,
  packEnlisted,
  unpackEnlisted,
} from '../../../lib/coordination/transactions/enlisted.ts';
import { toBase64Url } from '../../../lib/kernel/bytes.ts';

const topicId = toBase64Url(new Uint8Array(16).fill(1));
const otherId = toBase64Url(new Uint8Array(16).fill(2));
const p0 = { topicId, partition: 0 };
const p1 = { topicId, partition: 1 };

const entries: fc.Arbitrary<EnlistedPartition> = fc.record({
  topicId: fc.constantFrom(topicId, otherId),
  partition: fc.nat(9_999),
  isCurrent: fc.boolean(),
  firstSequence: fc.nat(2 ** 31 - 1),
  batches: fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 5 }),
});

function verdictsOf(known: readonly EnlistedPartition[], ...runs: [number, number][]) {
  const judged = judgeRuns(
    known,
    runs.map(([firstSequence, records]) => ({ topicId, partition: 0, firstSequence, records })),
  );
  return { ...judged, said: judged.verdicts.map(({ verdict }) => verdict) };
}

it('reads what it packed', () => {
  const lists = fc.uniqueArray(entries, {
    maxLength: 30,
    selector: ({ topicId: id, partition }) => `${id}${partition}`,
  });
  fc.assert(
    fc.property(lists, (list) => {
      const byTopic = [...Map.groupBy(list, (one) => one.topicId).values()].flat();
      expect(unpackEnlisted(packEnlisted(list))).toEqual(byTopic);
    }),
  );
});

it('begins a transaction with none of the partitions of the one before, and keeps their sequences', () => {
  const before = judgeRuns(enlist([], [p0], { begins: true }), [{ ...p0, firstSequence: 0, records: 3 }]).next;
  const next = enlist(before, [p1], { begins: true });
  expect([areEnlisted(next, [p0]), areEnlisted(next, [p1])]).toEqual([false, true]);
  const again = enlist(next, [p0], { begins: false });
  expect(areEnlisted(again, [p0, p1])).toBe(true);
  expect(verdictsOf(again, [0, 3], [3, 1]).said).toEqual(['duplicate', 'accepted']);
});

it('takes an epoch only from its first record on', () => {
  const known = enlist([], [p0], { begins: true });
  expect(verdictsOf(known, [1, 1], [0, 1], [1, 1]).said).toEqual(['out-of-order', 'accepted', 'accepted']);
});

it('knows a batch that comes twice, at once or much later', () => {
  const first = verdictsOf(enlist([], [p0], { begins: true }), [0, 2], [0, 2]);
  expect(first.said).toEqual(['accepted', 'duplicate']);
  const later = verdictsOf(first.next, ...Array.from({ length: 8 }, (_, at): [number, number] => [2 + at, 1]));
  expect(verdictsOf(later.next, [0, 2], [9, 1]).said).toEqual(['duplicate', 'duplicate']);
});

it('refuses records of a partition that nobody has added', () => {
  expect(judgeRuns([], [{ ...p0, firstSequence: 0, records: 1 }]).verdicts).toEqual([{ verdict: 'not-enlisted' }]);
});
