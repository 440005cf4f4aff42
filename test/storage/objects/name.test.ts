import { normalize } from 'node:path/posix';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isObjectName } from '../../../lib/storage/objects/name.ts';

test('a name is at most 512 bytes of segments of at most 255', () => {
  expect(isObjectName(`${'a'.repeat(255)}/${'b'.repeat(255)}/c`)).toBe(false);
  expect(isObjectName(`${'a'.repeat(255)}/${'b'.repeat(255)}`)).toBe(true);
  expect(isObjectName('a'.repeat(256))).toBe(false);
});

test('a name never leads anywhere but down', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '0', '.', '-', '/', '\\', 'A', ' '), maxLength: 12 });
  fc.assert(
    fc.property(text, (name) => {
      fc.pre(isObjectName(name));
      expect(normalize(name)).toBe(name);
      expect(name).toMatch(/^[a-z0-9./-]+$/);
      expect(`/${name}`).not.toContain('/.');
    }),
    { numRuns: 5_000 },
  );
});
