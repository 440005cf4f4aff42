import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, utf8 } from '../../lib/kernel/bytes.ts';
import { crc32c, crc32cCombine } from '../../lib/kernel/crc32c.ts';

/** RFC 3720 appendix B.4 gives these; the last is the command of an iSCSI read (10) in the same appendix. */
const RFC_3720 = {
  '32 bytes of zeros': { bytes: new Uint8Array(32), checksum: 0x8a9136aa },
  '32 bytes of ones': { bytes: new Uint8Array(32).fill(0xff), checksum: 0x62a8ab43 },
  '32 incrementing bytes': { bytes: Uint8Array.from({ length: 32 }, (_, i) => i), checksum: 0x46dd794e },
  '32 decrementing bytes': { bytes: Uint8Array.from({ length: 32 }, (_, i) => 31 - i), checksum: 0x113fdb5c },
  'an iSCSI SCSI Read (10) command PDU': {
    bytes: fromHex(
      '01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000',
    ) as Uint8Array,
    checksum: 0xd9963a56,
  },
};

/** The definition, a bit at a time. */
function bitwise(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

const anyBytes = fc.uint8Array({ maxLength: 200 });

describe('crc32c', () => {
  it.each(Object.entries(RFC_3720))('equals RFC 3720 for %s', (_, { bytes, checksum }) => {
    expect(crc32c(bytes)).toBe(checksum);
  });

  it('equals the check value of the catalogue of CRC algorithms', () => {
    expect(crc32c(utf8('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });

  it('equals the definition, for every length and alignment', () => {
    fc.assert(
      fc.property(anyBytes, fc.nat({ max: 15 }), fc.nat({ max: 15 }), (bytes, before, after) => {
        const padded = concatBytes([new Uint8Array(before).fill(7), bytes, new Uint8Array(after).fill(9)]);
        expect(crc32c(padded, before, before + bytes.length)).toBe(bitwise(bytes));
        expect(crc32c(padded.subarray(before, before + bytes.length))).toBe(bitwise(bytes));
      }),
    );
  });

  it('goes on from a seed as if the bytes were one', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        expect(crc32c(b, 0, b.length, crc32c(a))).toBe(crc32c(concatBytes([a, b])));
      }),
    );
  });
});

describe('crc32cCombine', () => {
  it('is the checksum of both after each other, also of three in any grouping', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, anyBytes, (a, b, c) => {
        const whole = crc32c(concatBytes([a, b, c]));
        const ab = crc32cCombine(crc32c(a), crc32c(b), b.length);
        const bc = crc32cCombine(crc32c(b), crc32c(c), c.length);
        expect(crc32cCombine(ab, crc32c(c), c.length)).toBe(whole);
        expect(crc32cCombine(crc32c(a), bc, b.length + c.length)).toBe(whole);
      }),
    );
  });

  it('begins with nothing: 0 is the checksum of no bytes', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(crc32cCombine(0, crc32c(bytes), bytes.length)).toBe(crc32c(bytes));
      }),
    );
  });

  it('holds for a megabyte', () => {
    const a = Uint8Array.of(1, 2, 3);
    const b = new Uint8Array(2 ** 20 + 1).fill(5);
    expect(crc32cCombine(crc32c(a), crc32c(b), b.length)).toBe(crc32c(concatBytes([a, b])));
  });
});
