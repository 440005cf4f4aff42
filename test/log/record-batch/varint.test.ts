import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedBytesError, toHex } from '../../../lib/kernel/bytes.ts';
import {
  sizeOfVarint,
  sizeOfVarlong,
  VarintReader,
  writeVarint,
  writeVarlong,
} from '../../../lib/log/record-batch/varint.ts';
import { varint, varlong } from './raw-batch.ts';

// From Kafka's ByteUtilsTest (varints: testCorrectnessWriteUnsignedVarint and testVarintSerde; varlongs:
// testVarlongSerde).
const VARINTS: [number, string][] = [
  [0, '00'],
  [-1, '01'],
  [1, '02'],
  [63, '7e'],
  [-64, '7f'],
  [64, '8001'],
  [-65, '8101'],
  [8191, 'fe7f'],
  [-8192, 'ff7f'],
  [8192, '808001'],
  [-8193, '818001'],
  [1048575, 'feff7f'],
  [1048576, '80808001'],
  [134217727, 'feffff7f'],
  [134217728, '8080808001'],
  [2147483647, 'feffffff0f'],
  [-2147483648, 'ffffffff0f'],
];
const VARLONGS: [number, string][] = [
  ...VARINTS,
  [17179869183, 'feffffff7f'],
  [-17179869184, 'ffffffff7f'],
  [17179869184, '808080808001'],
  [-17179869185, '818080808001'],
  [2199023255551, 'feffffffff7f'],
  [2199023255552, '80808080808001'],
  [281474976710655, 'feffffffffff7f'],
  [-281474976710657, '8180808080808001'],
  [Number.MAX_SAFE_INTEGER, 'feffffffffffff1f'],
  [-(2 ** 53), 'ffffffffffffff1f'],
  [2 ** 53, '8080808080808020'],
];

describe('varint', () => {
  test.each(VARINTS)('writes and reads %i as %s', (value, hex) => {
    expect(toHex(varint(value))).toBe(hex);
    expect(sizeOfVarint(value)).toBe(hex.length / 2);
    expect(new VarintReader(varint(value)).varint()).toBe(value);
  });

  test('reads what it writes, in the size it announced', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (value) => {
        const target = new Uint8Array(8);
        const end = writeVarint(target, 2, value);
        expect(end - 2).toBe(sizeOfVarint(value));
        const reader = new VarintReader(target, 2, end);
        expect(reader.varint()).toBe(value);
        expect(reader.position).toBe(end);
      }),
    );
  });

  test('accepts zeros on top, as Kafka does', () => {
    expect(new VarintReader(Uint8Array.of(0x82, 0x80, 0x80, 0x80, 0x00)).varint()).toBe(1);
  });

  test.each([
    ['more than 5 bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    ['more than 32 bits', [0xff, 0xff, 0xff, 0xff, 0x1f]],
    ['an end inside it', [0x80, 0x80]],
    ['no bytes', []],
  ])('refuses %s', (_, bytes) => {
    expect(() => new VarintReader(Uint8Array.from(bytes)).varint()).toThrow(MalformedBytesError);
  });
});

describe('varlong', () => {
  test.each(VARLONGS)('writes and reads %i as %s', (value, hex) => {
    expect(toHex(varlong(value))).toBe(hex);
    expect(sizeOfVarlong(value)).toBe(hex.length / 2);
    expect(new VarintReader(varlong(value)).varlong()).toBe(value);
  });

  test('agrees with 64-bit arithmetic on every integer up to 2^53', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const expected: number[] = [];
        let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
        for (; rest >= 0x80n; rest >>= 7n) expected.push(Number(rest & 0x7fn) | 0x80);
        expected.push(Number(rest));
        expect([...varlong(value)]).toEqual(expected);
        expect(sizeOfVarlong(value)).toBe(expected.length);
        const target = new Uint8Array(12);
        const end = writeVarlong(target, 1, value);
        expect(new VarintReader(target, 1, end).varlong()).toBe(value);
      }),
    );
  });

  test.each([
    ['more than 10 bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    ['more than 64 bits', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]],
    ['the largest int64, which is no safe integer', [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['2^53 + 1', [0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]],
    ['-2^53 - 1', [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]],
    ['an end inside it', [0x80, 0x80, 0x80, 0x80, 0x80]],
  ])('refuses %s', (_, bytes) => {
    expect(() => new VarintReader(Uint8Array.from(bytes)).varlong()).toThrow(MalformedBytesError);
  });
});

test('skipping beyond the end is refused, and never moves back', () => {
  const reader = new VarintReader(new Uint8Array(10), 4, 8);
  expect(reader.skip(4)).toBe(4);
  expect(() => reader.skip(1)).toThrow(MalformedBytesError);
  expect(reader.position).toBe(8);
});
