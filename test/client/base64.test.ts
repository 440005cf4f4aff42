import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { fromBase64, toBase64 } from '../../lib/client/base64.ts';

it('writes and reads what Node writes and reads', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const text = toBase64(bytes);
      expect(text).toBe(Buffer.from(bytes).toString('base64'));
      expect(fromBase64(text)).toEqual(bytes);
    }),
  );
});

it('takes more bytes than a call takes arguments', () => {
  const bytes = Uint8Array.from({ length: 1_000_003 }, (_, index) => index & 0xff);
  expect(fromBase64(toBase64(bytes))).toEqual(bytes);
});
