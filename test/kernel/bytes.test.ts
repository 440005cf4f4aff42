import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ByteReader,
  ByteWriter,
  bufferOfParts,
  bytesEqual,
  compareBytes,
  concatBytes,
  fromBase64Url,
  fromHex,
  MalformedBytesError,
  releaseBytes,
  releaseWithParts,
  toBase64Url,
  toHex,
  utf8,
  utf8Text,
} from '../../lib/kernel/bytes.ts';

const anyBytes = fc.uint8Array({ maxLength: 300 });
const unsigned = (bits: number) => fc.maxSafeNat().map((n) => n % 2 ** bits);

describe('text', () => {
  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(utf8Text(utf8(text))).toBe(text);
      }),
    );
  });

  it('keeps a byte order mark, which is part of the text', () => {
    expect(utf8Text(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa');
  });

  it.each([
    ['a lone continuation byte', [0x80]],
    ['a cut sequence', [0xe2, 0x82]],
    ['an overlong form', [0xc0, 0xaf]],
    ['an encoded surrogate', [0xed, 0xa0, 0x80]],
    ['a code point beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ])('refuses %s', (_, bytes) => {
    expect(utf8Text(Uint8Array.from(bytes))).toBeUndefined();
  });
});

describe('comparing and joining', () => {
  it('joins chunks in order', () => {
    fc.assert(
      fc.property(fc.array(anyBytes), (chunks) => {
        expect([...concatBytes(chunks)]).toEqual(chunks.flatMap((chunk) => [...chunk]));
      }),
    );
  });

  it('orders by unsigned bytes, a prefix first, as Node does', () => {
    const similar = fc.uint8Array({ maxLength: 4, max: 3 });
    fc.assert(
      fc.property(fc.oneof(anyBytes, similar), fc.oneof(anyBytes, similar), (a, b) => {
        expect(compareBytes(a, b)).toBe(Buffer.compare(a, b));
        expect(bytesEqual(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
    );
  });
});

describe('hex', () => {
  it('is what Node writes, and is read back in either case', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const text = toHex(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('hex'));
        expect(fromHex(text)).toEqual(bytes);
        expect(fromHex(text.toUpperCase())).toEqual(bytes);
      }),
    );
  });

  it.each(['0', '0g', 'zz', ' 00', '0x00', '００'])('refuses %j', (text) => expect(fromHex(text)).toBeUndefined());
});

describe('base64url', () => {
  it('is what Node writes, and is read back', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const text = toBase64Url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64url'));
        expect(fromBase64Url(text)).toEqual(bytes);
      }),
    );
  });

  it('reads only the canonical form, so that no two texts name the same bytes', () => {
    const text = fc.string({
      unit: fc.constantFrom('A', 'B', 'a', 'Q', '0', 'w', '-', '_', '=', '+', '/', ' ', 'é'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(text, (candidate) => {
        const bytes = fromBase64Url(candidate);
        expect(bytes === undefined ? candidate : toBase64Url(bytes)).toBe(candidate);
      }),
      { numRuns: 1_000 },
    );
    expect(fromBase64Url('AB')).toBeUndefined(); // bits left over that are not 0
    expect(fromBase64Url('AA==')).toBeUndefined();
    expect(fromBase64Url('A')).toBeUndefined();
    expect(fromBase64Url('AA')).toEqual(Uint8Array.of(0));
  });
});

/** One value of each kind, as what to write and how to read it back. */
const field = fc.oneof(
  unsigned(8).map((value) => ({ kind: 'u8' as const, value })),
  unsigned(16).map((value) => ({ kind: 'u16' as const, value })),
  unsigned(32).map((value) => ({ kind: 'u32' as const, value })),
  unsigned(48).map((value) => ({ kind: 'u48' as const, value })),
  fc.integer().map((value) => ({ kind: 'i32' as const, value })),
  fc.maxSafeNat().map((value) => ({ kind: 'unsignedVarint' as const, value })),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => ({ kind: 'i64' as const, value })),
  anyBytes.map((value) => ({ kind: 'bytes' as const, value })),
);

type Field = typeof field extends fc.Arbitrary<infer F> ? F : never;

function write(writer: ByteWriter, { kind, value }: Field): ByteWriter {
  if (kind === 'i64') return writer.i64(value);
  if (kind === 'bytes') return writer.bytes(value);
  return writer[kind](value);
}

function read(reader: ByteReader, { kind, value }: Field): number | bigint | Uint8Array {
  return kind === 'bytes' ? reader.bytes(value.length) : reader[kind]();
}

