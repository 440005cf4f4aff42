import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { concatBytes } from '../../lib/kernel/bytes.ts';
import { COMPRESSION_TYPES } from '../../lib/log/record-batch/compression.ts';
import { bombOf } from '../log/record-batch/bombs.ts';
import { compressible } from '../log/record-batch/compressible.ts';
import { accepted, bitFlips, countRefused, refusal } from '../log/record-batch/raw-batch.ts';
import { lines } from '../log/record-batch/vectors.ts';

const LIMIT = 2 ** 25;
const compress: typeof nodeCompression.compress = (...given) => nodeCompression.compress(...given);
const decompress: typeof nodeCompression.decompress = (...given) => nodeCompression.decompress(...given);
const compressing = COMPRESSION_TYPES.filter((type) => type !== 'none');

test('none passes bytes through as they are, up to the limit', () => {
  const bytes = lines(3);
  expect(compress('none', bytes)).toBe(bytes);
  expect(decompress('none', bytes, bytes.length)).toBe(bytes);
  expect(refusal(() => decompress('none', bytes, bytes.length - 1))).toMatch(/^MESSAGE_TOO_LARGE/);
});

describe.each(compressing)('%s', (type) => {
  test('gives back any bytes', () => {
    fc.assert(
      fc.property(compressible, (bytes) => {
        expect(Buffer.compare(decompress(type, compress(type, bytes), bytes.length), bytes)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test('makes text smaller', () => {
    expect(compress(type, lines(4000)).length).toBeLessThan(lines(4000).length / 3);
  });

  test('inflates up to the limit and refuses a byte more', () => {
    const stream = compress(type, lines(100));
    const { length } = lines(100);
    expect(decompress(type, stream, length)).toHaveLength(length);
    for (const bytesMax of [length - 1, 1, 0]) {
      expect(refusal(() => decompress(type, stream, bytesMax))).toBe(
        `MESSAGE_TOO_LARGE: The ${type} stream inflates to more than ${bytesMax} bytes.`,
      );
    }
  });

  test('takes an empty stream within a limit of nothing, but not no stream at all', () => {
    expect(decompress(type, compress(type, new Uint8Array(0)), 0)).toHaveLength(0);
    expect(refusal(() => decompress(type, new Uint8Array(0), LIMIT))).toMatch(`CORRUPT_MESSAGE: The ${type} stream`);
  });

  test('refuses a bomb', () => {
    expect(refusal(() => decompress(type, bombOf(type), LIMIT))).toMatch(/^MESSAGE_TOO_LARGE/);
  });

  test('refuses a stream cut off anywhere', () => {
    const stream = compress(type, lines(30));
    for (let length = 0; length < stream.length; length++) {
      // Framed snappy may end behind its header: no block is no bytes.
      if (type === 'snappy' && length === 16) continue;
      expect(refusal(() => decompress(type, stream.subarray(0, length), LIMIT))).toMatch(/^CORRUPT_MESSAGE: The /);
    }
  });

  test.each([
    ['garbage', Uint8Array.of(0x78, 0x78, 0x78)],
    ['zeros', new Uint8Array(9)],
  ])('refuses %s behind the stream', (_, rest) => {
    const stream = concatBytes([compress(type, lines(30)), rest]);
    expect(refusal(() => decompress(type, stream, LIMIT))).toMatch(/^CORRUPT_MESSAGE: The /);
  });

  test('never fails but with a reason, whichever bit is flipped', () => {
    const flips = bitFlips(compress(type, lines(12)));
    expect(countRefused(flips, (bytes) => decompress(type, bytes, LIMIT))).toBeGreaterThan(7 * 8);
  });

  test('never fails but with a reason, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect([true, false]).toContain(accepted(() => decompress(type, bytes, LIMIT)));
      }),
    );
  });
});

test.each(['gzip', 'lz4', 'zstd'] as const)('a bomb of 800 MiB is not inflated beyond the limit: %s', (type) => {
  const bomb = bombOf(type);
  const before = process.memoryUsage().rss;
  expect(accepted(() => decompress(type, bomb, LIMIT))).toBe(false);
  // The limit is 32 MiB; chunks, their sum and buffers that grow by doubling may take a multiple of it.
  expect(process.memoryUsage().rss - before).toBeLessThan(250 * 2 ** 20);
});

test('the two zlib types keep their cause for the log', () => {
  for (const type of ['gzip', 'zstd'] as const) {
    expect(() => decompress(type, Uint8Array.of(1, 2, 3), LIMIT)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_MESSAGE', cause: expect.any(Error) }),
    );
  }
});
