import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareText } from '../../../lib/storage/metadata/text-order.ts';

test('texts compare as their UTF-8 bytes do', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '\u{7f}', '\u{80}', '\u{d7ff}', '\u{e000}', '\u{ffff}', '\u{10000}'),
  });
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(compareText(a, b)).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    { numRuns: 1_000 },
  );
});
