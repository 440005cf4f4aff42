import { describe, expect, test } from 'vitest';
import { type Lag, lagMs, noteHead, startLag } from '../../../lib/coordination/replication/lag.ts';
import type { LedgerView } from '../../../lib/coordination/replication/ledger-view.ts';
import { ledgerOf, tailCommit } from '../../support/replicated-ledger.ts';

/** A ledger of `end` commits of which replica 1 holds the first `held`. */
function ledger(end: number, held: number): LedgerView {
  return ledgerOf(Array.from({ length: end }, (_, number) => tailCommit(number, number < held ? [0, 1] : [0])));
}

/** One look a second. */
function look(looks: readonly LedgerView[]): Lag {
  const [first, ...rest] = looks;
  if (first === undefined) throw new Error('there is a look');
  return rest.reduce((lag, view, index) => noteHead(lag, view, 1, (index + 1) * 1_000), startLag(first, 0));
}

describe('a replica lags', () => {
  test('not at all while it holds everything', () => {
    expect(lagMs(look([ledger(1, 1), ledger(2, 2)]), 1_000)).toBe(0);
  });

  test('from the last time it held everything', () => {
    expect(lagMs(look([ledger(1, 1), ledger(2, 1), ledger(3, 1), ledger(4, 1)]), 3_000)).toBe(3_000);
  });

  test('only a little when it always has what there was a moment ago', () => {
    const looks = Array.from({ length: 60 }, (_, second) => ledger(second + 2, second + 1));
    expect(lagMs(look(looks), 59_000)).toBeLessThanOrEqual(2_000);
  });

  test('from an election on anew, since it gives numbers again', () => {
    const elected = { ...ledger(3, 1), epoch: 4 };
    expect(lagMs(look([ledger(9, 1), ledger(9, 1), elected]), 2_000)).toBe(0);
  });
});
