import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireReader } from '../../../lib/kafka/codec/reader.ts';
import { WireFormatError } from '../../../lib/kafka/codec/wire-format-error.ts';
import { WireWriter } from '../../../lib/kafka/codec/writer.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';

const reading = (...bytes: number[]) => new WireReader(Uint8Array.from(bytes));

describe('lengths', () => {
  const huge = [0x7f, 0xff, 0xff, 0xff];
  const hugeVarint = [0xff, 0xff, 0xff, 0xff, 0x0f];

  it.each([
    ['a string', () => reading(0x7f, 0xff, 1).string(false)],
    ['a compact string', () => reading(...hugeVarint, 1).string(true)],
    ['bytes', () => reading(...huge, 1).bytes(false)],
    ['compact bytes', () => reading(...hugeVarint, 1).bytes(true)],
    ['an array', () => reading(...huge, 1).array(false, 1, () => 0)],
    ['a compact array', () => reading(...hugeVarint, 1).array(true, 1, () => 0)],
    ['a tagged field', () => reading(1, 0, ...hugeVarint, 1).taggedFields()],
    ['tagged fields', () => reading(...hugeVarint).taggedFields()],
  ])('%s that is longer than what is left is refused', (_what, read) => {
    expect(read).toThrow(WireFormatError);
  });

  it('refuses an array whose elements cannot all be there, before it makes any', () => {
    let made = 0;
    const element = () => made++;
    expect(() => reading(0, 0, 0, 3, 1, 2, 3, 4, 5).array(false, 2, element)).toThrow(WireFormatError);
    expect(made).toBe(0);
  });

  it('refuses lengths below that of null', () => {
    expect(() => reading(0xff, 0xfe).nullableString(false)).toThrow(WireFormatError);
    expect(() => reading(0xff, 0xff, 0xff, 0xfe).nullableBytes(false)).toThrow(WireFormatError);
    expect(() => reading(0xff, 0xff, 0xff, 0xfe).nullableArray(false, 1, () => 0)).toThrow(WireFormatError);
  });

  it('refuses texts that an answer could not repeat in every version', () => {
    const compact = (text: Uint8Array) => {
      const writer = new WireWriter();
      writer.bytes(text, true);
      return new WireReader(concatBytes(writer.take())).string(true);
    };
    expect(compact(new Uint8Array(0x7fff).fill(0x78))).toHaveLength(0x7fff);
    expect(() => compact(new Uint8Array(0x8000).fill(0x78))).toThrow(WireFormatError);
    // What is not UTF-8 is written again with three bytes for each.
    expect(compact(new Uint8Array(0x2aaa).fill(0xff))).toHaveLength(0x2aaa);
    expect(() => compact(new Uint8Array(0x2aab).fill(0xff))).toThrow(WireFormatError);
  });

  it('counts the elements of all arrays together', () => {
    const reader = new WireReader(Uint8Array.from([3, 0, 0, 4, 0, 0, 0]), 4);
    expect(reader.array(true, 1, () => reader.int8())).toEqual([0, 0]);
    expect(() => reader.array(true, 1, () => reader.int8())).toThrow(WireFormatError);
  });
});

describe('null', () => {
  it('is read in both forms', () => {
    expect(reading(0xff, 0xff).nullableString(false)).toBeNull();
    expect(reading(0).nullableString(true)).toBeNull();
    expect(reading(0xff, 0xff, 0xff, 0xff).nullableBytes(false)).toBeNull();
    expect(reading(0).nullableArray(true, 1, () => 0)).toBeNull();
    expect(reading(0xff).nullableStruct(() => 0)).toBeNull();
  });

  it('is refused where the protocol has none', () => {
    expect(() => reading(0).string(true)).toThrow(WireFormatError);
    expect(() => reading(0).bytes(true)).toThrow(WireFormatError);
    expect(() => reading(0).array(true, 1, () => 0)).toThrow(WireFormatError);
  });
});

describe('variable-length numbers', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (value) => {
        const writer = new WireWriter();
        writer.unsignedVarint(value);
        const reader = new WireReader(concatBytes(writer.take()));
        expect(reader.unsignedVarint()).toBe(value);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it.each([[[0xff, 0xff, 0xff, 0xff, 0x10]], [[0x80, 0x80, 0x80, 0x80, 0x80, 0x01]]])(
    'of more than 32 bits are refused: %o',
    (bytes) => {
      expect(() => reading(...bytes).unsignedVarint()).toThrow(WireFormatError);
    },
  );
});

describe('tagged fields', () => {
  it('that nobody knows are passed over', () => {
    const reader = reading(2, 0, 1, 9, 5, 2, 8, 8, 7);
    const seen: number[] = [];
    reader.taggedFields((tag) => {
      seen.push(tag);
      return false;
    });
    expect(seen).toEqual([0, 5]);
    expect(reader.int8()).toBe(7);
  });

  it('that come twice, or not in their order, are refused', () => {
    expect(() => reading(2, 1, 0, 1, 0).taggedFields()).toThrow(WireFormatError);
    expect(() => reading(2, 1, 0, 0, 0).taggedFields()).toThrow(WireFormatError);
  });

  it('that are longer or shorter than they say are refused', () => {
    const reader = reading(1, 0, 2, 9, 9);
    expect(() => reader.taggedFields(() => reader.int8() === 9)).toThrow(WireFormatError);
    const short = reading(1, 0, 1, 9, 9);
    expect(() => short.taggedFields(() => short.int16() > 0)).toThrow(WireFormatError);
  });
});

it('gives bytes as parts of the frame, without copying', () => {
  const frame = Uint8Array.from([0, 0, 0, 2, 8, 9]);
  expect(new WireReader(frame).bytes(false).buffer).toBe(frame.buffer);
});
