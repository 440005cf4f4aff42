import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { unwritten } from '../../../lib/storage/objects/files.ts';

test('what is left to write is what comes behind the bytes that were written, without empty chunks', () => {
  const written = fc
    .array(fc.uint8Array({ maxLength: 5 }), { maxLength: 6 })
    .chain((chunks) => fc.tuple(fc.constant(chunks), fc.nat({ max: concatBytes(chunks).length })));
  fc.assert(
    fc.property(written, ([chunks, bytes]) => {
      const rest = unwritten(chunks, bytes);
      expect(concatBytes(rest)).toEqual(concatBytes(chunks).subarray(bytes));
      expect(rest.every(({ length }) => length > 0)).toBe(true);
    }),
  );
});
