import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { objectIdText } from '../../../lib/kernel/ids.ts';
import {
  decodeInline,
  encodeInline,
  inlineKey,
  inlineName,
  parseInlineName,
} from '../../../lib/storage/objects/inline-item.ts';
import { isObjectName } from '../../../lib/storage/objects/name.ts';

const anyId = fc.record({
  birthMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  random: fc.uint8Array({ minLength: 8, maxLength: 8 }),
});

describe('an inline object', () => {
  test('has a name that every store can hold and that leads back to its id', () => {
    fc.assert(
      fc.property(anyId, (id) => {
        expect(isObjectName(inlineName(id))).toBe(true);
        expect(parseInlineName(inlineName(id))).toEqual(id);
      }),
    );
  });

  test('comes back from its attributes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => {
        expect(decodeInline(encodeInline(bytes))).toEqual(bytes);
      }),
    );
    expect(decodeInline({ b: 'text' })).toBeUndefined();
    expect(decodeInline({})).toBeUndefined();
  });

  test('is named and keyed as documented', () => {
    const id = { birthMs: 1_767_225_600_000 + 61_000, random: Uint8Array.of(11, 2, 3, 4, 5, 6, 7, 8) };
    expect(inlineName(id)).toBe('inline/490896/019b76db96480b02030405060708');
    expect(inlineKey(id)).toEqual({ pk: 'inline#490896#3', sk: objectIdText(id) });
  });

  test.each([
    'segments/1/00',
    'inline/490896',
    'inline/490897/019b76db96480b02030405060708',
    'inline/0490896/019b76db96480b02030405060708',
    'inline/490896/019B76DB96480B02030405060708',
    'inline/490896/019b76db96480b020304050607',
  ])('is not named %s', (name) => expect(parseInlineName(name)).toBeUndefined());
});
