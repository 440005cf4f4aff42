import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter, concatBytes } from '../../../lib/kernel/bytes.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import { SegmentBuilder, type SegmentIdentity } from '../../../lib/log/merged/segment-builder.ts';
import { decodeSegmentFooter, itemOfFooter, segmentFooterBytes } from '../../../lib/log/merged/segment-footer.ts';
import {
  blockFor,
  blockSince,
  blocksBetween,
  checkBlock,
  type SegmentBlock,
} from '../../../lib/log/merged/segment-index.ts';
import { encodeSegmentItem } from '../../../lib/log/merged/segment-item.ts';
import { TRAILER_BYTES } from '../../../lib/log/segment/trailer.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';
import { type StoredBatch, storedBatches } from '../../support/stored-batches.ts';
import { rawBatch } from '../record-batch/raw-batch.ts';

const IDENTITY: SegmentIdentity = {
  object: { birthMs: 0x0102030405, random: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
  topicId: 'AAECAwQFBgcICQoLDA0ODw',
  topic: 'häuser',
  partition: 300,
  base: 0,
  level: 2,
  version: 9,
};

const any = storedBatches.chain(({ from, batches }) =>
  fc.record({
    from: fc.constant(from),
    batches: fc.constant(batches),
    // Offsets at the end that compaction has left nothing of.
    beyond: fc.nat({ max: 1_000 }),
    compacted: fc.boolean(),
    // How many batches each chunk has.
    chunking: fc.integer({ min: 1, max: 5 }),
  }),
);

type Any = typeof any extends fc.Arbitrary<infer T> ? T : never;

function built({ from, batches, beyond, compacted, chunking }: Any) {
  const builder = new SegmentBuilder({ ...IDENTITY, base: from, ...(compacted && { compacted }) });
  for (let n = 0; n < batches.length; n += chunking) {
    builder.add(concatBytes(batches.slice(n, n + chunking).map(({ bytes }) => bytes)));
  }
  const end = (batches.at(-1)?.end ?? from + 1) + beyond;
  const { footer, segment } = builder.finish(end);
  return { body: concatBytes(batches.map(({ bytes }) => bytes)), footer, segment, end };
}

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

describe('a merged segment', () => {
  it('is read back from the end of its object, and its item is made again from it', () => {
    fc.assert(
      fc.property(any, (input) => {
        const { body, footer, segment, end } = built(input);
        const { batches, from } = input;
        const read = decodeSegmentFooter(concatBytes([body, footer]));
        expect(read).toMatchObject({ ...IDENTITY, base: from, end });
        expect(segmentFooterBytes(footer.subarray(-TRAILER_BYTES))).toBe(footer.length);
        expect(itemOfFooter(read, footer.length)).toEqual(segment);
        const timed = batches.filter(({ newestMs }) => newestMs >= 0);
        const horizons = batches.flatMap(({ horizonMs }) => horizonMs ?? []);
        expect(segment).toEqual({
          partition: 300,
          base: from,
          end,
          object: IDENTITY.object,
          bytes: body.length,
          footerBytes: footer.length,
          records: batches.reduce((sum, { records }) => sum + records, 0),
          level: 2,
          ...(timed.length > 0 && {
            newestMs: Math.max(...timed.map(({ newestMs }) => newestMs)),
            oldestMs: Math.min(...timed.map(({ oldestMs }) => oldestMs)),
          }),
          ...(input.compacted && { compacted: true }),
          ...(horizons.length > 0 && { horizonMs: Math.min(...horizons) }),
        });
        expect(() => encodeSegmentItem(segment)).not.toThrow();
      }),
    );
  });

  it('has blocks of whole batches, whose bytes and checksums are those of the object', () => {
    fc.assert(
      fc.property(any, (input) => {
        const { body, footer } = built(input);
        const { blocks } = decodeSegmentFooter(footer);
        let position = 0;
        for (const block of blocks) {
          expect(block.position).toBe(position);
          position += block.bytes;
          const within = batchesIn(input.batches, block);
          expect(within.length).toBeGreaterThan(0);
          expect(within.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBe(block.bytes);
          expect([block.base, block.end]).toEqual([within[0]?.base, within.at(-1)?.end]);
          const { length } = within.at(-1)?.bytes ?? new Uint8Array();
          expect(block.bytes - length).toBeLessThan(mergingLimits.segmentBlockBytes);
          checkBlock(body.subarray(block.position, position), block, 'merged/1/x');
        }
        expect(position).toBe(body.length);
        const small = blocks.slice(0, -1).filter(({ bytes }) => bytes < mergingLimits.segmentBlockBytes);
        expect(small).toEqual([]);
      }),
    );
  });

  it('has the layout that the documentation gives', () => {
    const builder = new SegmentBuilder({ ...IDENTITY, base: 5, compacted: true });
    const empty = builder.finish(300);
    const hex = Buffer.from(empty.footer.subarray(0, -TRAILER_BYTES)).toString('hex');
    const topic = `07${Buffer.from('häuser').toString('hex')}`;
    const id = '0001020304050102030405060708';
    expect(hex).toBe(
      [id, '000102030405060708090a0b0c0d0e0f', topic, 'ac02', '05', 'a702', '00', '02', '09', '01', '00'].join(''),
    );
    expect(Buffer.from(empty.footer.subarray(-4)).toString('latin1')).toBe('\u0001MRM');
    expect(empty.segment).toMatchObject({ base: 5, end: 300, bytes: 0, records: 0 });
  });

  it('is asserted to hold batches in order, and to cover at least an offset', () => {
    const input = fc.sample(
      storedBatches.filter(({ batches }) => batches.length > 1),
      { numRuns: 1, seed: 7 },
    )[0];
    const [first, second] = (input as { batches: StoredBatch[] }).batches as [StoredBatch, StoredBatch];
    const builder = new SegmentBuilder({ ...IDENTITY, base: first.base });
    expect(() => builder.finish()).toThrow('ends at');
    builder.add(concatBytes([first.bytes, second.bytes]));
    expect([builder.bytes, builder.end]).toEqual([first.bytes.length + second.bytes.length, second.end]);
    expect(() => builder.add(first.bytes)).toThrow(`a batch at ${first.base} follows one that ends at ${second.end}`);
    expect(() => builder.finish(second.end - 1)).toThrow('ends at');
    expect(reason(() => builder.add(second.bytes.subarray(1)))).not.toContain('accepted');
  });
});

describe('timestamps that no footer can hold', () => {
  it('are cut to the latest one that it can, since merging must not end at what a producer has sent', () => {
    const beyond = BigInt(topicLimits.timestampMsMax) + 5n;
    const builder = new SegmentBuilder(IDENTITY);
    builder.add(rawBatch(new Uint8Array(3), { attributes: 0x40, baseTimestamp: beyond, maxTimestamp: beyond }));
    const { footer, segment } = builder.finish();
    const latest = topicLimits.timestampMsMax;
    expect(segment).toMatchObject({ newestMs: latest, oldestMs: latest, horizonMs: latest });
    expect(decodeSegmentFooter(footer)).toMatchObject({ newestMs: latest, oldestMs: latest, horizonMs: latest });
  });
});

describe('looking into a segment', () => {
  it('finds the block of an offset, and after a gap the next one', () => {
    fc.assert(
      fc.property(any, fc.nat(), (input, seed) => {
        const { footer, end } = built(input);
        const { blocks } = decodeSegmentFooter(footer);
        const offset = input.from + (seed % (end - input.from));
        const expected = input.batches.find((batch) => batch.end > offset);
        const found = blockFor(blocks, offset);
        expect(found === undefined).toBe(expected === undefined);
        const within = found === undefined ? [undefined] : batchesIn(input.batches, blocks[found]);
        expect(within).toContain(expected);
      }),
    );
  });

  it('finds the block with the first batch that has a record at or after a time', () => {
    fc.assert(
      fc.property(any, fc.nat({ max: 101_500 }), (input, ms) => {
        const { blocks } = decodeSegmentFooter(built(input).footer);
        const expected = input.batches.find(({ newestMs }) => newestMs >= ms);
        const found = blockSince(blocks, ms);
        expect(found === undefined).toBe(expected === undefined);
        const within = found === undefined ? [undefined] : batchesIn(input.batches, blocks[found]);
        expect(within).toContain(expected);
      }),
    );
  });

  it('reads what was asked for in neighbouring blocks, no more than it may but at least one', () => {
    const asked = fc.record({ from: fc.nat(), to: fc.nat(), bytesMax: fc.nat({ max: 400_000 }) });
    fc.assert(
      fc.property(any, asked, (input, { from: a, to: b, bytesMax }) => {
        const { footer, end } = built(input);
        const { blocks } = decodeSegmentFooter(footer);
        const [from, to] = [a, b].map((n) => input.from + (n % (end - input.from + 1))).sort((x, y) => x - y) as [
          number,
          number,
        ];
        const chosen = blocksBetween(blocks, { from, to, bytesMax });
        const wanted = blocks.filter((block) => block.end > from && block.base < to);
        expect(chosen).toEqual(wanted.slice(0, chosen.length));
        const bytes = chosen.reduce((sum, block) => sum + block.bytes, 0);
        expect(chosen.length <= 1 || bytes <= bytesMax).toBe(true);
        const next = wanted[chosen.length];
        expect(next === undefined || (chosen.length >= 1 && bytes + next.bytes > bytesMax)).toBe(true);
      }),
    );
  });

  it('refuses bytes that are not those of the block, and says which offsets are lost', () => {
    const bytes = new Uint8Array(100).fill(7);
    const block: SegmentBlock = { base: 10, end: 20, position: 64, bytes: 100, newestMs: 5, crc32c: crc32c(bytes) };
    checkBlock(bytes, block, 'merged/1/x');
    const flipped = bytes.with(50, 6);
    expect(reason(() => checkBlock(flipped, block, 'merged/1/x'))).toBe(
      'The object merged/1/x is damaged: the bytes from 64 on, with the offsets 10 to 19, do not match their checksum.',
    );
    expect(reason(() => checkBlock(bytes.subarray(1), block, 'merged/1/x'))).toContain('are 99, the index says 100');
  });
});

describe('a damaged footer', () => {
  const footers = any.map((input) => built(input).footer);

  it('is refused with a reason wherever it is cut and whichever bit is flipped', () => {
    fc.assert(
      fc.property(footers, fc.nat(), (footer, seed) => {
        const refused = /^The segment object is not readable: /;
        expect(reason(() => decodeSegmentFooter(footer.subarray(0, seed % footer.length)))).toMatch(refused);
        expect(reason(() => decodeSegmentFooter(footer.subarray(1 + (seed % footer.length))))).toMatch(refused);
        const bit = seed % (footer.length * 8);
        footer[bit >> 3] = (footer[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(reason(() => decodeSegmentFooter(footer))).toMatch(refused);
      }),
      { numRuns: 300 },
    );
  });

  it('never ends in another exception where only the checksum fits, made so by someone who means harm', () => {
    const front = new SegmentBuilder({ ...IDENTITY, base: 5 }).finish(300).footer.slice(0, -TRAILER_BYTES);
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 120 }),
      fc.uint8Array({ maxLength: 60 }).map((rest) => concatBytes([front.subarray(0, -1), rest])),
      fc.tuple(fc.nat({ max: 200 }), fc.nat()).map(([value, seed]) => front.with(seed % front.length, value)),
    );
    fc.assert(
      fc.property(hostile, (body) => {
        const outcome = reason(() => decodeSegmentFooter(sealed(body)));
        expect(outcome).toMatch(/^The segment object is not readable: |accepted$/);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    [
      'blocks without end',
      (w: ByteWriter) => w.u8(0).unsignedVarint(Number.MAX_SAFE_INTEGER),
      'are more than its footer can hold',
    ],
    [
      'blocks beyond its end',
      (w: ByteWriter) =>
        w
          .u8(0)
          .unsignedVarint(1)
          .bytes(block(0, 500, 9)),
      'its blocks end at 505',
    ],
    [
      'a block without bytes',
      (w: ByteWriter) =>
        w
          .u8(0)
          .unsignedVarint(1)
          .bytes(block(0, 5, 0)),
      'from 5 on is none',
    ],
    [
      'a block without offsets',
      (w: ByteWriter) =>
        w
          .u8(0)
          .unsignedVarint(1)
          .bytes(block(0, 0, 9)),
      'from 5 on is none',
    ],
    ['flags of another time', (w: ByteWriter) => w.u8(8).u8(0), 'its flags are 8'],
    ['bytes left over', (w: ByteWriter) => w.u8(0).u8(0).u8(0), 'its footer has 1 bytes too many'],
  ])('is refused for %s', (_, write, expected) => {
    const front = new SegmentBuilder({ ...IDENTITY, base: 5 }).finish(300).footer.slice(0, -TRAILER_BYTES - 2);
    const rest = new ByteWriter();
    write(rest);
    expect(reason(() => decodeSegmentFooter(sealed(concatBytes([front, rest.finish()]))))).toContain(expected);
  });

  it('of an object of another kind is told by its mark', () => {
    const [footer] = fc.sample(footers, { numRuns: 1, seed: 3 }) as [Uint8Array];
    expect(reason(() => decodeSegmentFooter(footer.with(footer.length - 1, 'S'.charCodeAt(0))))).toContain(
      'the mark MRM',
    );
  });
});

it('takes little memory for its index: about a ten-thousandth of the segment', () => {
  const batch = fc
    .sample(
      storedBatches.filter(({ batches }) => batches.some(({ bytes }) => bytes.length > 65_000)),
      {
        numRuns: 1,
        seed: 5,
      },
    )[0]
    ?.batches.find(({ bytes }) => bytes.length > 65_000) as StoredBatch;
  const builder = new SegmentBuilder({ ...IDENTITY, base: batch.base, topicId: LEDGER.topicId });
  const view = new DataView(batch.bytes.buffer, batch.bytes.byteOffset);
  for (let n = 0; n < 500; n++) {
    view.setBigInt64(0, BigInt(builder.end));
    builder.add(batch.bytes);
  }
  const { footer, segment } = builder.finish();
  expect(footer.length).toBeLessThan(segment.bytes / 4_000);
});

function batchesIn(batches: readonly StoredBatch[], block: SegmentBlock | undefined): StoredBatch[] {
  if (block === undefined) return [];
  return batches.filter(({ base, end }) => base >= block.base && end <= block.end);
}

function sealed(body: Uint8Array): Uint8Array {
  const trailer = new ByteWriter().u32(body.length).u32(crc32c(body)).u8(1).bytes(Buffer.from('MRM')).finish();
  return concatBytes([body, trailer]);
}

function block(gap: number, offsets: number, bytes: number): Uint8Array {
  return new ByteWriter().unsignedVarint(gap).unsignedVarint(offsets).unsignedVarint(bytes).u8(0).u32(0).finish();
}
