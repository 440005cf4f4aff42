import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  explainLedgerRefusal,
  type LedgerAppend,
  mergeAppends,
  planLedgerAppend,
} from '../../../lib/broker/transactions/ledger-appends.ts';
import { encodeReplication, initialReplication } from '../../../lib/coordination/replication/replica-state.ts';
import { ledgerLimits } from '../../../lib/kernel/limits/ledger.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import { planAppend } from '../../../lib/log/ledger/append.ts';
import type { Commit } from '../../../lib/log/ledger/commit.ts';
import { encodeHead, gapsOf, headKey, initialHead } from '../../../lib/log/ledger/head.ts';
import { ItemTable } from '../../support/item-table.ts';

const ledger = { topicId: 'AAAAAAAAQACAAAAAAAAAAA', index: 0 };

function commit(number: number, slots: readonly number[], birthMs = 1_000): Commit {
  const random = Uint8Array.of(0, 0, 0, 0, 0, 0, number >>> 8, number & 0xff);
  const runs = [...new Set(slots)]
    .sort((x, y) => x - y)
    .map((slot) => ({ slot, bytes: 10 + slot, records: 1 + slot, maxTimestamp: 5, crc32c: 7 }));
  return { tier: 'segments', object: { birthMs, random }, part: 0, position: 0, runs };
}

const plan = (commits: readonly Commit[], changes: Partial<LedgerAppend> = {}): LedgerAppend => ({
  ledger,
  commits,
  epoch: 0,
  isrVersion: 0,
  seen: 0,
  ...changes,
});

/** A head with so many entries in its tail. */
function tableWith(entries: number): ItemTable {
  const table = new ItemTable();
  table.apply({ kind: 'put', key: headKey(ledger), attributes: encodeHead(initialHead()) });
  for (let number = 0; number < entries; number++) {
    table.apply(planAppend({ ...plan([]), commit: commit(40_000 + number, [0]) }));
  }
  return table;
}

describe('several commits in one update', () => {
  const slots = fc.array(fc.nat(15), { minLength: 1, maxLength: 6 });

  test('leave the head as one after the other would', () => {
    fc.assert(
      fc.property(fc.array(slots, { minLength: 1, maxLength: 10 }), (all) => {
        const commits = all.map((own, number) => commit(number, own));
        const [together, oneByOne] = [tableWith(3), tableWith(3)];
        expect(together.apply(planLedgerAppend(plan(commits))).outcome).toBe('applied');
        for (const own of commits) oneByOne.apply(planAppend({ ...plan([]), commit: own }));
        expect(together.get(headKey(ledger))).toEqual(oneByOne.get(headKey(ledger)));
      }),
    );
  });

  test('are all there or none, and are refused where any of them is there', () => {
    const table = tableWith(0);
    const commits = [commit(1, [0]), commit(2, [1])];
    table.apply(planLedgerAppend(plan([commits[1] as Commit])));
    const refused = table.apply(planLedgerAppend(plan(commits)));
    expect(refused.outcome).toBe('refused');
    expect(explainLedgerRefusal(plan(commits), refused.item).reason).toBe('committed');
  });

  test.each([
    [1, 63],
    [2, 62],
    [32, 32],
  ])('%d fit a tail of %d entries, and not one of one more', (count, entries) => {
    const commits = Array.from({ length: count }, (_, number) => commit(number, [0]));
    const write = planLedgerAppend(plan(commits));
    expect(tableWith(entries).apply(write).outcome).toBe('applied');
    const full = tableWith(entries + 1);
    expect(full.apply(write).outcome).toBe('refused');
    expect(explainLedgerRefusal(plan(commits), full.get(headKey(ledger))).reason).toBe('full');
    expect(transactionLimits.commitsPerAppendMax).toBeLessThanOrEqual(ledgerLimits.tailEntriesMax);
  });

  test.each([
    ['swept', { w: 1_000 }],
    ['stale', { x: ledgerLimits.sealsRemembered + 1 }],
    ['fenced', { e: 1 }],
    ['fenced', { i: 1 }],
  ])('are refused as %s by a head with %j', (reason, set) => {
    const table = tableWith(0);
    table.apply({ kind: 'update', key: headKey(ledger), changes: { set } });
    const commits = [commit(1, [0], 2_000), commit(2, [0], 1_000)];
    const refused = table.apply(planLedgerAppend(plan(commits)));
    expect(refused.outcome).toBe('refused');
    expect(explainLedgerRefusal(plan(commits), refused.item).reason).toBe(reason);
  });

  test.each([undefined, 0, 3])(
    'are refused for a gap where the head has more of them than the %s that were looked at',
    (gaps) => {
      const table = tableWith(0);
      const attributes = { ...table.get(headKey(ledger)), ...encodeReplication(initialReplication([0, 1])) };
      table.apply({ kind: 'put', key: headKey(ledger), attributes: { ...attributes, ...(gaps === 3 && { l: 3 }) } });
      const append = plan([commit(1, [0])], { gaps });
      table.apply({ kind: 'update', key: headKey(ledger), changes: { add: { l: 1 } } });
      const refused = table.apply(planLedgerAppend(append));
      expect(refused.outcome).toBe(gaps === undefined ? 'applied' : 'refused');
      if (gaps === undefined) return;
      const refusal = explainLedgerRefusal(append, refused.item);
      expect(refusal.reason).toBe('gap');
      const again = planLedgerAppend({ ...append, gaps: 'head' in refusal ? gapsOf(refusal.head) : -1 });
      expect(table.apply(again).outcome).toBe('applied');
    },
  );

  test('are refused as gone where there is no head', () => {
    const refused = new ItemTable().apply(planLedgerAppend(plan([commit(1, [0])])));
    expect(refused.outcome).toBe('refused');
    expect(explainLedgerRefusal(plan([commit(1, [0])]), undefined).reason).toBe('gone');
  });

  test('of two transactions hold only if the conditions of both do', () => {
    const [one, two] = [plan([commit(1, [0])]), plan([commit(2, [0])], { seen: 10 })];
    const table = tableWith(0);
    table.apply({ kind: 'update', key: headKey(ledger), changes: { set: { x: 9 } } });
    expect(table.apply(mergeAppends([planLedgerAppend(one), planLedgerAppend(two)])).outcome).toBe('refused');
    expect(table.apply(mergeAppends([planLedgerAppend({ ...one, seen: 9 }), planLedgerAppend(two)])).outcome).toBe(
      'applied',
    );
  });
});
