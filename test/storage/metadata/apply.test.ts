import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Attributes, Changes, Condition } from '../../../lib/kernel/items.ts';
import { applyChanges, evaluate, withoutNegativeZeros } from '../../../lib/storage/metadata/apply.ts';
import { anyAttributes, smallChanges, smallCondition } from '../../support/arbitrary-items.ts';
import { CONDITION_CASES, CONDITION_ITEM } from '../../support/condition-cases.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const item: Attributes = { n: 5, t: 'm', yes: true, b: bytes(1, 2), list: [1, 'one', bytes(1)], map: { a: 1 } };

describe('a condition', () => {
  test.each(CONDITION_CASES)('%s', (_, condition, holds) => {
    expect(evaluate([condition], CONDITION_ITEM)).toBe(holds);
  });

  test('of an item that does not exist holds only for what is absent', () => {
    fc.assert(
      fc.property(smallCondition, (condition) => {
        const holds = condition.clause === 'item-absent' || condition.clause === 'absent';
        expect(evaluate([condition], undefined)).toBe(holds);
      }),
    );
  });

  test('holds only together with all others', () => {
    const right: Condition = { clause: 'exists', attribute: 'n' };
    const wrong: Condition = { clause: 'absent', attribute: 'n' };
    expect(evaluate([], item)).toBe(true);
    expect(evaluate([right, right], item)).toBe(true);
    expect(evaluate([right, wrong], item)).toBe(false);
    expect(evaluate([wrong, right], item)).toBe(false);
  });
});

describe('changes', () => {
  test('set, add, append, drop and remove at once', () => {
    const changes: Changes = {
      set: { t: 'new' },
      add: { n: -2, fresh: 3 },
      append: { more: [1, 2] },
      dropFirst: { list: 2 },
      remove: ['map', 'x'],
    };
    expect(applyChanges(item, changes)).toEqual({
      n: 3,
      t: 'new',
      yes: true,
      b: bytes(1, 2),
      list: [bytes(1)],
      fresh: 3,
      more: [1, 2],
    });
  });

  test('append after the elements that are there', () => {
    expect(applyChanges(item, { append: { list: ['last'] } }).list).toEqual([1, 'one', bytes(1), 'last']);
  });

  test('make an item that does not exist', () => {
    expect(applyChanges(undefined, { add: { n: 1 }, remove: ['x'] })).toEqual({ n: 1 });
    expect(applyChanges(undefined, { remove: ['x'] })).toEqual({});
  });

  test('leave the item that they are given as it is', () => {
    fc.assert(
      fc.property(anyAttributes, smallChanges, (attributes, changes) => {
        const before = { ...attributes, n1: 1, l1: [1], l2: [] };
        const copy = structuredClone(before);
        applyChanges(before, changes);
        expect(before).toEqual(copy);
      }),
    );
  });

  const misfits: [string, Changes][] = [
    ['an addition to a text', { add: { t: 1 } }],
    ['an addition that leaves the safe integers', { add: { n: Number.MAX_SAFE_INTEGER } }],
    ['elements for a number', { append: { n: [1] } }],
    ['dropping more elements than there are', { dropFirst: { list: 4 } }],
    ['dropping elements of a list that is missing', { dropFirst: { x: 1 } }],
    ['dropping elements of a text', { dropFirst: { t: 1 } }],
  ];
  test.each(misfits)('refuse %s', (_, changes) => {
    expect(() => applyChanges(item, changes)).toThrow(expect.objectContaining({ code: 'UNKNOWN_SERVER_ERROR' }));
  });
});

test('negative zero becomes zero wherever it is, and nothing else changes', () => {
  const { n, list, map, empty } = withoutNegativeZeros({ n: -0, list: [[-0], 1], map: { a: -0 }, empty: [] });
  expect([n, list, map, empty]).toStrictEqual([0, [[0], 1], { a: 0 }, []]);
  fc.assert(
    fc.property(anyAttributes, (attributes) => {
      expect(JSON.stringify(withoutNegativeZeros(attributes))).toBe(JSON.stringify(attributes));
    }),
  );
});
