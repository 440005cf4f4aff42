import { describe, expect, it } from 'vitest';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { decodeHead, encodeHead, headKey, initialHead } from '../../../lib/log/ledger/head.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { planRetire, planRetired, retirableTo } from '../../../lib/log/merged/retire.ts';
import { ItemTable } from '../../support/item-table.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';

const NOW = 1_790_000_000_000;
const GRACE = mergingLimits.lifecycleGraceMs;
const NOTHING = decodeLifecycle(undefined);

describe('pages that are merged', () => {
  const head = { ...initialHead(), sealed: 100, merged: 50 };
  const lifecycle = {
    ...NOTHING,
    marks: [
      { pages: 20, atMs: NOW },
      { pages: 50, atMs: NOW + 1_000 },
    ],
  };

  it('may go one grace later', () => {
    expect(retirableTo(head, lifecycle, NOW + GRACE - 1)).toBe(0);
    expect(retirableTo(head, lifecycle, NOW + GRACE)).toBe(20);
    expect(retirableTo(head, lifecycle, NOW + GRACE + 1_000)).toBe(50);
  });

  it('stay where they are the last ones, and where they have gone already', () => {
    const late = NOW + 2 * GRACE;
    expect(retirableTo({ ...head, sealed: 50 }, lifecycle, late)).toBe(50 - mergingLimits.pagesKept);
    expect(retirableTo({ ...head, sealed: 3, merged: 3 }, lifecycle, late)).toBe(0);
    expect(retirableTo({ ...head, retired: 50, sealed: 52 }, lifecycle, late)).toBe(50);
  });

  it('are not more than the head says, whatever the marks say', () => {
    expect(retirableTo({ ...head, merged: 30 }, lifecycle, NOW + 2 * GRACE)).toBe(30);
  });
});

describe('retiring', () => {
  function tableWith(merged: number, retired = 0): ItemTable {
    const table = new ItemTable();
    const head = { ...initialHead(), sealed: 100, merged, retired };
    table.apply({ kind: 'put', key: headKey(LEDGER), attributes: encodeHead(head) });
    return table;
  }
  const headIn = (table: ItemTable) => decodeHead(table.get(headKey(LEDGER)) ?? {});

  it('raises the head once, and again later', () => {
    const table = tableWith(50);
    const first = planRetire(LEDGER, headIn(table), 20);
    expect(table.apply(first).outcome).toBe('applied');
    expect(headIn(table)).toMatchObject({ retired: 20, version: 1 });
    expect(table.apply(first).outcome).toBe('refused');
    expect(table.apply(planRetire(LEDGER, headIn(table), 50)).outcome).toBe('applied');
    expect(headIn(table)).toMatchObject({ retired: 50, version: 2 });
  });

  it('never goes beyond what is merged, nor back, nor to a ledger that is gone', () => {
    const head = headIn(tableWith(50, 10));
    for (const to of [10, 51]) expect(() => planRetire(LEDGER, head, to)).toThrow(`pages 10 to ${to} of 50`);
    expect(tableWith(15, 10).apply(planRetire(LEDGER, head, 20)).outcome).toBe('refused');
    expect(new ItemTable().apply(planRetire(LEDGER, headIn(tableWith(50)), 20)).outcome).toBe('refused');
  });

  it('ends by saying what is deleted, unless the ledger is gone', () => {
    const table = new ItemTable();
    expect(table.apply(planRetired(LEDGER, NOTHING, 20)).outcome).toBe('refused');
    table.apply({ kind: 'put', key: lifecycleKey(LEDGER), attributes: { v: 1 } });
    const lifecycleIn = () => decodeLifecycle(table.get(lifecycleKey(LEDGER)));
    expect(table.apply(planRetired(LEDGER, NOTHING, 20)).outcome).toBe('applied');
    expect(lifecycleIn()).toMatchObject({ version: 1, deleted: 20 });
    expect(table.apply(planRetired(LEDGER, NOTHING, 20)).outcome).toBe('refused');
    expect(() => planRetired(LEDGER, lifecycleIn(), 20)).toThrow('pages 20 to 20 are deleted');
    expect(table.apply(planRetired(LEDGER, lifecycleIn(), 30)).outcome).toBe('applied');
  });
});
