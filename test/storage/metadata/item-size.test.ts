import { expect, test } from 'vitest';
import type { Attributes } from '../../../lib/kernel/items.ts';
import { itemBytes } from '../../../lib/storage/metadata/item-size.ts';

const key = { pk: 'p', sk: 'é' };
const KEY_BYTES = 'pk'.length + 1 + 'sk'.length + 2;

test.each<[string, Attributes, number]>([
  ['nothing beside its key', {}, 0],
  ['a text in UTF-8, with its name', { né: 'ö€' }, 3 + 5],
  ['bytes', { b: new Uint8Array(10) }, 1 + 10],
  ['a boolean', { b: true }, 1 + 1],
  ['a list: three bytes, one for each element', { l: [true, 'ab'] }, 1 + 3 + (1 + 1) + (1 + 2)],
  ['a map: three bytes, one for each name', { m: { ab: true } }, 1 + 3 + 1 + 2 + 1],
  ['a number: two digits a byte', { n: 1234 }, 1 + 3],
  ['a negative number: one byte more', { n: -1234 }, 1 + 4],
  ['a number with trailing zeros', { n: 1_000_000 }, 1 + 2],
])('an item takes the bytes of %s', (_, attributes, bytes) => {
  expect(itemBytes(key, attributes)).toBe(KEY_BYTES + bytes);
});
