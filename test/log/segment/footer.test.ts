import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter, concatBytes, toBase64Url } from '../../../lib/kernel/bytes.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { decodeFooter, encodeFooter, type Footer, footerBytes } from '../../../lib/log/segment/footer.ts';
import { TRAILER_BYTES } from '../../../lib/log/segment/trailer.ts';
import { objectId, runs } from '../../support/ledger-arbitraries.ts';

const footer: fc.Arbitrary<Footer> = fc.record({
  object: objectId,
  parts: fc.array(
    fc.record({
      ledger: fc.record({
        topicId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toBase64Url),
        index: fc.nat(),
      }),
      part: fc.nat({ max: 255 }),
      seen: fc.maxSafeNat(),
      runs,
    }),
    { maxLength: 5 },
  ),
});

const SMALL: Footer = {
  object: { birthMs: 0x0102030405, random: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
  parts: [
    {
      ledger: { topicId: 'AAECAwQFBgcICQoLDA0ODw', index: 300 },
      part: 1,
      seen: 2,
      runs: [{ slot: 3, bytes: 128, records: 2, maxTimestamp: 5, crc32c: 0xdeadbeef }],
    },
  ],
};

/** The reason that a decoder gives; fails on anything but a CORRUPT_MESSAGE. */
function reason(decode: () => unknown): string {
  try {
    decode();
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'CORRUPT_MESSAGE') return error.message;
    throw error;
  }
  return 'none: it was accepted';
}

/** The bytes as a footer with a trailer that fits them. */
function sealed(body: Uint8Array, { version = 1, mark = 'MRS' } = {}): Uint8Array {
  const trailer = new ByteWriter().u32(body.length).u32(crc32c(body)).u8(version).bytes(Buffer.from(mark)).finish();
  return concatBytes([body, trailer]);
}

describe('the footer', () => {
  it('is read back from the end of any object', () => {
    fc.assert(
      fc.property(footer, fc.uint8Array(), (any, batches) => {
        const encoded = encodeFooter(any);
        expect(footerBytes(encoded.subarray(-TRAILER_BYTES))).toBe(encoded.length);
        expect(decodeFooter(concatBytes([batches, encoded]))).toEqual(any);
      }),
    );
  });

  it('has the layout that the documentation gives', () => {
    const encoded = encodeFooter(SMALL);
    const part = ['000102030405060708090a0b0c0d0e0f', 'ac02', '01', '02', '01'];
    const run = ['03', '8001', '02', '000000000005', 'deadbeef'];
    const body = ['000102030405', '0102030405060708', '01', ...part, ...run].join('');
    expect(Buffer.from(encoded.subarray(0, -TRAILER_BYTES)).toString('hex')).toBe(body);
    expect(Buffer.from(encoded.subarray(-4)).toString('latin1')).toBe('\u0001MRS');
  });

  it('copies its id, so that it keeps nothing of the object alive', () => {
    const encoded = encodeFooter(SMALL);
    const { object } = decodeFooter(encoded);
    encoded.fill(0);
    expect(object).toEqual(SMALL.object);
  });

  it('asserts that topic ids are UUIDs', () => {
    const [part] = SMALL.parts;
    const bad = { ...SMALL, parts: [{ ...part, ledger: { topicId: 'short', index: 0 } }] } as Footer;
    expect(() => encodeFooter(bad)).toThrow('topic id short is not a UUID');
  });
});

describe('a damaged object', () => {
  it('is refused with a reason wherever it is cut', () => {
    fc.assert(
      fc.property(footer, fc.nat(), (any, seed) => {
        const encoded = encodeFooter(any);
        const cut = encoded.subarray(0, seed % encoded.length);
        expect(reason(() => decodeFooter(cut))).toMatch(/^The segment object is not readable: /);
      }),
    );
  });

  it('is refused with a reason where the front of its footer is missing', () => {
    fc.assert(
      fc.property(footer, fc.nat(), (any, seed) => {
        const encoded = encodeFooter(any);
        const front = 1 + (seed % (encoded.length - TRAILER_BYTES));
        expect(reason(() => decodeFooter(encoded.subarray(front)))).toMatch(/its footer of \d+ bytes is cut to \d+/);
      }),
    );
  });

  it('is refused with a reason whichever bit is flipped', () => {
    fc.assert(
      fc.property(footer, fc.nat(), (any, seed) => {
        const encoded = encodeFooter(any);
        const bit = seed % (encoded.length * 8);
        encoded[bit >> 3] = (encoded[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(reason(() => decodeFooter(encoded))).toMatch(/^The segment object is not readable: /);
      }),
      { numRuns: 1_000 },
    );
  });

  it('never ends in another exception, whatever its bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(reason(() => decodeFooter(bytes))).toMatch(/^The segment object is not readable: /);
        expect(reason(() => footerBytes(bytes))).toMatch(/^The segment object is not readable: /);
      }),
    );
  });

  it('never ends in another exception where only the checksum fits, made so by someone who means harm', () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      // A count of 2^53 − 1 parts, or of runs, with little behind it.
      fc.uint8Array({ maxLength: 60 }).map((rest) => concatBytes([new Uint8Array(14), hugeCount(), rest])),
      fc
        .uint8Array({ maxLength: 60 })
        .map((rest) => concatBytes([new Uint8Array(14), Uint8Array.of(1), new Uint8Array(19), hugeCount(), rest])),
    );
    fc.assert(
      fc.property(hostile, (body) => {
        const outcome = reason(() => decodeFooter(sealed(body)));
        // Bytes that happen to be a footer are one; an empty one is the only kind that random bytes ever are.
        const mayBeFooter = body.length >= 15;
        expect(mayBeFooter || outcome.includes('its footer is malformed')).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['nothing', new Uint8Array(0), 'it has only 0 bytes'],
    ['less than a trailer', new Uint8Array(11), 'it has only 11 bytes'],
    ['another ending', sealed(new Uint8Array(15), { mark: 'MRT' }), 'it does not end with the mark MRS'],
    ['another version', sealed(new Uint8Array(15), { version: 2 }), 'its format version is 2, this program reads 1'],
    ['bytes left over', sealed(concatBytes([new Uint8Array(15), Uint8Array.of(0, 0)])), '2 bytes too many'],
    ['an id cut short', sealed(new Uint8Array(9)), 'its footer is malformed: 8 bytes wanted at position 6, 3 are left'],
  ])('is refused for %s', (_, bytes, expected) => {
    expect(reason(() => decodeFooter(bytes))).toContain(expected);
  });
});

function hugeCount(): Uint8Array {
  return new ByteWriter().unsignedVarint(Number.MAX_SAFE_INTEGER).finish();
}
