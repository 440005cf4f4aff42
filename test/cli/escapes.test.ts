import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { unescaped } from '../../lib/cli/escapes.ts';
import { utf8 } from '../../lib/kernel/bytes.ts';

it('makes bytes of escapes', () => {
  expect(unescaped('-f', 'a\\tb\\n\\r\\0\\\\ \\x41\\xff')).toEqual(
    Uint8Array.of(0x61, 9, 0x62, 10, 13, 0, 0x5c, 0x20, 0x41, 0xff),
  );
});

it('leaves everything else as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(unescaped('-f', text.replaceAll('\\', '\\\\'))).toEqual(utf8(text));
    }),
  );
});

it.each(['\\', '\\q', '\\x4', '\\xgg', 'a\\'])('refuses %s', (text) => {
  expect(() => unescaped('--template', text)).toThrow(
    'a backslash is followed by n, t, r, 0, xHH or another backslash',
  );
});
