import { describe, expect, it } from 'vitest';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { type Commit, idOf } from '../../../lib/log/ledger/commit.ts';
import { decodeHead, encodeHead, headKey, initialHead, type LedgerHead } from '../../../lib/log/ledger/head.ts';
import { decodePage, type Page, pageKey } from '../../../lib/log/ledger/page.ts';
import { pageOf, planPage, planTrim, startsSeal } from '../../../lib/log/ledger/seal.ts';
import { ItemTable } from '../../support/item-table.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';

function commitOf(number: number, maxTimestamp = number): Commit {
  const run = { slot: number % 2, bytes: 1, records: 1, maxTimestamp, crc32c: 0 };
  const object = { birthMs: 1, random: new Uint8Array(8).fill(number) };
  return { tier: 'inline', object, part: 0, position: 0, runs: [run] };
}

/** A head whose tail holds the commits of these numbers, after `before` commits in a page. */
function headWith(numbers: number[], sealed = 0): LedgerHead {
  const tail = numbers.map((number) => commitOf(number));
  const next = Array<number>(16).fill(0);
  for (const { runs } of tail) for (const { slot, records } of runs) next[slot] = (next[slot] as number) + records;
  return { ...initialHead(), tail, recent: tail.map(idOf), next, sealed };
}

describe('startsSeal', () => {
  it('is true at every multiple of the seal length, so that a failed seal is followed by another before the tail is full', () => {
    const starting = Array.from({ length: ledgerLimits.tailEntriesMax + 1 }, (_, length) => length).filter(startsSeal);
    expect(starting).toEqual([8, 16, 24, 32, 40, 48, 56, 64]);
  });
});

describe('pageOf', () => {
  it('holds the whole tail, where it begins, and the newest timestamps so far', () => {
    const first = pageOf({ ...headWith([0, 1, 2]), epoch: 3 }, undefined);
    expect(first).toMatchObject({ sequence: 0, epoch: 3, commits: [0, 1, 2].map((n) => commitOf(n)) });
    expect(first.bases).toEqual(Array(16).fill(0));
    expect(first.maxTimestamps).toEqual([2, 1, ...Array<number>(14).fill(-1)]);
  });

  it('never lets the newest timestamp go back from page to page', () => {
    const previous: Page = {
      sequence: 4,
      epoch: 0,
      bases: Array<number>(16).fill(0),
      maxTimestamps: Array<number>(16).fill(50),
      commits: [],
    };
    const head = { ...headWith([]), sealed: 5, tail: [commitOf(1, 40), commitOf(2, 60)] };
    expect(pageOf(head, previous).maxTimestamps).toEqual([60, 50, ...Array<number>(14).fill(50)]);
  });

  it('asserts that there is something to seal and that the page before is the one before', () => {
    expect(() => pageOf(headWith([]), undefined)).toThrow('0 of 0 commits make no page');
    expect(() => pageOf(headWith([1], 1), undefined)).toThrow('a page follows the one before it');
  });
});

describe('planPage', () => {
  it('keeps the page that is there first', () => {
    const table = new ItemTable();
    const [mine, theirs] = [pageOf(headWith([0, 1]), undefined), pageOf(headWith([0]), undefined)];
    expect(table.apply(planPage(LEDGER, theirs)).outcome).toBe('applied');
    const refused = table.apply(planPage(LEDGER, mine));
    expect(refused.outcome).toBe('refused');
    expect(decodePage(0, refused.item ?? {})).toEqual(theirs);
    expect(decodePage(0, table.get(pageKey(LEDGER, 0)) ?? {})).toEqual(theirs);
  });
});

describe('planTrim', () => {
  it('drops what the page holds and keeps what came since', () => {
    const head = headWith([0, 1, 2, 3]);
    const stored = pageOf(headWith([0, 1]), undefined);
    const table = new ItemTable();
    table.apply({ kind: 'put', key: headKey(LEDGER), attributes: encodeHead(head) });
    expect(table.apply(planTrim(LEDGER, head, stored)).outcome).toBe('applied');
    expect(decodeHead(table.get(headKey(LEDGER)) ?? {})).toEqual({
      ...head,
      version: 1,
      sealed: 1,
      tail: [2, 3].map((n) => commitOf(n)),
      recentSealed: [2],
    });
    expect(table.apply(planTrim(LEDGER, head, stored)).outcome).toBe('refused'); // again
  });

  it('forgets the ids of a seal when K later ones are remembered', () => {
    const K = ledgerLimits.sealsRemembered;
    const table = new ItemTable();
    table.apply({ kind: 'put', key: headKey(LEDGER), attributes: encodeHead(initialHead()) });
    let previous: Page | undefined;
    for (let seal = 0; seal < K + 3; seal++) {
      const head = decodeHead(table.get(headKey(LEDGER)) ?? {});
      const commits = [commitOf(seal * 2), commitOf(seal * 2 + 1)];
      const grown = { ...head, tail: commits, recent: [...head.recent, ...commits.map(idOf)] };
      table.apply({ kind: 'put', key: headKey(LEDGER), attributes: encodeHead(grown) });
      previous = pageOf(grown, previous);
      table.apply(planTrim(LEDGER, grown, previous));
      const { recent, recentSealed } = decodeHead(table.get(headKey(LEDGER)) ?? {});
      const remembered = Math.min(seal + 1, K);
      expect(recentSealed).toEqual(Array(remembered).fill(2));
      const first = (seal + 1 - remembered) * 2;
      expect(recent).toEqual(Array.from({ length: remembered * 2 }, (_, i) => idOf(commitOf(first + i))));
    }
  });

  it("asserts that it trims by the page of the head's own number and tail", () => {
    const stored = pageOf(headWith([0, 1]), undefined);
    expect(() => planTrim(LEDGER, headWith([2, 3], 1), stored)).toThrow('the page of the same number');
    expect(() => planTrim(LEDGER, headWith([0, 2]), stored)).toThrow('the first commits of the tail');
    expect(() => planTrim(LEDGER, headWith([0]), stored)).toThrow('the first commits of the tail');
  });
});
