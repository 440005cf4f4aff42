import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Condition, Write } from '../../../lib/kernel/items.ts';
import {
  checkExpressions,
  compileWrite,
  expressionCost,
  fitsOneExpression,
} from '../../../lib/storage/metadata/dynamodb-expressions.ts';
import { anyScalar, smallWrite } from '../../support/arbitrary-items.ts';

const key = { pk: 'p', sk: 's' };

function conditioned(...conditions: Condition[]): Write {
  return { kind: 'delete', key, conditions };
}

describe('a condition becomes', () => {
  const cases: [Condition[], string, number][] = [
    [[{ clause: 'item-exists' }], 'attribute_exists(pk)', 1],
    [[{ clause: 'item-absent' }], 'attribute_not_exists(pk)', 1],
    [[{ clause: 'exists', attribute: 'a' }], 'attribute_exists(#0)', 1],
    [[{ clause: 'absent', attribute: 'a' }], 'attribute_not_exists(#0)', 1],
    [[{ clause: 'equals', attribute: 'a', value: 1 }], '#0=:0', 1],
    [[{ clause: 'not-equals', attribute: 'a', value: 1 }], 'attribute_exists(#0) AND #0<>:0', 3],
    [[{ clause: 'less', attribute: 'a', value: 1 }], '#0<:0', 1],
    [[{ clause: 'at-most', attribute: 'a', value: 1 }], '#0<=:0', 1],
    [[{ clause: 'greater', attribute: 'a', value: 1 }], '#0>:0', 1],
    [[{ clause: 'at-least', attribute: 'a', value: 1 }], '#0>=:0', 1],
    [[{ clause: 'shorter', attribute: 'a', length: 3 }], 'attribute_type(#0,:0) AND size(#0)<:1', 4],
    [[{ clause: 'lacks', attribute: 'a', value: 'x' }], 'attribute_type(#0,:0) AND NOT contains(#0,:1)', 4],
    [
      [
        { clause: 'lacks', attribute: 'a', value: 'x' },
        { clause: 'lacks', attribute: 'a', value: 'y' },
        { clause: 'shorter', attribute: 'a', length: 3 },
      ],
      'attribute_type(#0,:0) AND NOT contains(#0,:1) AND NOT contains(#0,:2) AND size(#0)<:3',
      10,
    ],
    [
      [
        { clause: 'equals', attribute: 'a', value: 1 },
        { clause: 'equals', attribute: 'b', value: 1 },
        { clause: 'equals', attribute: 'a', value: 1 },
      ],
      '#0=:0 AND #1=:0',
      3,
    ],
  ];
  test.each(cases)('%j', (conditions, text, operators) => {
    const compiled = compileWrite(conditioned(...conditions));
    expect(compiled.condition).toBe(text);
    expect(compiled.cost).toEqual({
      conditionBytes: text.length,
      conditionOperators: operators,
      updateBytes: 0,
      updateOperators: 0,
    });
  });
});

describe('an update becomes', () => {
  test('one expression of all its parts', () => {
    const compiled = compileWrite({
      kind: 'update',
      key,
      conditions: [{ clause: 'equals', attribute: 'n', value: 2 }],
      changes: {
        set: { a: 'x', b: 2 },
        add: { n: 1, m: 1 },
        append: { l: ['x'] },
        remove: ['r'],
        dropFirst: { k: 2 },
      },
    });
    expect(compiled).toEqual({
      condition: '#0=:0',
      update: 'SET #1=:1,#2=:0,#3=list_append(if_not_exists(#3,:2),:3) ADD #0 :4,#4 :4 REMOVE #5,#6[0],#6[1]',
      names: { '#0': 'n', '#1': 'a', '#2': 'b', '#3': 'l', '#4': 'm', '#5': 'r', '#6': 'k' },
      values: { ':0': { N: '2' }, ':1': { S: 'x' }, ':2': { L: [] }, ':3': { L: [{ S: 'x' }] }, ':4': { N: '1' } },
      cost: expect.objectContaining({ conditionOperators: 1, updateOperators: 2 }),
    });
  });

  test('nothing beside its keys for a write without conditions', () => {
    expect(compileWrite({ kind: 'put', key, attributes: { a: 1 } })).toEqual({ cost: expect.any(Object) });
  });
});

