import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedBytesError, toHex } from '../../../lib/kernel/bytes.ts';
import { withoutNegativeZeros } from '../../../lib/storage/metadata/apply.ts';
import { decodeAttributes, encodeAttributes } from '../../../lib/storage/metadata/item-codec.ts';
import { anyAttributes } from '../../support/arbitrary-items.ts';

describe('the bytes of an item', () => {
  test('give the attributes back as they were, but for negative zero', () => {
    fc.assert(
      fc.property(anyAttributes, (attributes) => {
        expect(decodeAttributes(encodeAttributes(attributes))).toEqual(withoutNegativeZeros(attributes));
      }),
      { numRuns: 500 },
    );
  });

  test('are the documented ones', () => {
    const attributes = {
      a: 300,
      b: -1,
      c: 1.5,
      d: 'é',
      e: Uint8Array.of(255),
      f: [true, false],
      g: { h: '' },
    };
    expect(toHex(encodeAttributes(attributes))).toBe(
      [
        '01 07',
        '0161 02 ac02',
        '0162 03 01',
        '0163 04 3ff8000000000000',
        '0164 05 02c3a9',
        '0165 06 01ff',
        '0166 07 02 01 00',
        '0167 08 01 0168 05 00',
      ]
        .join('')
        .replaceAll(' ', ''),
    );
  });

  test('hold items larger than the shared buffer, and do not change with the next item', () => {
    const large = encodeAttributes({ b: new Uint8Array(300_000).fill(7), t: 'x'.repeat(50_000) });
    encodeAttributes({ b: new Uint8Array(300_000).fill(9) });
    expect(decodeAttributes(large)).toEqual({ b: new Uint8Array(300_000).fill(7), t: 'x'.repeat(50_000) });
  });

  test('that are cut or follow an item are refused', () => {
    fc.assert(
      fc.property(anyAttributes, fc.nat(), (attributes, position) => {
        const bytes = encodeAttributes(attributes);
        const cut = bytes.subarray(0, position % bytes.length);
        expect(() => decodeAttributes(cut)).toThrow(MalformedBytesError);
        expect(() => decodeAttributes(Uint8Array.of(...bytes, 0))).toThrow(MalformedBytesError);
      }),
    );
  });

  test('of another version, with an unknown tag or with broken text are refused', () => {
    expect(() => decodeAttributes(Uint8Array.of(2, 0))).toThrow('format version 2');
    expect(() => decodeAttributes(Uint8Array.of(1, 1, 1, 0x61, 99))).toThrow('unknown tag 99');
    expect(() => decodeAttributes(Uint8Array.of(1, 1, 1, 0xff, 0))).toThrow('not UTF-8');
  });
});
