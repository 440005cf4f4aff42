import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { newTopicId } from '../../../lib/kernel/ids.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { decodeFooter } from '../../../lib/log/segment/footer.ts';
import { type BatchRun, type DraftPart, layOut } from '../../../lib/log/segment/layout.ts';

const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 });

const batchRun: fc.Arbitrary<BatchRun> = fc
  .record({
    chunks: fc.array(bytes, { minLength: 1, maxLength: 3 }),
    records: fc.integer({ min: 1, max: 9 }),
    maxTimestamp: fc.nat(),
  })
  .map(({ chunks, records, maxTimestamp }) => {
    const joined = concatBytes(chunks);
    return { chunks, records, maxTimestamp, bytes: joined.length, crc32c: crc32c(joined) };
  });

const draft: fc.Arbitrary<DraftPart> = fc
  .record({
    index: fc.nat({ max: 100 }),
    seen: fc.nat(),
    slots: fc.array(fc.tuple(fc.nat({ max: 15 }), fc.array(batchRun, { minLength: 1, maxLength: 3 })), {
      minLength: 1,
      maxLength: 16,
    }),
  })
  .map(({ index, seen, slots }) => ({
    ledger: { topicId: newTopicId(seededRandom(index)), index },
    seen,
    slots: new Map(slots),
  }));

const OBJECT = { birthMs: 1, random: new Uint8Array(8).fill(1) };

describe('layOut', () => {
  it('puts every run where its part says, with its checksum, and a footer that agrees', () => {
    fc.assert(
      fc.property(fc.array(draft, { minLength: 1, maxLength: 6 }), (drafts) => {
        const layout = layOut(OBJECT, drafts);
        const object = concatBytes(layout.chunks);
        expect(object).toHaveLength(layout.bytes);
        expect(decodeFooter(object)).toEqual({ object: OBJECT, parts: layout.parts.map(({ part }) => part) });
        let position = 0;
        for (const [index, { part, position: start, chunks }] of layout.parts.entries()) {
          const { ledger, seen, slots } = drafts[index] as DraftPart;
          expect(part).toMatchObject({ ledger, seen, part: index });
          expect(start).toBe(position);
          expect(part.runs.map(({ slot }) => slot)).toEqual([...slots.keys()].sort((a, b) => a - b));
          for (const run of part.runs) {
            const pieces = slots.get(run.slot) as BatchRun[];
            const expected = concatBytes(pieces.flatMap((piece) => [...piece.chunks]));
            const stored = object.subarray(position, position + run.bytes);
            expect(stored).toEqual(expected);
            expect(concatBytes(chunks.get(run.slot) as Uint8Array[])).toEqual(expected);
            expect(run.crc32c).toBe(crc32c(stored));
            expect(run.records).toBe(pieces.reduce((sum, piece) => sum + piece.records, 0));
            expect(run.maxTimestamp).toBe(Math.max(...pieces.map((piece) => piece.maxTimestamp)));
            position += run.bytes;
          }
        }
      }),
    );
  });

  it('does not copy the batches', () => {
    const chunk = Uint8Array.of(1, 2, 3);
    const run: BatchRun = { chunks: [chunk], bytes: 3, records: 1, maxTimestamp: 0, crc32c: crc32c(chunk) };
    const drafts = [
      { ledger: { topicId: newTopicId(seededRandom(1)), index: 0 }, seen: 0, slots: new Map([[0, [run]]]) },
    ];
    expect(layOut(OBJECT, drafts).chunks[0]).toBe(chunk);
  });

  it('asserts that a slot has records', () => {
    const ledger = { topicId: newTopicId(seededRandom(1)), index: 0 };
    expect(() => layOut(OBJECT, [{ ledger, seen: 0, slots: new Map([[0, []]]) }])).toThrow(
      'a slot of a commit has records',
    );
  });
});
