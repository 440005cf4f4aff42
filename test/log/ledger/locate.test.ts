import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bundleOf } from '../../../lib/log/ledger/bundle.ts';
import type { Commit } from '../../../lib/log/ledger/commit.ts';
import { initialHead, type LedgerHead } from '../../../lib/log/ledger/head.ts';
import {
  commitsInPage,
  type LocatedRun,
  pageForOffset,
  pageForTimestamp,
  runsInPage,
  runsInTail,
} from '../../../lib/log/ledger/locate.ts';
import type { Page } from '../../../lib/log/ledger/page.ts';
import { runs } from '../../support/ledger-arbitraries.ts';

/** Commits whose numbers add up, to place them after given offsets. */
const commits: fc.Arbitrary<Commit[]> = fc.array(
  fc.record({
    tier: fc.constant('segments' as const),
    object: fc.record({ birthMs: fc.nat(), random: fc.uint8Array({ minLength: 8, maxLength: 8 }) }),
    part: fc.nat({ max: 255 }),
    position: fc.nat(),
    runs: runs.map((some) =>
      some.map(({ slot, bytes, records, maxTimestamp, crc32c }) => ({
        slot,
        bytes: bytes % 10_000,
        records: 1 + (records % 100),
        maxTimestamp,
        crc32c,
      })),
    ),
  }),
  { maxLength: 8 },
);

const bases = fc.array(fc.nat({ max: 1_000_000 }), { minLength: 16, maxLength: 16 });

function headOf(from: readonly number[], tail: Commit[]): LedgerHead {
  const next = [...from];
  for (const commit of tail) for (const { slot, records } of commit.runs) next[slot] = (next[slot] as number) + records;
  return { ...initialHead(), epoch: 3, next, tail };
}

function pageFrom(from: readonly number[], held: Commit[]): Page {
  return { sequence: 0, epoch: 3, bases: from, maxTimestamps: from, commits: held };
}

describe('commitsInPage', () => {
  it('has the runs of all slots by commit, those of a bundle as if it were none', () => {
    fc.assert(
      fc.property(bases, commits, commits, (from, some, bundled) => {
        const plain = commitsInPage(pageFrom(from, [...some, ...bundled]), () => []);
        expect(plain.map(({ commit }) => commit)).toEqual([...some, ...bundled]);
        const runs = Array.from({ length: 16 }, (_, slot) => runsInPage(pageFrom(from, [...some, ...bundled]), slot));
        for (const { commit, runs: own } of plain) {
          expect(own).toEqual(runs.flat().filter((run) => run.commit === commit));
        }
        if (bundled.length === 0) return;
        const { entry } = bundleOf(bundled, new Uint8Array(8));
        expect(commitsInPage(pageFrom(from, [...some, entry]), () => bundled)).toEqual(plain);
      }),
    );
  });
});

describe('runsInTail and runsInPage', () => {
  it('place the same commits at the same offsets, dense and in order', () => {
    fc.assert(
      fc.property(bases, commits, fc.nat({ max: 15 }), (from, some, slot) => {
        const inTail = runsInTail(headOf(from, some), slot);
        expect(runsInPage(pageFrom(from, some), slot)).toEqual(inTail);
        let offset = from[slot] as number;
        for (const run of inTail) {
          expect(run).toMatchObject({ slot, baseOffset: offset, leaderEpoch: 3 });
          offset = run.endOffset;
        }
        expect(offset).toBe(headOf(from, some).next[slot]);
      }),
    );
  });

  it("find each run's bytes in its object: after those of the slots before it", () => {
    fc.assert(
      fc.property(bases, commits, (from, some) => {
        const bySlot = Array.from({ length: 16 }, (_, slot) => runsInPage(pageFrom(from, some), slot)).flat();
        for (const commit of some) {
          const own = bySlot.filter((run: LocatedRun) => run.commit === commit);
          expect(own.map(({ slot }) => slot)).toEqual(commit.runs.map(({ slot }) => slot));
          let { position } = commit;
          for (const run of own) {
            expect(run.position).toBe(position);
            position += run.bytes;
          }
        }
      }),
    );
  });
});

describe('finding a page', () => {
  it('says for every offset whether it lies before, in or after the page', () => {
    fc.assert(
      fc.property(
        bases,
        commits,
        fc.nat({ max: 15 }),
        fc.integer({ min: -3, max: 500 }),
        (from, some, slot, distance) => {
          const page = pageFrom(from, some);
          const offset = (from[slot] as number) + distance;
          const held = runsInPage(page, slot).some((run) => run.baseOffset <= offset && offset < run.endOffset);
          const verdict = pageForOffset(page, slot, offset);
          expect(verdict === 'here').toBe(held);
          expect(verdict === 'before').toBe(distance < 0);
        },
      ),
    );
  });

  it('goes by the newest timestamp so far', () => {
    const page = { ...pageFrom(Array<number>(16).fill(0), []), maxTimestamps: [-1, 50, ...Array<number>(14).fill(0)] };
    expect(pageForTimestamp(page, 1, 50)).toBe('at-or-before');
    expect(pageForTimestamp(page, 1, 51)).toBe('after');
    expect(pageForTimestamp(page, 0, 0)).toBe('after'); // the slot has no record yet
  });
});
