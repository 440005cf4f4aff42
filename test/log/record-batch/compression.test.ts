import { expect, test } from 'vitest';
import { COMPRESSION_TYPES, compressionId, noCompression } from '../../../lib/log/record-batch/compression.ts';
import { refusal } from './raw-batch.ts';

test('types have the ids of Kafka’s batch attributes', () => {
  expect(COMPRESSION_TYPES.map((type) => [type, compressionId(type)])).toEqual([
    ['none', 0],
    ['gzip', 1],
    ['snappy', 2],
    ['lz4', 3],
    ['zstd', 4],
  ]);
});

test('a door without codecs passes uncompressed bytes through, up to the limit', () => {
  const bytes = new Uint8Array(10);
  expect(noCompression.compress('none', bytes)).toBe(bytes);
  expect(noCompression.decompress('none', bytes, 10)).toBe(bytes);
  expect(refusal(() => noCompression.decompress('none', bytes, 9))).toMatch(/^MESSAGE_TOO_LARGE: .* 9 bytes\.$/);
});

test('a door without codecs refuses the others by name', () => {
  expect(refusal(() => noCompression.compress('gzip', new Uint8Array(1)))).toMatch(
    /^UNSUPPORTED_COMPRESSION_TYPE: .*gzip/,
  );
  expect(refusal(() => noCompression.decompress('lz4', new Uint8Array(1), 9))).toMatch(
    /^UNSUPPORTED_COMPRESSION_TYPE: .*lz4/,
  );
});
