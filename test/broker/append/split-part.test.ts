import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { runOf } from '../../../lib/broker/append/accept-batches.ts';
import { splitPart } from '../../../lib/broker/append/split-part.ts';
import type { Unit } from '../../../lib/broker/append/unit.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { layOut } from '../../../lib/log/segment/layout.ts';
import { batchOf } from '../../support/broker.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';

function unitOf(slot: number, values: string[]): Unit {
  return { ledger: LEDGER, slot, run: runOf([batchOf(...values)]), deadlineMs: 0, resolve: () => {}, reject: () => {} };
}

const units = fc.array(
  fc.record({
    slot: fc.nat({ max: 3 }),
    values: fc.array(fc.string(), { minLength: 1, maxLength: 3 }),
    out: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);

it('leaves the bytes of the other units, in as few pieces as there are gaps between them', () => {
  fc.assert(
    fc.property(units, (given) => {
      const all = given.map(({ slot, values }) => unitOf(slot, values));
      const out = new Set(all.filter((_, index) => given[index]?.out));
      const slots = new Map(
        [0, 1, 2, 3].flatMap((slot) => {
          const runs = all.filter((unit) => unit.slot === slot).map(({ run }) => run);
          return runs.length === 0 ? [] : [[slot, runs] as const];
        }),
      );
      const object = { birthMs: 1, random: new Uint8Array(8) };
      const layout = layOut(object, [{ ledger: LEDGER, seen: 0, slots }]);
      const bytes = concatBytes(layout.chunks);

      const pieces = splitPart(all, 0, (unit) => out.has(unit));
      const inOrder = [...all].sort((a, b) => a.slot - b.slot);
      expect(pieces.flatMap((piece) => piece.units)).toEqual(inOrder.filter((unit) => !out.has(unit)));
      const gaps = inOrder.filter(
        (unit, index) => !out.has(unit) && (index === 0 || out.has(inOrder[index - 1] as Unit)),
      );
      expect(pieces).toHaveLength(gaps.length);
      for (const { units: kept, position, runs, chunks } of pieces) {
        let at = position;
        for (const run of runs) {
          const ofSlot = kept.filter(({ slot }) => slot === run.slot);
          const stored = bytes.subarray(at, at + run.bytes);
          expect(concatBytes(ofSlot.flatMap((unit) => [...unit.run.chunks]))).toEqual(stored);
          expect(concatBytes(chunks.get(run.slot) ?? [])).toEqual(stored);
          expect(run.crc32c).toBe(crc32c(stored));
          expect(run.records).toBe(ofSlot.reduce((sum, unit) => sum + unit.run.records, 0));
          at += run.bytes;
        }
        expect(runs.map(({ slot }) => slot)).toEqual([...new Set(kept.map(({ slot }) => slot))]);
      }
    }),
  );
});
