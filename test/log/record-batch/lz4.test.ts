import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, dataView, toHex } from '../../../lib/kernel/bytes.ts';
import { lz4Compress, lz4Decompress } from '../../../lib/log/record-batch/lz4.ts';
import { xxhash32 } from '../../../lib/log/record-batch/xxhash32.ts';
import { bombOf } from './bombs.ts';
import { content, lz4Empty, lz4Frame, lz4Frames } from './codec-vectors.ts';
import { compressible } from './compressible.ts';
import { accepted, bitFlips, countRefused, refusal } from './raw-batch.ts';
import { lines, noise, vector } from './vectors.ts';

const LIMIT = 2 ** 25;

describe('lz4Compress', () => {
  test('writes what inflates to the same bytes', () => {
    fc.assert(
      fc.property(compressible, (bytes) => {
        expect(Buffer.compare(lz4Decompress(lz4Compress(bytes), bytes.length), bytes)).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test.each([0, 1, 4, 5, 12, 13, 14, 65535, 65536, 65537, 131072])('takes %i bytes, equal or not', (length) => {
    for (const bytes of [new Uint8Array(length), noise(length)]) {
      const frame = lz4Compress(bytes);
      expect(lz4Decompress(frame, length)).toEqual(bytes);
      const blocks = Math.ceil(length / 65536);
      expect(frame.length).toBeLessThanOrEqual(7 + blocks * 4 + length + 4);
    }
  });

  test('writes the header that Kafka’s Java client writes, and independent blocks', () => {
    const javas = vector('several blocks, lz4').bytes.subarray(61);
    expect(toHex(lz4Compress(content).subarray(0, 7))).toBe(toHex(javas.subarray(0, 7)));
  });

  test('keeps the block format’s end: the last 5 bytes are literals, no match starts in the last 12', () => {
    // 13 equal bytes are the least that can match: one literal, a match, five literals.
    expect(toHex(lz4Compress(new Uint8Array(13)).subarray(7))).toBe(
      '0a000000 13000100 500000000000 00000000'.replaceAll(' ', ''),
    );
    expect(dataView(lz4Compress(new Uint8Array(12))).getUint32(7, true)).toBe(0x8000000c);
  });

  test('compresses: a tenth of repetitive text, and noise at four bytes a block', () => {
    expect(lz4Compress(content).length).toBeLessThan(content.length / 10);
    expect(lz4Compress(noise(200_000)).length).toBe(200_000 + 7 + 4 * 4 + 4);
  });
});

describe('lz4Decompress', () => {
  test.each(lz4Frames)('reads a frame of liblz4: %s', (_, frame) => {
    expect(lz4Decompress(frame, content.length)).toEqual(content);
  });

  test('reads an empty frame', () => {
    expect(lz4Decompress(lz4Empty, 0)).toEqual(new Uint8Array(0));
    expect(lz4Decompress(lz4Compress(new Uint8Array(0)), 0)).toEqual(new Uint8Array(0));
  });

  test('reads empty stored blocks', () => {
    const [header, end] = [lz4Compress(new Uint8Array(0)).subarray(0, 7), new Uint8Array(4)];
    const stored = Uint8Array.of(0, 0, 0, 0x80);
    expect(lz4Decompress(concatBytes([header, stored, stored, end]), 0)).toEqual(new Uint8Array(0));
  });

  test.each(lz4Frames)('refuses a frame beyond the limit, by a byte: %s', (_, frame) => {
    expect(refusal(() => lz4Decompress(frame, content.length - 1))).toBe(
      `MESSAGE_TOO_LARGE: The lz4 stream inflates to more than ${content.length - 1} bytes.`,
    );
  });

  test.each(lz4Frames.filter((_, index) => index % 2 === 1))(
    'refuses a frame cut off at any byte, or longer: %s',
    (_, frame) => {
      for (let length = 0; length < frame.length; length++) {
        expect(refusal(() => lz4Decompress(frame.subarray(0, length), LIMIT))).toMatch(
          /^CORRUPT_MESSAGE: The lz4 stream/,
        );
      }
      expect(refusal(() => lz4Decompress(concatBytes([frame, frame]), LIMIT))).toContain('bytes follow its end');
    },
  );

  test('notices damage to any byte where a frame has both checksums', () => {
    const frame = lz4Frame('everything');
    expect(countRefused(bitFlips(frame, 'every byte'), (bytes) => lz4Decompress(bytes, LIMIT))).toBe(frame.length);
  });

  test.each(lz4Frames.filter((_, index) => index % 2 === 0))(
    'never fails but with a reason, whichever byte is damaged: %s',
    (_, frame) => {
      const refused = countRefused(bitFlips(frame, 'every byte'), (bytes) => lz4Decompress(bytes, LIMIT));
      expect(refused).toBeGreaterThan(7);
    },
  );

  test('never fails but with a reason, whichever bit of a short frame is flipped', () => {
    const flips = bitFlips(lz4Compress(lines(12)));
    expect(countRefused(flips, (bytes) => lz4Decompress(bytes, LIMIT))).toBeGreaterThan(7 * 8);
  });

  test('never fails but with a reason, whatever the block', () => {
    const header = lz4Compress(new Uint8Array(0)).subarray(0, 7);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(70_000), (block, limit) => {
        expect([true, false]).toContain(accepted(() => lz4Decompress(frameOf(header, block), limit)));
      }),
      { numRuns: 5000 },
    );
  });

  const header = lz4Compress(new Uint8Array(0)).subarray(0, 7);
  const described = (flags: number, sizes: number, more: number[] = []) => {
    const descriptor = Uint8Array.of(flags, sizes, ...more);
    const checksum = (xxhash32(descriptor) >>> 8) & 0xff;
    return concatBytes([header.subarray(0, 4), descriptor, Uint8Array.of(checksum), new Uint8Array(4)]);
  };
  test.each([
    [
      'another magic',
      concatBytes([Uint8Array.of(0x02, 0x21, 0x4c, 0x18), new Uint8Array(20)]),
      'does not begin with the magic',
    ],
    ['version 0', described(0x20, 0x40), 'flags are 0x20'],
    ['version 2', described(0xa0, 0x40), 'flags are 0xa0'],
    ['the reserved flag', described(0x62, 0x40), 'flags are 0x62'],
    ['a dictionary', described(0x61, 0x40, [1, 0, 0, 0]), 'needs a dictionary'],
    ['block size class 3', described(0x60, 0x30), 'block size is none of'],
    ['block size class 8', described(0x60, 0x80), 'block size is none of'],
    ['reserved bits beside the class', described(0x60, 0x41), 'block size is none of'],
    [
      'a wrong header checksum',
      Uint8Array.of(4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x83, 0, 0, 0, 0),
      'header checksum is wrong',
    ],
    [
      'a content size that is not met',
      described(0x68, 0x40, [1, 0, 0, 0, 0, 0, 0, 0]),
      'announces 1 bytes, 0 come out',
    ],
    [
      'a block beyond its class',
      frameOf(header, new Uint8Array(65537), 65537),
      'has 65537 bytes, its frame allows 65536',
    ],
    ['a match with offset 0', frameOf(header, Uint8Array.of(0x10, 0x61, 0, 0, 0)), 'reaches back 0 bytes'],
    ['a match before the block', frameOf(header, Uint8Array.of(0x10, 0x61, 2, 0, 0)), 'reaches back 2 bytes'],
    ['literals beyond the block', frameOf(header, Uint8Array.of(0x50, 0x61)), 'ends inside the sequence'],
    ['a literal length without its end', frameOf(header, Uint8Array.of(0xf0, 255, 255)), 'ends inside the sequence'],
    [
      'a match length without its end',
      frameOf(header, Uint8Array.of(0x1f, 0x61, 1, 0, 255)),
      'ends inside the sequence',
    ],
    ['an offset of one byte', frameOf(header, Uint8Array.of(0x10, 0x61, 1)), 'ends inside the sequence'],
    ['an end behind a match', frameOf(header, Uint8Array.of(0x10, 0x61, 1, 0)), 'ends inside the sequence'],
    [
      'a block that inflates beyond its class',
      frameOf(
        header,
        concatBytes([Uint8Array.of(0x1f, 0x61, 1, 0), new Uint8Array(260).fill(255), Uint8Array.of(0, 0)]),
      ),
      'inflates to more than its frame allows',
    ],
  ])('refuses %s', (_, frame, reason) => {
    const sentence = refusal(() => lz4Decompress(frame, LIMIT));
    expect(sentence).toMatch(/^CORRUPT_MESSAGE: The lz4 stream is corrupt: /);
    expect(sentence).toContain(reason);
  });

  test('refuses a match into an earlier block where blocks are independent', () => {
    const linked = lz4Frame('linked blocks');
    expect(lz4Decompress(linked, LIMIT)).toEqual(content);
    linked[4] = (linked[4] as number) | 0x20;
    linked[6] = (xxhash32(linked, 4, 6) >>> 8) & 0xff;
    expect(refusal(() => lz4Decompress(linked, LIMIT))).toContain('reaches back');
  });

  test('says which checksum is wrong', () => {
    const whole = lz4Frame('content checksum');
    whole[whole.length - 1] = (whole[whole.length - 1] as number) ^ 1;
    expect(refusal(() => lz4Decompress(whole, LIMIT))).toContain('its content checksum is wrong');
    const blocks = lz4Frame('block checksums');
    const blockBytes = dataView(blocks).getUint32(7, true);
    blocks[11 + blockBytes] = (blocks[11 + blockBytes] as number) ^ 1;
    expect(refusal(() => lz4Decompress(blocks, LIMIT))).toContain('the checksum of the block at byte 11 is wrong');
  });

  test('refuses a bomb', () => {
    expect(refusal(() => lz4Decompress(bombOf('lz4'), LIMIT))).toMatch(/^MESSAGE_TOO_LARGE/);
  });
});

/** A frame of one block, which says how large it is unless it is to lie. */
function frameOf(header: Uint8Array, block: Uint8Array, size = block.length): Uint8Array {
  const field = new Uint8Array(4);
  dataView(field).setUint32(0, size, true);
  return concatBytes([header, field, block, new Uint8Array(4)]);
}
