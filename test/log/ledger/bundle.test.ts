import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../../lib/kernel/items.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import { bundleKey, bundleOf, decodeBundleItem, isBundle, planBundle } from '../../../lib/log/ledger/bundle.ts';
import { type Commit, packCommit } from '../../../lib/log/ledger/commit.ts';
import { initialHead } from '../../../lib/log/ledger/head.ts';
import { type LocatedRun, runsInTail, unbundled } from '../../../lib/log/ledger/locate.ts';
import { decodeAttributes, encodeAttributes } from '../../../lib/storage/metadata/item-codec.ts';
import { LEDGER, plainCommit } from '../../support/ledger-arbitraries.ts';

/** Commits whose numbers add up. */
const commits: fc.Arbitrary<Commit[]> = fc.array(
  plainCommit.map((commit) => ({
    ...commit,
    position: commit.position % 10_000,
    runs: commit.runs.map((run) => ({ ...run, bytes: run.bytes % 10_000, records: 1 + (run.records % 100) })),
  })),
  { minLength: 1, maxLength: 20 },
);
const random = fc.uint8Array({ minLength: 8, maxLength: 8 });
const slot = fc.nat({ max: 15 });

const headWith = (tail: Commit[], slotBase: number) => {
  const next = Array<number>(16).fill(slotBase);
  for (const { runs } of tail) for (const run of runs) next[run.slot] = (next[run.slot] as number) + run.records;
  return { ...initialHead(), epoch: 4, next, tail };
};

describe('a bundle', () => {
  it('comes back from its items as it was put in, in order', () => {
    fc.assert(
      fc.property(commits, random, (some, id) => {
        const { entry, items } = bundleOf(some, id);
        const stored = items.map((attributes) => decodeAttributes(encodeAttributes(attributes)));
        expect(entry.bundle).toBe(items.length);
        expect(stored.flatMap(decodeBundleItem)).toEqual(some);
        expect(isBundle(entry) && !some.some(isBundle)).toBe(true);
      }),
    );
  });

  it('puts the records where its commits would, one after the other, in every slot', () => {
    fc.assert(
      fc.property(commits, commits, random, slot, fc.nat({ max: 1_000 }), (before, some, id, of, base) => {
        const { entry } = bundleOf(some, id);
        const asOne = runsInTail(headWith([...before, entry], base), of);
        const expanded = asOne.flatMap((run) => (isBundle(run.commit) ? unbundled(run, some) : [run]));
        // One epoch for all of a bundle: the one that it was appended in.
        const bare = some.map((commit) => ({ ...commit, replicated: undefined }));
        const one = runsInTail(headWith([...before, ...bare], base), of);
        const place = (run: LocatedRun) => ({ ...run, commit: undefined });
        expect(expanded.map(place)).toEqual(one.map(place));
        expect(expanded.slice(-some.length).every(({ commit }) => !isBundle(commit))).toBe(true);
      }),
    );
  });

  it('sums up what its commits have in each slot, and is as old as the oldest', () => {
    fc.assert(
      fc.property(commits, random, slot, (some, id, of) => {
        const { entry } = bundleOf(some, id);
        const own = some.flatMap(({ runs }) => runs.filter((run) => run.slot === of));
        const run = entry.runs.find((sum) => sum.slot === of);
        const sum = (name: 'bytes' | 'records') => own.reduce((total, each) => total + each[name], 0);
        expect([run?.bytes ?? 0, run?.records ?? 0]).toEqual([sum('bytes'), sum('records')]);
        expect(run?.maxTimestamp ?? -1).toBe(Math.max(-1, ...own.map(({ maxTimestamp }) => maxTimestamp)));
        expect(entry.object.birthMs).toBe(Math.min(...some.map(({ object }) => object.birthMs)));
        expect(entry.tier === 'inline').toBe(some.every(({ tier }) => tier === 'inline'));
      }),
    );
  });

  it('fills items up to their limit, far below what the table takes, and no further', () => {
    const [commit] = fc.sample(plainCommit, 1) as [Commit];
    const packed = packCommit(commit).length;
    const many = Array.from({ length: Math.ceil((2.5 * transactionLimits.bundleItemBytesMax) / packed) }, () => commit);
    const { entry, items } = bundleOf(many, new Uint8Array(8));
    const sizes = items.map(({ c }) => (c as Uint8Array).length);
    expect(entry.bundle).toBe(3);
    for (const size of sizes) expect(size).toBeLessThanOrEqual(transactionLimits.bundleItemBytesMax + 2);
    expect(sizes[0]).toBeGreaterThan(transactionLimits.bundleItemBytesMax - packed - 4);
    expect(transactionLimits.bundleItemBytesMax).toBeLessThan(storageLimits.itemBytesMax / 2);
  });

  it('is written under keys of its own, in the ledger', () => {
    const [some] = fc.sample(commits, 1) as [Commit[]];
    const bundle = bundleOf(some, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const key = { pk: `ledger#${LEDGER.topicId}#0`, sk: 'bundle#010203040506070800#000' };
    expect(bundleKey(LEDGER, bundle.entry, 0)).toEqual(key);
    expect(planBundle(LEDGER, bundle)).toEqual([{ kind: 'put', key, attributes: bundle.items[0] }]);
    expect(key.sk < 'head').toBe(true); // and so not among the pages
  });

  it('is not of bundles, nor of nothing', () => {
    const [commit] = fc.sample(plainCommit, 1) as [Commit];
    const { entry } = bundleOf([commit], new Uint8Array(8));
    expect(() => bundleOf([entry], new Uint8Array(8))).toThrow('of commits');
    expect(() => bundleOf([], new Uint8Array(8))).toThrow('of commits');
  });

  it.each<Attributes>([{}, { c: 'text' }])('is not read from an item of %j', (attributes) => {
    expect(() => decodeBundleItem(attributes)).toThrow('has c');
  });
});
