import { expect, test } from 'vitest';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { xxhash32 } from '../../../lib/log/record-batch/xxhash32.ts';
import { xxhash32Vectors } from './codec-vectors.ts';
import { noise } from './vectors.ts';

test.each(xxhash32Vectors)('hashes $noise bytes to $hash', ({ noise: length, hash }) => {
  expect(xxhash32(noise(length))).toBe(hash);
  const shifted = concatBytes([Uint8Array.of(1, 2, 3), noise(length), Uint8Array.of(4)]);
  expect(xxhash32(shifted, 3, 3 + length)).toBe(hash);
});
