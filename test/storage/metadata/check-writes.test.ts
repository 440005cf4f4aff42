import { describe, expect, test } from 'vitest';
import { AssertionError } from '../../../lib/kernel/assert.ts';
import type { Value, Write } from '../../../lib/kernel/items.ts';
import { checkKey, checkWrites } from '../../../lib/storage/metadata/check-writes.ts';

const key = { pk: 'p', sk: 's' };

function put(attributes: Record<string, unknown>): Write {
  return { kind: 'put', key, attributes: attributes as Record<string, Value> };
}

function nested(depth: number): Value {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

describe('a value that no store could give back', () => {
  const cases: [string, unknown][] = [
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['a number beyond the magnitude of DynamoDB', 1e126],
    ['a number below the magnitude of DynamoDB', 1e-131],
    ['half of a surrogate pair', 'x\ud800'],
    ['half of a surrogate pair as a name', { '\udc00': 1 }],
    ['a map with an empty name', { '': 1 }],
    ['a name that JavaScript treats like no other', Object.fromEntries([['__proto__', 1]])],
    ['any of these deep inside', [{ a: [Number.NaN] }]],
  ];
  test.each(cases)('is refused: %s', (_, value) => {
    expect(() => checkWrites([put({ a: value })])).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
    const writes: Write[] = [{ kind: 'update', key, changes: { set: { a: value as Value } } }];
    expect(() => checkWrites(writes)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  });

  test('is named with its attribute', () => {
    expect(() => checkWrites([put({ weight: Number.NaN })])).toThrow('"weight" can\'t hold the number NaN');
  });
});

describe('a mistake of the caller is an assertion', () => {
  const update = (changes: (Write & { kind: 'update' })['changes']): Write[] => [{ kind: 'update', key, changes }];
  const cases: [string, Write[]][] = [
    ['no writes', []],
    ['null', [put({ a: null })]],
    ['undefined', [put({ a: undefined })]],
    ['a function', [put({ a: () => 1 })]],
    ['an attribute without a name', update({ set: { '': 1 } })],
    ['a part of the key as an attribute', update({ set: { sk: 'x' } })],
    ['an update of nothing', update({})],
    ['an update of nothing in every part', update({ set: {}, add: {}, append: {}, remove: [] })],
    ['an attribute in two parts', update({ set: { a: 1 }, remove: ['a'] })],
    ['the addition of a fraction', update({ add: { a: 0.5 } })],
    ['dropping nothing', update({ dropFirst: { a: 0 } })],
    ['a check without a condition', [{ kind: 'check', key, conditions: [] }]],
    ['an empty key', [{ kind: 'delete', key: { pk: 'p', sk: '' } }]],
    [
      'two writes of one item',
      [
        { kind: 'delete', key },
        { kind: 'check', key, conditions: [{ clause: 'item-exists' }] },
      ],
    ],
  ];
  test.each(cases)('%s', (_, writes) => expect(() => checkWrites(writes)).toThrow(AssertionError));
});

describe('a limit of DynamoDB is refused by its name', () => {
  const deletes = (count: number): Write[] =>
    Array.from({ length: count }, (_, index) => ({ kind: 'delete', key: { pk: 'p', sk: `${index}` } }));

  test('items in a transaction', () => {
    checkWrites(deletes(100));
    expect(() => checkWrites(deletes(101))).toThrow('transactionItemsMax');
  });

  test('the bytes of an item, its names and its key counted', () => {
    // pk (2 + 1), sk (2 + 1), a (1)
    checkWrites([put({ a: new Uint8Array(400 * 1024 - 7) })]);
    expect(() => checkWrites([put({ a: new Uint8Array(400 * 1024 - 6) })])).toThrow('itemBytesMax');
  });

  test('the bytes of a transaction', () => {
    const writes = (last: number): Write[] =>
      Array.from({ length: 11 }, (_, index) => ({
        kind: 'put',
        key: { pk: 'p', sk: `${10 + index}` },
        attributes: { a: new Uint8Array(index < 10 ? 400_000 : last) },
      }));
    const rest = 4 * 1024 * 1024 - 10 * 400_008 - 8;
    checkWrites(writes(rest));
    expect(() => checkWrites(writes(rest + 1))).toThrow('transactionBytesMax');
  });

  test('lists and maps inside each other', () => {
    checkWrites([put({ a: nested(31) })]);
    expect(() => checkWrites([put({ a: nested(32) })])).toThrow('itemNestingMax');
  });

  test('the bytes of a key, in UTF-8', () => {
    checkKey({ pk: 'é'.repeat(1024), sk: 's'.repeat(1024) });
    expect(() => checkKey({ pk: `${'é'.repeat(1024)}x`, sk: 's' })).toThrow('longer than 2048');
    expect(() => checkKey({ pk: 'p', sk: 's'.repeat(1025) })).toThrow('longer than 1024');
  });
});
