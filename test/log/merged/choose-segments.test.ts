import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseSegments, type FoundSegment, type KnownOfPartition } from '../../../lib/log/merged/choose-segments.ts';

let births = 0;

function found(base: number, end: number, version: number, records = end - base): FoundSegment {
  const birthMs = ++births;
  const object = { birthMs, random: new Uint8Array(8) };
  const segment = { partition: 0, base, end, object, bytes: 1, footerBytes: 1, records, level: 0 };
  return { segment, version, contents: birthMs };
}

const known = (to: number, more: Partial<KnownOfPartition> = {}): KnownOfPartition => ({
  present: [],
  from: 0,
  to,
  isWhole: true,
  ...more,
});

describe('the choice among merged objects', () => {
  it('is what follows each other, where there is nothing else', () => {
    const [a, b] = [found(0, 5, 0), found(5, 9, 1)];
    expect(chooseSegments([b, a], known(9))).toEqual({ chosen: [a, b], gaps: [] });
  });

  it('is the newer of two that overlap, and never what a merge, a compaction or an erasure has replaced', () => {
    const [a, b, merged, behind] = [found(0, 5, 0), found(5, 9, 1), found(0, 9, 2, 7), found(9, 12, 3)];
    expect(chooseSegments([a, merged, behind, b], known(12)).chosen).toEqual([merged, behind]);
  });

  it('leaves out what was written in vain, and nothing goes on from', () => {
    const [cutOff, first, second] = [found(0, 4, 0), found(0, 6, 0), found(6, 9, 1)];
    expect(chooseSegments([cutOff, first, second], known(9)).chosen).toEqual([first, second]);
  });

  it('is none of two that were made from the same version, unless they are the same', () => {
    const [one, other] = [found(0, 6, 4), found(0, 6, 4, 5)];
    const undecided = { chosen: [], gaps: [{ base: 0, end: 6, undecided: [one, other] }] };
    expect(chooseSegments([one, other], known(6))).toEqual(undecided);
    const twin = { ...found(0, 6, 4), contents: one.contents };
    expect(chooseSegments([twin, one], known(6)).chosen).toEqual([twin]);
  });

  it('is not the newer one where the older one has fewer records: it was not made of it', () => {
    const [erased, merged] = [found(0, 6, 3, 4), found(0, 6, 4, 6)];
    expect(chooseSegments([erased, merged], known(6))).toMatchObject({ chosen: [], gaps: [{ base: 0, end: 6 }] });
  });

  it('takes an older one in place of a newer one that lacks its neighbour only if nothing is unreadable', () => {
    const [old, half, rest] = [found(0, 8, 0), found(0, 4, 3), found(8, 9, 1)];
    expect(chooseSegments([old, half, rest], known(9)).chosen).toEqual([old, rest]);
    const { chosen, gaps } = chooseSegments([old, half, rest], known(9, { isWhole: false }));
    expect(chosen).toEqual([half, rest]);
    expect(gaps).toEqual([{ base: 4, end: 8, undecided: [old] }]);
  });

  it('leaves what has its item as it is', () => {
    const [kept, over, behind] = [found(0, 5, 0), found(0, 9, 7), found(5, 9, 1)];
    const choice = chooseSegments([kept, over, behind], known(9, { present: [kept.segment] }));
    expect(choice).toEqual({ chosen: [behind], gaps: [] });
  });

  it('begins at the log start and ends where merging has come', () => {
    const [below, first, last, beyond] = [found(0, 3, 0), found(3, 6, 1), found(6, 8, 2), found(8, 9, 3)];
    const all = [below, first, last, beyond];
    expect(chooseSegments(all, known(8, { from: 4 }))).toEqual({ chosen: [first, last], gaps: [] });
    expect(chooseSegments(all, known(8, { from: 8 }))).toEqual({ chosen: [], gaps: [] });
  });

  it('says what is nowhere', () => {
    const [a, b] = [found(0, 3, 0), found(5, 8, 1)];
    const gaps = [
      { base: 3, end: 5, undecided: [] },
      { base: 8, end: 9, undecided: [] },
    ];
    expect(chooseSegments([a, b], known(9))).toEqual({ chosen: [a, b], gaps });
  });
});

