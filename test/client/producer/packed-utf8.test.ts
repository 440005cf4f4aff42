import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { packedUtf8 } from '../../../lib/client/producer/packed-utf8.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';

it('is the UTF-8 of each text, and stays so while others are encoded', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 50 }),
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc
      .tuple(fc.constantFrom('x', 'ß', '語', '🜁'), fc.integer({ min: 0, max: 40_000 }))
      .map(([one, n]) => one.repeat(n)),
  );
  fc.assert(
    fc.property(fc.array(text, { maxLength: 30 }), (texts) => {
      const packed = texts.map(packedUtf8);
      for (const [index, given] of texts.entries()) {
        expect(Buffer.compare(packed[index] as Uint8Array, utf8(given))).toBe(0);
      }
    }),
  );
});
