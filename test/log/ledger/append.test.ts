import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import {
  type AppendPlan,
  acceptableBirth,
  explainRefusal,
  offsetsInPage,
  offsetsInTail,
  planAppend,
  planSweepFence,
} from '../../../lib/log/ledger/append.ts';
import { type Commit, idOf, packCommit } from '../../../lib/log/ledger/commit.ts';
import { decodeHead, encodeHead, headKey, initialHead, type LedgerHead } from '../../../lib/log/ledger/head.ts';
import type { Page } from '../../../lib/log/ledger/page.ts';
import { ItemTable } from '../../support/item-table.ts';
import { commit, LEDGER } from '../../support/ledger-arbitraries.ts';

const K = ledgerLimits.sealsRemembered;
const BIRTH = 1_000;

function commitOf(number: number, records: Record<number, number>): Commit {
  return {
    tier: 'inline',
    object: { birthMs: BIRTH, random: new Uint8Array(8).fill(number) },
    part: 0,
    position: 0,
    runs: Object.entries(records).map(([slot, count]) => ({
      slot: Number(slot),
      bytes: 10 * count,
      records: count,
      maxTimestamp: 7,
      crc32c: 1,
    })),
  };
}

const COMMIT = commitOf(1, { 0: 2, 5: 3 });
const PLAN: AppendPlan = { ledger: LEDGER, commit: COMMIT, epoch: 4, isrVersion: 2, seen: 10 };
const ACCEPTING: LedgerHead = {
  ...initialHead(),
  version: 50,
  epoch: 4,
  isrVersion: 2,
  sealed: 10,
  swept: BIRTH - 1,
  next: [100, 0, 0, 0, 0, 7, ...Array<number>(10).fill(0)],
  bytes: 1_000,
};

function attempt(head: LedgerHead | undefined, plan: AppendPlan) {
  const table = new ItemTable();
  if (head !== undefined) table.apply({ kind: 'put', key: headKey(LEDGER), attributes: encodeHead(head) });
  return table.apply(planAppend(plan));
}

describe('planAppend', () => {
  it('adds counts, bytes and version, appends one tail entry and one id, and touches nothing else', () => {
    const result = attempt(ACCEPTING, PLAN);
    expect(result.outcome).toBe('applied');
    expect(decodeHead(result.item as ReturnType<typeof encodeHead>)).toEqual({
      ...ACCEPTING,
      version: 51,
      next: [102, 0, 0, 0, 0, 10, ...Array<number>(10).fill(0)],
      tail: [COMMIT],
      recent: [idOf(COMMIT)],
      bytes: 1_050,
    });
  });

  it('is one update within the limits of an expression, for a commit of 16 slots too', () => {
    fc.assert(
      fc.property(commit, fc.nat(), (any, offset) => {
        const expected = { slot: any.runs[0]?.slot ?? 0, offset };
        const write = planAppend({ ...PLAN, commit: any, expected });
        const { changes, conditions } = write as Extract<typeof write, { kind: 'update' }>;
        const operators = Object.keys(changes.add ?? {}).length * 2 + 4 + (conditions?.length ?? 0) * 2;
        expect(operators).toBeLessThan(storageLimits.expressionOperatorsMax);
        expect(changes.append).toEqual({ t: [packCommit(any)], r: [idOf(any)] });
      }),
    );
  });

  it.each([
    ['of a slot that has records', 0, 100],
    ['of a slot that has none', 1, 0],
  ])('takes an expected offset %s', (_, slot, offset) => {
    expect(attempt(ACCEPTING, { ...PLAN, expected: { slot, offset } }).outcome).toBe('applied');
  });
});

describe('the producers of an append', () => {
  const [known, leaving, coming] = ['known_______', 'leaving_____', 'coming______'];
  const [OLD, NEW] = [Uint8Array.of(1), Uint8Array.of(2)];
  const head: LedgerHead = {
    ...ACCEPTING,
    producers: new Map([
      [known, OLD],
      [leaving, OLD],
      ['other_______', OLD],
    ]),
  };
  const item = { before: undefined, after: undefined };
  const producers = [
    { key: known, head: { before: OLD, after: NEW }, item },
    { key: leaving, head: { before: OLD, after: undefined }, item },
    { key: coming, head: { before: undefined, after: NEW }, item },
  ];

  it('change with it, and no others', () => {
    const result = attempt(head, { ...PLAN, producers });
    expect(result.outcome).toBe('applied');
    expect(decodeHead(result.item as ReturnType<typeof encodeHead>).producers).toEqual(
      new Map([
        [known, NEW],
        ['other_______', OLD],
        [coming, NEW],
      ]),
    );
  });

  it.each([
    ['one has changed', [[known, NEW]]],
    ['one has left', [[leaving, undefined]]],
    ['one is there that was not', [[coming, OLD]]],
  ] as const)('refuse it where %s', (_, changes) => {
    const found = new Map(head.producers);
    for (const [key, packed] of changes) {
      if (packed === undefined) found.delete(key);
      else found.set(key, packed);
    }
    const plan = { ...PLAN, producers };
    const result = attempt({ ...head, producers: found }, plan);
    expect(result.outcome).toBe('refused');
    expect(explainRefusal(plan, result.item).reason).toBe('sequences');
  });

  it('refuse it before an offset that is not the expected one: the records may be there', () => {
    const plan = { ...PLAN, producers, expected: { slot: 0, offset: 3 } };
    expect(explainRefusal(plan, encodeHead(ACCEPTING)).reason).toBe('sequences');
  });
});

