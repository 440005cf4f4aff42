import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, toHex } from '../../../lib/kernel/bytes.ts';
import { snappyCompress, snappyDecompress } from '../../../lib/log/record-batch/snappy.ts';
import { bombOf } from './bombs.ts';
import { content, snappyRaw, snappyRawEmpty } from './codec-vectors.ts';
import { compressible } from './compressible.ts';
import { accepted, bitFlips, countRefused, refusal } from './raw-batch.ts';
import { lines, noise, vector } from './vectors.ts';

const LIMIT = 2 ** 25;
const HEADER = '82534e4150505900 00000001 00000001'.replaceAll(' ', '');

describe('snappyCompress', () => {
  test('writes what inflates to the same bytes', () => {
    fc.assert(
      fc.property(compressible, (bytes) => {
        expect(Buffer.compare(snappyDecompress(snappyCompress(bytes), bytes.length), bytes)).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test.each([0, 1, 4, 5, 59, 60, 61, 255, 256, 257, 32767, 32768, 32769, 65536])(
    'takes %i bytes, equal or not',
    (length) => {
      for (const bytes of [new Uint8Array(length), noise(length)]) {
        const stream = snappyCompress(bytes);
        expect(snappyDecompress(stream, length)).toEqual(bytes);
        expect(stream.length).toBeLessThanOrEqual(16 + Math.ceil(length / 32768) * 10 + length);
      }
    },
  );

  test('writes the framing that Kafka’s Java client writes', () => {
    const javas = vector('one record, snappy').bytes.subarray(61);
    expect(toHex(javas.subarray(0, 16))).toBe(HEADER);
    expect(toHex(snappyCompress(content).subarray(0, 16))).toBe(HEADER);
    expect(toHex(snappyCompress(new Uint8Array(0)))).toBe(HEADER);
  });

  test('compresses: a tenth of repetitive text', () => {
    expect(snappyCompress(content).length).toBeLessThan(content.length / 10);
  });
});

describe('snappyDecompress', () => {
  test('reads a raw block, as librdkafka and others write it', () => {
    expect(snappyDecompress(snappyRaw, content.length)).toEqual(content);
    expect(snappyDecompress(snappyRawEmpty, 0)).toEqual(new Uint8Array(0));
  });

  test('reads elements that compressors rarely write', () => {
    const literal = (length: number, size: number) => {
      const bytes = [(59 + size) << 2];
      for (let index = 0; index < size; index++) bytes.push(((length - 1) >>> (8 * index)) & 255);
      return [...bytes, ...noise(length)];
    };
    for (const size of [1, 2, 3, 4]) {
      expect(snappyDecompress(Uint8Array.of(20, ...literal(20, size)), 20)).toEqual(noise(20));
    }
    const farCopy = Uint8Array.of(24, ...literal(20, 1), 3 | (3 << 2), 20, 0, 0, 0); // 4 bytes, a 4-byte offset
    expect(snappyDecompress(farCopy, 24)).toEqual(concatBytes([noise(20), noise(4)]));
  });

  test.each([
    ['raw', snappyRaw],
    ['framed', snappyCompress(content)],
  ])('refuses more than the limit, by a byte: %s', (_, stream) => {
    expect(refusal(() => snappyDecompress(stream, content.length - 1))).toBe(
      `MESSAGE_TOO_LARGE: The snappy stream inflates to more than ${content.length - 1} bytes.`,
    );
  });

  test.each([
    ['raw', snappyRaw],
    ['framed', snappyCompress(content)],
  ])('refuses a stream cut off at any byte: %s', (name, stream) => {
    // Behind the header and between blocks is where a framed stream may end.
    const ends = name === 'raw' ? [] : blockEnds(stream);
    for (let length = 0; length < stream.length; length++) {
      if (ends.includes(length)) continue;
      expect(refusal(() => snappyDecompress(stream.subarray(0, length), LIMIT))).toMatch(
        /^CORRUPT_MESSAGE: The snappy/,
      );
    }
  });

  test.each([
    ['raw', snappyRaw],
    ['framed', snappyCompress(content)],
  ])('never fails but with a reason, whichever byte is damaged: %s', (_, stream) => {
    const refused = countRefused(bitFlips(stream, 'every byte'), (bytes) => snappyDecompress(bytes, LIMIT));
    expect(refused).toBeGreaterThan(10);
  });

  test('never fails but with a reason, whichever bit of a short stream is flipped', () => {
    const flips = bitFlips(snappyCompress(lines(12)));
    expect(countRefused(flips, (bytes) => snappyDecompress(bytes, LIMIT))).toBeGreaterThan(10 * 8);
  });

  test('never fails but with a reason, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, framed) => {
        const header = snappyCompress(new Uint8Array(0));
        const length = Uint8Array.of(0, 0, 0, bytes.length);
        const stream = framed ? concatBytes([header, length, bytes]) : bytes;
        expect([true, false]).toContain(accepted(() => snappyDecompress(stream, LIMIT)));
      }),
      { numRuns: 5000 },
    );
  });

  const header = snappyCompress(new Uint8Array(0));
  test.each([
    ['nothing', [], 'the block at byte 0 announces a size that it cannot have'],
    ['a size without its end', [0x80, 0x80], 'announces a size'],
    ['a size of six bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 'announces a size'],
    ['a size its bytes cannot make', [0xff, 0xff, 0x03, 0x00, 0x61], 'announces a size'],
    ['a literal beyond the block', [5, 4 << 2, 0x61], 'the element at byte 1 goes beyond its block'],
    ['a literal beyond the announced size', [1, 1 << 2, 0x61, 0x62], 'the element at byte 1'],
    ['a literal length with its high bit set', [1, 63 << 2, 0xfa, 0xff, 0xff, 0xff], 'the element at byte 1'],
    ['a literal length cut off', [1, 63 << 2, 0, 0, 0], 'the element at byte 1'],
    ['a copy with nothing before it', [4, 1, 1], 'the element at byte 1'],
    ['a copy with offset 0', [5, 0, 0x61, 1, 0], 'the element at byte 3'],
    ['a copy from before the block', [5, 0, 0x61, 1, 2], 'the element at byte 3'],
    ['a copy beyond the announced size', [4, 0, 0x61, 1, 1], 'the element at byte 3'],
    ['a 2-byte offset cut off', [5, 0, 0x61, 2 | (3 << 2), 1], 'the element at byte 3'],
    ['a 4-byte offset with its high bit set', [5, 0, 0x61, 3 | (3 << 2), 255, 255, 255, 255], 'the element at byte 3'],
    ['less than it announces', [2, 0, 0x61], 'announces 2 bytes, 1 come out'],
    ['framing of version 0', [...header.subarray(0, 11), 0, 0, 0, 0, 1], 'its framing has version 0'],
    ['half a block size', [...header, 0, 0], 'it ends inside the block at byte 16'],
    ['a block beyond the end', [...header, 0, 0, 0, 9, 0], 'it ends inside the block at byte 16'],
    ['a block of 4 GiB', [...header, 255, 255, 255, 255, 0], 'it ends inside the block at byte 16'],
    ['an empty block', [...header, 0, 0, 0, 0], 'the block at byte 20 announces a size'],
  ])('refuses %s', (_, bytes, reason) => {
    const sentence = refusal(() => snappyDecompress(Uint8Array.from(bytes), LIMIT));
    expect(sentence).toMatch(/^CORRUPT_MESSAGE: The snappy stream is corrupt: /);
    expect(sentence).toContain(reason);
  });

  test('refuses a copy from another block of the framing', () => {
    const block = [5, 0, 0x61, 1, 1]; // "a", and four more of it
    const [size, second] = [
      [0, 0, 0, 5],
      [0, 0, 0, 3, 4, 1, 1],
    ];
    expect(snappyDecompress(Uint8Array.of(...header, ...size, ...block), 5)).toEqual(new Uint8Array(5).fill(0x61));
    expect(refusal(() => snappyDecompress(Uint8Array.of(...header, ...size, ...block, ...second), 9))).toContain(
      'the element at byte 30',
    );
  });

  test('refuses a bomb', () => {
    expect(refusal(() => snappyDecompress(bombOf('snappy'), LIMIT))).toMatch(/^MESSAGE_TOO_LARGE/);
  });
});

function blockEnds(stream: Uint8Array): number[] {
  const ends = [16];
  for (let at = 16; at < stream.length; ) {
    at += 4 + Buffer.from(stream).readUInt32BE(at);
    ends.push(at);
  }
  return ends;
}