describe('ByteWriter and ByteReader', () => {
  it('read back every sequence of values, from any place in a larger buffer', () => {
    fc.assert(
      fc.property(fc.array(field), fc.nat({ max: 40 }), fc.nat({ max: 9 }), (fields, capacity, before) => {
        const writer = new ByteWriter(capacity);
        for (const one of fields) write(writer, one);
        const written = writer.finish();
        expect(writer.length).toBe(written.length);
        expect(writer.written()).toEqual(written);
        const reader = new ByteReader(concatBytes([new Uint8Array(before), written]), before);
        for (const one of fields) expect(read(reader, one)).toEqual(one.value);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it('write integers big-endian, as Node does', () => {
    const expected = Buffer.alloc(20);
    expected.writeUInt16BE(0x1234, 0);
    expected.writeUInt32BE(0xdeadbeef, 2);
    expected.writeUIntBE(0x0123456789ab, 6, 6);
    expected.writeBigInt64BE(-2n, 12);
    const written = new ByteWriter().u16(0x1234).u32(0xdeadbeef).u48(0x0123456789ab).i64(-2n).finish();
    expect(Buffer.from(written)).toEqual(expected);
  });

  it('write varints as LEB128', () => {
    // The example of the DWARF specification, section 7.6.
    expect(new ByteWriter().unsignedVarint(12857).finish()).toEqual(Uint8Array.of(0xb9, 0x64));
    expect(new ByteWriter().unsignedVarint(0).finish()).toEqual(Uint8Array.of(0));
    expect(new ByteWriter().unsignedVarint(Number.MAX_SAFE_INTEGER).length).toBe(8);
  });

  it('give a copy with `finish` and a view with `written`', () => {
    const writer = new ByteWriter().u8(1);
    const copy = writer.finish();
    const view = writer.written();
    view[0] = 9;
    expect(copy).toEqual(Uint8Array.of(1));
    expect(writer.finish()).toEqual(Uint8Array.of(9));
  });

  it('refuse at every place where the bytes end early, and never read beyond', () => {
    fc.assert(
      fc.property(fc.array(field, { minLength: 1 }), fc.nat(), (fields, seed) => {
        const writer = new ByteWriter();
        for (const one of fields) write(writer, one);
        fc.pre(writer.length > 0);
        const whole = writer.finish();
        const end = seed % whole.length;
        // What follows the cut is there in memory and must not be seen.
        const reader = new ByteReader(whole.subarray(0, end));
        expect(() => {
          for (const one of fields) read(reader, one);
        }).toThrow(MalformedBytesError);
        expect(reader.position).toBeLessThanOrEqual(end);
      }),
    );
  });

  it.each([
    ['eight continuation bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    ['a value of 2^53', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ['a value of 2^56 − 1', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  ])('refuse a varint with %s', (_, bytes) => {
    expect(() => new ByteReader(Uint8Array.from(bytes)).unsignedVarint()).toThrow(MalformedBytesError);
  });

  it.each([-1, 2 ** 48, 0.5, Number.NaN])('assert that %d is no 48-bit integer', (value) => {
    expect(() => new ByteWriter().u48(value)).toThrow('does not fit 48 bits');
  });

  it.each([-1, 2 ** 53, 0.5, Number.NaN])('assert that %d is no unsigned varint', (value) => {
    expect(() => new ByteWriter().unsignedVarint(value)).toThrow('is not an unsigned varint');
  });
});

describe('releaseBytes', () => {
  it('empties bytes that are all of their buffer', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    releaseBytes(bytes);
    expect(bytes).toHaveLength(0);
  });

  it('leaves bytes alone that are a part of a buffer', () => {
    const whole = Uint8Array.of(1, 2, 3);
    releaseBytes(whole.subarray(1));
    expect(whole).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('empties the parts of a buffer that is made for them with the last one', () => {
    const whole = bufferOfParts(5);
    const [a, b] = [whole.subarray(0, 2), whole.subarray(2)];
    releaseBytes(a);
    expect([a.length, b.length]).toEqual([2, 3]);
    releaseBytes(b);
    expect([a.length, b.length]).toEqual([0, 0]);
  });

  it('empties memory with the last of the parts that matter', () => {
    const whole = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const [a, b] = [whole.subarray(1, 2), whole.subarray(3, 5)];
    releaseWithParts([a, whole.subarray(0, 0), b]);
    releaseBytes(b);
    expect([a.length, b.length]).toEqual([1, 2]);
    releaseBytes(a);
    expect([a.length, b.length, whole.length]).toEqual([0, 0, 0]);
  });

  it('leaves memory alone of which no part matters', () => {
    const whole = Uint8Array.of(1, 2, 3);
    releaseWithParts([whole.subarray(0, 0)]);
    releaseBytes(whole.subarray(1));
    expect(whole).toHaveLength(3);
  });
});