/** What a head must be for each reason, and everything else about it would let the append through. */
const REFUSING: Record<string, { head?: LedgerHead; plan?: Partial<AppendPlan> }> = {
  gone: {},
  committed: { head: { ...ACCEPTING, recent: [idOf(COMMIT)] } },
  swept: { head: { ...ACCEPTING, swept: BIRTH } },
  stale: { head: { ...ACCEPTING, sealed: 10 + K + 1 } },
  'fenced by a new leader': { head: { ...ACCEPTING, epoch: 5 } },
  'fenced by a new in-sync set': { head: { ...ACCEPTING, isrVersion: 3 } },
  'offset-mismatch': { head: ACCEPTING, plan: { expected: { slot: 0, offset: 99 } } },
  'offset-mismatch of an empty slot': { head: ACCEPTING, plan: { expected: { slot: 1, offset: 1 } } },
  'offset-mismatch of offset 0': { head: ACCEPTING, plan: { expected: { slot: 0, offset: 0 } } },
  full: {
    head: {
      ...ACCEPTING,
      tail: Array.from({ length: ledgerLimits.tailEntriesMax }, (_, i) => commitOf(i + 2, { 3: 1 })),
    },
  },
};

describe('explainRefusal', () => {
  it.each(Object.entries(REFUSING))('says %s', (name, { head, plan }) => {
    const result = attempt(head, { ...PLAN, ...plan });
    expect(result.outcome).toBe('refused');
    expect(explainRefusal({ ...PLAN, ...plan }, result.item).reason).toBe(name.split(' ')[0]);
  });

  it('names the next offset that was not the expected one', () => {
    const refusal = explainRefusal({ ...PLAN, expected: { slot: 0, offset: 3 } }, encodeHead(ACCEPTING));
    expect(refusal).toMatchObject({ reason: 'offset-mismatch', nextOffset: 100 });
  });

  it('lets the last seal count pass at which the id would still be remembered', () => {
    expect(attempt({ ...ACCEPTING, sealed: 10 + K }, PLAN).outcome).toBe('applied');
  });

  it('looks for the commit first and for the reasons that end it next', () => {
    // Each head has every later reason too: the order decides what a writer may conclude.
    const all: LedgerHead = { ...ACCEPTING, recent: [idOf(COMMIT)], swept: BIRTH, sealed: 99, epoch: 9 };
    const plan = { ...PLAN, expected: { slot: 0, offset: 1 } };
    const reason = (head: LedgerHead) => explainRefusal(plan, encodeHead(head)).reason;
    expect(reason(all)).toBe('committed');
    expect(reason({ ...all, recent: [] })).toBe('swept');
    expect(reason({ ...all, recent: [], swept: 0 })).toBe('stale');
    expect(reason({ ...all, recent: [], swept: 0, sealed: 10 })).toBe('fenced');
    expect(reason({ ...all, recent: [], swept: 0, sealed: 10, epoch: 4 })).toBe('offset-mismatch');
  });
});

describe('finding a commit', () => {
  const commits = [commitOf(1, { 0: 2, 5: 3 }), commitOf(2, { 5: 1 }), commitOf(3, { 0: 4 })];
  const head: LedgerHead = {
    ...initialHead(),
    next: [16, ...Array<number>(4).fill(0), 9, ...Array<number>(10).fill(0)],
    tail: commits,
  };
  const page: Page = {
    sequence: 0,
    epoch: 0,
    bases: [10, ...Array<number>(4).fill(0), 5, ...Array<number>(10).fill(0)],
    maxTimestamps: Array<number>(16).fill(-1),
    commits,
  };

  it('gives the same base offsets in the tail, counted backwards, and in the page, counted forwards', () => {
    const bases = [{ 0: 10, 5: 5 }, { 5: 8 }, { 0: 12 }];
    for (const [index, one] of commits.entries()) {
      expect(Object.fromEntries(offsetsInTail(head, idOf(one)) ?? [])).toEqual(bases[index]);
      expect(Object.fromEntries(offsetsInPage(page, idOf(one)) ?? [])).toEqual(bases[index]);
    }
  });

  it('tells parts of one object apart, and finds nothing that is not there', () => {
    const otherPart = idOf({ ...(commits[0] as Commit), part: 1 });
    expect(offsetsInTail(head, otherPart)).toBeUndefined();
    expect(offsetsInPage(page, otherPart)).toBeUndefined();
  });
});

describe("the sweeper's fence", () => {
  it('goes up and never down, and needs a ledger', () => {
    const table = new ItemTable();
    expect(table.apply(planSweepFence(LEDGER, 5))).toEqual({ outcome: 'refused', index: 0, item: undefined });
    expect(table.get(headKey(LEDGER))).toBeUndefined();
    table.apply({ kind: 'put', key: headKey(LEDGER), attributes: encodeHead(initialHead()) });
    expect(table.apply(planSweepFence(LEDGER, 500)).outcome).toBe('applied');
    expect(table.apply(planSweepFence(LEDGER, 499)).outcome).toBe('refused');
    expect(decodeHead(table.get(headKey(LEDGER)) ?? {})).toMatchObject({ swept: 500, version: 1 });
  });

  it('leaves a birth time that every head accepts, at or after now', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.nat()), (now, marks) => {
        const birth = acceptableBirth(now, marks);
        expect(birth).toBe(Math.max(now, ...marks.map((mark) => mark + 1)));
      }),
    );
  });
});
