import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Cursor,
  decodeCursor,
  deliveredBy,
  encodeCursor,
  needsCommitted,
  type Position,
  reportedBy,
  startsOf,
} from '../../../lib/coordination/groups/cursor.ts';
import { byText, NO_PARTITIONS } from '../../../lib/coordination/groups/partitions.ts';
import { fromBase64Url, toBase64Url } from '../../../lib/kernel/bytes.ts';
import { topicIdOf } from '../../support/group-arbitraries.ts';
import { memberOf, partitions, TOPIC } from '../../support/group-items.ts';

const position: fc.Arbitrary<Position> = fc.record(
  {
    topicId: fc.integer({ min: 0, max: 3 }).map(topicIdOf),
    partition: fc.nat({ max: 500 }),
    offset: fc.maxSafeNat(),
    leaderEpoch: fc.nat(),
  },
  { requiredKeys: ['topicId', 'partition', 'offset'] },
);
const cursor: fc.Arbitrary<Cursor> = fc.record({
  epoch: fc.maxSafeNat(),
  writes: fc.maxSafeNat(),
  positions: fc
    .uniqueArray(position, { selector: ({ topicId, partition }) => `${topicId}${partition}` })
    .map((list) => list.sort((a, b) => byText(a.topicId, b.topicId) || a.partition - b.partition)),
});

const at = (partition: number, offset: number): Position => ({ topicId: TOPIC, partition, offset });

describe('a cursor', () => {
  test('comes back as it was given out', () => {
    fc.assert(
      fc.property(cursor, fc.string(), (value, memberId) => {
        expect(decodeCursor(memberId, encodeCursor(memberId, value))).toEqual(value);
      }),
    );
  });

  test("is nobody else's, and not to be made up", () => {
    const value = { epoch: 3, writes: 9, positions: [at(0, 7)] };
    const text = encodeCursor('m', value);
    expect(decodeCursor('n', text)).toBeUndefined();
    const bytes = fromBase64Url(text) ?? new Uint8Array();
    for (let index = 0; index < bytes.length; index++) {
      const changed = bytes.with(index, (bytes[index] ?? 0) ^ 1);
      expect(decodeCursor('m', toBase64Url(changed))).toBeUndefined();
    }
  });

  test('is refused without ado where it is anything', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        expect(decodeCursor('m', text)).toBeUndefined();
      }),
    );
    expect(decodeCursor('m', 'A'.repeat(1_000_000))).toBeUndefined();
  });
});

describe('what a poll says by its cursor', () => {
  const member = memberOf('m', { epoch: 3, owned: partitions(0, 1) });
  const current = { epoch: 3, writes: 5, positions: [at(0, 7), at(2, 9)] };

  test('is what it holds', () => {
    expect(reportedBy(current)).toEqual(partitions(0, 2));
    expect(reportedBy(undefined)).toEqual(NO_PARTITIONS);
  });

  test('is what was delivered, of what it owns and under its epoch', () => {
    expect(deliveredBy(current, member)).toEqual([at(0, 7)]);
    expect(deliveredBy({ ...current, epoch: 2 }, member)).toEqual([]);
    expect(deliveredBy(undefined, member)).toEqual([]);
  });

  test('is nothing where a poll has committed since, and all of it where only other writes were made', () => {
    const after = (committedWrite: number) => deliveredBy(current, { ...member, writes: 9, committedWrite });
    expect([after(4), after(5), after(6)]).toEqual([[at(0, 7)], [at(0, 7)], []]);
  });

  test('is where it goes on: exactly, or no earlier than what was committed meanwhile', () => {
    const committed = ({ partition }: { partition: number }) => [5, 6, undefined][partition];
    const starts = (of: Cursor | undefined) => {
      return startsOf(partitions(0, 1, 2), { cursor: of, epoch: 3, committed }).map(({ offset }) => offset);
    };
    expect(starts(current)).toEqual([7, 6, 9]);
    expect(starts({ ...current, positions: [at(0, 2)] })).toEqual([2, 6, undefined]);
    expect(starts({ ...current, epoch: 2, positions: [at(0, 2), at(1, 8), at(2, 0)] })).toEqual([5, 8, 0]);
    expect(starts(undefined)).toEqual([5, 6, undefined]);
  });

  test('saves reading what was committed of what it knows', () => {
    const needs = (partition: number, of = current) =>
      needsCommitted({ topicId: TOPIC, partition }, { cursor: of, epoch: 3 });
    expect([needs(0), needs(1), needs(0, { ...current, epoch: 2 })]).toEqual([false, true, true]);
  });
});
