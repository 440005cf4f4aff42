import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withoutNegativeZeros } from '../../../lib/storage/metadata/apply.ts';
import {
  fromDynamoItem,
  fromDynamoValue,
  toDynamoItem,
  toDynamoValue,
} from '../../../lib/storage/metadata/dynamodb-values.ts';
import { anyAttributes } from '../../support/arbitrary-items.ts';

describe('an item in the form of DynamoDB', () => {
  test('comes back as it was, without its key', () => {
    fc.assert(
      fc.property(anyAttributes, (attributes) => {
        const item = toDynamoItem({ pk: 'p', sk: 's' }, attributes);
        expect(item).toMatchObject({ pk: { S: 'p' }, sk: { S: 's' } });
        expect(fromDynamoItem(item)).toEqual(withoutNegativeZeros(attributes));
      }),
    );
  });

  test('has the type of every value', () => {
    const value = { n: -0, list: [1.5, 'x', true, Uint8Array.of(1)], big: 1e21 };
    expect(toDynamoValue(value)).toEqual({
      M: {
        n: { N: '0' },
        list: { L: [{ N: '1.5' }, { S: 'x' }, { BOOL: true }, { B: Uint8Array.of(1) }] },
        big: { N: '1e+21' },
      },
    });
  });

  test('of a type that is never written is refused by the name of the attribute', () => {
    expect(() => fromDynamoValue('a', { NULL: true })).toThrow('The attribute a has the type NULL');
    expect(() => fromDynamoItem({ a: { L: [{ SS: ['x'] }] } })).toThrow('The attribute a has the type SS');
  });
});
