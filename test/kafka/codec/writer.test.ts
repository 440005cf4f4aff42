import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireReader } from '../../../lib/kafka/codec/reader.ts';
import { WireWriter } from '../../../lib/kafka/codec/writer.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { ShortTurns } from '../../support/short-turns.ts';

const written = (write: (writer: WireWriter) => void): number[] => {
  const writer = new WireWriter();
  write(writer);
  return Array.from(concatBytes(writer.take()));
};

it('writes numbers big-endian', () => {
  expect(written((writer) => writer.int16(-2))).toEqual([0xff, 0xfe]);
  expect(written((writer) => writer.uint32(0x8000_0001))).toEqual([0x80, 0, 0, 1]);
  expect(written((writer) => writer.int64(-1n))).toEqual([255, 255, 255, 255, 255, 255, 255, 255]);
});

it('writes strings in both forms, and their null', () => {
  expect(written((writer) => writer.string('ü', false))).toEqual([0, 2, 0xc3, 0xbc]);
  expect(written((writer) => writer.string('ü', true))).toEqual([3, 0xc3, 0xbc]);
  expect(written((writer) => writer.string(null, false))).toEqual([0xff, 0xff]);
  expect(written((writer) => writer.string(null, true))).toEqual([0]);
});

it.each([true, false])('cuts strings that no reader takes (compact: %s)', (flexible) => {
  const writer = new WireWriter();
  writer.string('x'.repeat(0x7fff), flexible);
  writer.string(`€${'x'.repeat(0x8000)}`, flexible);
  const reader = new WireReader(concatBytes(writer.take()));
  expect(reader.string(flexible)).toBe('x'.repeat(0x7fff));
  expect(reader.string(flexible)).toMatch(/^€x{10000,}$/);
});

it('passes records on without copying them', () => {
  const pieces = [Uint8Array.from([1, 2]), Uint8Array.from([3])];
  const writer = new WireWriter();
  writer.int8(7);
  writer.records(pieces, false);
  writer.int8(8);
  const chunks = writer.take();
  for (const piece of pieces) expect(chunks).toContain(piece);
  expect(Array.from(concatBytes(chunks))).toEqual([7, 0, 0, 0, 3, 1, 2, 3, 8]);
});

it('puts tagged fields in their length', () => {
  const fields = [
    { tag: 0, write: (inner: WireWriter) => inner.int16(1) },
    { tag: 130, write: (inner: WireWriter) => inner.string('x'.repeat(200), true) },
  ];
  const bytes = written((writer) => writer.taggedFields(fields));
  expect(bytes.slice(0, 5)).toEqual([2, 0, 2, 0, 1]);
  expect(bytes.slice(5, 9)).toEqual([0x82, 0x01, 0xca, 0x01]);
  expect(bytes).toHaveLength(5 + 4 + 202);
});

it('keeps everything in its order and knows its length, however large it gets', () => {
  const parts = fc.array(fc.oneof(fc.uint8Array({ maxLength: 90_000 }), fc.string({ maxLength: 300 })), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(parts, (given) => {
      const writer = new WireWriter();
      for (const part of given) {
        if (typeof part === 'string') writer.string(part, false);
        else writer.bytes(part, true);
      }
      const { length } = writer;
      const bytes = concatBytes(writer.take());
      expect(bytes.length).toBe(length);
      const reader = new WireReader(bytes);
      const found = given.map((part) => (typeof part === 'string' ? reader.string(false) : reader.bytes(true)));
      expect(found.map(plain)).toEqual(given.map(plain));
      expect(writer.length).toBe(0);
    }),
    { numRuns: 50 },
  );
});

describe('a writer that leaves the elements of long arrays', () => {
  const table = Array.from({ length: 5 }, (_, row) =>
    Array.from({ length: row + 1 }, (_, column) => row * 10 + column),
  );
  const writeTable = (writer: WireWriter) => {
    writer.int8(-1);
    writer.array(table, true, (row) => writer.array(row, false, (cell) => writer.int8(cell)));
    writer.records(Uint8Array.from([9, 9]), false);
    writer.array(table, false, (row) =>
      writer.taggedFields([{ tag: 1, write: (inner) => inner.array(row, true, (cell) => inner.int16(cell)) }]),
    );
  };

  it.each([0, 1, 3, 5, 100])('writes the same with arrays of at most %i at once', async (elementsAtOnceMax) => {
    const writer = new WireWriter(elementsAtOnceMax);
    writeTable(writer);
    const bytes = concatBytes(await writer.takeInTurns(new ShortTurns()));
    expect(Array.from(bytes)).toEqual(written(writeTable));
    expect(await writer.takeInTurns(new ShortTurns())).toEqual([]);
  });

  it('has breaks between elements, and none where nothing was left', async () => {
    const writer = new WireWriter(100);
    const breaksIn = async (elements: number) => {
      const turns = new ShortTurns();
      writer.array(Array.from({ length: elements }), false, () => writer.int8(0));
      await writer.takeInTurns(turns);
      return turns.breaks;
    };
    expect(await breaksIn(100)).toBe(0);
    expect(await breaksIn(1_000)).toBeGreaterThan(400);
  });

  it('does not hand out a message with holes', () => {
    const writer = new WireWriter(1);
    writer.array([1, 2], false, (each) => writer.int8(each));
    expect(() => writer.take()).toThrow('nothing is left to be written');
  });
});

function plain(part: string | Uint8Array): string {
  return typeof part === 'string' ? part : Buffer.from(part).toString('base64');
}