test('values share a placeholder exactly when they are equal and of one type', () => {
  fc.assert(
    fc.property(anyScalar, anyScalar, (a, b) => {
      const compiled = compileWrite(
        conditioned({ clause: 'equals', attribute: 'a', value: a }, { clause: 'equals', attribute: 'b', value: b }),
      );
      const count = Object.keys(compiled.values ?? {}).length;
      const same = (a === b && typeof a === typeof b) || (Object.is(a, 0) && Object.is(b, -0)) || sameBytes(a, b);
      expect(count).toBe(same ? 1 : 2);
    }),
    { numRuns: 500 },
  );
});

function sameBytes(a: unknown, b: unknown): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0;
}

test('every placeholder that an expression uses is defined, and every one that is defined is used', () => {
  fc.assert(
    fc.property(smallWrite, (write) => {
      const { condition = '', update = '', names = {}, values = {} } = compileWrite(write);
      const used = new Set(`${condition} ${update}`.match(/[#:][0-9a-zA-Z]+/g));
      expect(used).toEqual(new Set([...Object.keys(names), ...Object.keys(values)]));
    }),
    { numRuns: 500 },
  );
});

describe('the limits', () => {
  const equalities = (count: number): Write =>
    conditioned(
      ...Array.from(
        { length: count },
        (_, index): Condition => ({ clause: 'equals', attribute: `a${index}`, value: index }),
      ),
    );
  const sets = (count: number): Write => ({
    kind: 'update',
    key,
    changes: { set: Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, index])) },
  });

  test('of operators are met by 150 equalities, and passed by one more', () => {
    expect(expressionCost(equalities(150)).conditionOperators).toBe(299);
    expect(fitsOneExpression(equalities(150))).toBe(true);
    expect(fitsOneExpression(equalities(151))).toBe(false);
    expect(() => compileWrite(equalities(151))).toThrow('expressionOperatorsMax');
  });

  test('of bytes are met by 527 assignments, and passed by one more', () => {
    expect(expressionCost(sets(527)).updateBytes).toBe(4_095);
    expect(fitsOneExpression(sets(527))).toBe(true);
    expect(fitsOneExpression(sets(528))).toBe(false);
    expect(() => compileWrite(sets(528))).toThrow('expressionBytesMax');
  });

  test('refuse with a code that says it will not help to try again', () => {
    expect(() => compileWrite(sets(528))).toThrow(
      expect.objectContaining({ code: 'POLICY_VIOLATION', retriable: false, effect: 'none' }),
    );
  });

  test('leave room for sixty producers of one partition in a ledger head', () => {
    const producers = Array.from({ length: 60 }, (_, index) => `p${index}`);
    const head: Write = {
      kind: 'update',
      key,
      conditions: producers.map((attribute, index) => ({ clause: 'equals', attribute, value: `${index}` })),
      changes: {
        set: Object.fromEntries(producers.map((name, index) => [name, `next ${index}`])),
        add: Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`n${index}`, index])),
        append: { tail: [new Uint8Array(100)] },
      },
    };
    expect(fitsOneExpression(head)).toBe(true);
  });

  test('are checked for a store without expressions exactly as for DynamoDB', () => {
    const drops = (count: number): Write => ({ kind: 'update', key, changes: { dropFirst: { a: count } } });
    for (const write of [equalities(150), sets(527), drops(40)]) expect(() => checkExpressions(write)).not.toThrow();
    for (const write of [equalities(151), sets(528), drops(2_000)]) {
      expect(() => checkExpressions(write)).toThrow(expect.objectContaining({ code: 'POLICY_VIOLATION' }));
    }
    fc.assert(fc.property(smallWrite, (write) => checkExpressions(write)));
  });

  test('hold for any write of as many parts as are not measured at all', () => {
    // The largest parts there are, with placeholders of two letters.
    const conditions = Array.from(
      { length: 60 },
      (_, index): Condition => ({
        clause: index % 2 === 0 ? 'lacks' : 'shorter',
        attribute: `a${index}`,
        value: `${index}`,
        length: index,
      }),
    );
    expect(fitsOneExpression(conditioned(...conditions))).toBe(true);
    const append = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`a${index}`, [index]]));
    expect(fitsOneExpression({ kind: 'update', key, changes: { append } })).toBe(true);
  });
});