type Step =
  | { step: 'append'; records: number; committed: boolean }
  | { step: 'replace'; at: number; count: number; erased: number | undefined; committed: boolean; left: boolean };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      step: fc.constant('append' as const),
      records: fc.integer({ min: 1, max: 4 }),
      committed: fc.boolean(),
    }),
    fc.record({
      step: fc.constant('replace' as const),
      at: fc.nat({ max: 8 }),
      count: fc.integer({ min: 1, max: 3 }),
      erased: fc.option(fc.nat({ max: 30 }), { nil: undefined }),
      committed: fc.boolean(),
      left: fc.boolean(),
    }),
  ),
  { maxLength: 24, size: 'max' },
);

/** Objects with the offsets that are left in them. */
function history(list: readonly Step[]) {
  const contents = new Map<FoundSegment, ReadonlySet<number>>();
  let live: FoundSegment[] = [];
  let stored: FoundSegment[] = [];
  let version = 0;
  const erased = new Set<number>();
  const store = (base: number, end: number, offsets: ReadonlySet<number>) => {
    const one = found(base, end, version, offsets.size);
    contents.set(one, offsets);
    stored.push(one);
    return one;
  };
  for (const one of list) {
    if (one.step === 'append') {
      const base = live.at(-1)?.segment.end ?? 0;
      const end = base + one.records;
      const made = store(base, end, new Set(Array.from({ length: one.records }, (_, n) => base + n)));
      if (one.committed) live.push(made);
    } else {
      const replaced = live.slice(one.at, one.at + one.count);
      const [first, last] = [replaced[0], replaced.at(-1)];
      if (first === undefined || last === undefined) continue;
      const offsets = new Set(replaced.flatMap((source) => [...(contents.get(source) ?? [])]));
      if (one.erased !== undefined) offsets.delete(one.erased);
      const made = store(first.segment.base, last.segment.end, offsets);
      if (!one.committed) continue;
      if (one.erased !== undefined && one.erased < last.segment.end && one.erased >= first.segment.base) {
        erased.add(one.erased);
      }
      live = [...live.slice(0, one.at), made, ...live.slice(one.at + one.count)];
      if (!one.left) stored = stored.filter((source) => !replaced.includes(source));
    }
    version += one.committed ? 1 : 0;
  }
  return { live, stored, contents, erased, to: live.at(-1)?.segment.end ?? 0 };
}

describe('whatever was merged, erased, cut off and left', () => {
  it('what was erased never comes back, and each offset is chosen once or said to be lacking', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (list, isWhole) => {
        const { stored, contents, erased, to } = history(list);
        const { chosen, gaps } = chooseSegments(stored, known(to, { isWhole }));
        for (const one of chosen) for (const offset of contents.get(one) ?? []) expect(erased.has(offset)).toBe(false);
        const pieces = [...chosen.map(({ segment }) => segment), ...gaps].sort((a, b) => a.base - b.base);
        expect(pieces.map(({ base }) => base)).toEqual([0, ...pieces.map(({ end }) => end)].slice(0, pieces.length));
        expect(pieces.at(-1)?.end ?? 0).toBe(to);
      }),
      { numRuns: 5_000 },
    );
  });

  it('is the segments themselves where nothing was cut off, or everything replaced is left', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (list, isWhole) => {
        const committed = list.map((one) => ({ ...one, committed: true }));
        const { live, stored, to } = history(committed);
        expect(chooseSegments(stored, known(to, { isWhole }))).toEqual({ chosen: live, gaps: [] });
      }),
      { numRuns: 1_000 },
    );
  });

  it('is never one in whose place a newer one is, where others may be lost', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (list, which) => {
        const { stored, to } = history(list);
        const reached = stored.filter(({ segment }) => segment.end <= to);
        const rest = reached.filter((_, index) => index !== which % reached.length);
        const { chosen } = chooseSegments(rest, known(to, { isWhole: false }));
        for (const one of chosen) expect(rest.filter((other) => isNewer(other, one))).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});

function isNewer(one: FoundSegment, other: FoundSegment): boolean {
  const overlap = one.segment.base < other.segment.end && other.segment.base < one.segment.end;
  return overlap && one.version > other.version;
}
