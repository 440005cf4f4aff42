import { describe, expect, test } from 'vitest';
import {
  commitsEnd,
  coveredCommits,
  heldUpTo,
  numberInTail,
  offsetAt,
  sealableCommits,
  visibleEnd,
} from '../../../lib/coordination/replication/ledger-view.ts';
import { ledgerOf, tailCommit } from '../../support/replicated-ledger.ts';

describe('a replica holds', () => {
  const gap = ledgerOf([tailCommit(5, [0, 1, 2]), tailCommit(6, [0, 2]), tailCommit(7, [0, 1, 2])], { paged: 5 });

  test('the ledger up to the first commit that it lacks, whatever lies above', () => {
    expect([0, 1, 2].map((replica) => heldUpTo(gap, replica))).toEqual([8, 6, 8]);
  });

  test('more once its cursor was raised past the gap', () => {
    expect(heldUpTo({ ...gap, cursors: [0, 7, 0, 0, 0, 0, 0, 0] }, 1)).toBe(8);
  });

  test('what the caller knows of beside the head', () => {
    expect(heldUpTo(gap, 1, ({ id }) => id[0] === 6)).toBe(8);
  });

  test('inline commits always', () => {
    expect(heldUpTo(ledgerOf([tailCommit(0, [], { inline: true })]), 1)).toBe(1);
  });

  test('of the pages, while it is not in sync, what its cursor says', () => {
    const view = ledgerOf([tailCommit(5, [0, 1, 2])], { paged: 5, state: { inSync: 0b011 }, cursors: [0, 0, 3] });
    expect(heldUpTo(view, 2)).toBe(3);
    expect(heldUpTo({ ...view, cursors: [0, 0, 5, 0, 0, 0, 0, 0] }, 2)).toBe(6);
  });
});

describe('the high watermark', () => {
  const view = ledgerOf(
    [
      tailCommit(2, [0, 1, 2], { records: 3 }),
      tailCommit(3, [0, 1], { records: 4 }),
      tailCommit(4, [0, 1, 2], { slot: 1 }),
    ],
    { paged: 2 },
  );

  test('is what everyone in sync holds without a gap', () => {
    expect(coveredCommits(view)).toBe(3);
    expect(sealableCommits(view)).toBe(1);
  });

  test('as an offset is where the commits above it begin', () => {
    expect([visibleEnd(view, 0), visibleEnd(view, 1), visibleEnd(view, 2)]).toEqual([5, 0, 0]);
  });

  test('does not wait for who is not in sync', () => {
    const shrunk = { ...view, state: { ...view.state, inSync: 0b011, joining: 0b100 } };
    expect(coveredCommits(shrunk)).toBe(commitsEnd(shrunk));
    expect(visibleEnd(shrunk, 0)).toBe(9);
  });
});

test('a commit of the tail has the offset at which it was appended, and a number', () => {
  const view = ledgerOf([tailCommit(2, [0], { records: 3 }), tailCommit(3, [0], { records: 4 })], { paged: 2 });
  expect([2, 3, 4].map((number) => offsetAt(view, 0, number))).toEqual([2, 5, 9]);
  expect(numberInTail(view, Uint8Array.of(3))).toBe(3);
  expect(numberInTail(view, Uint8Array.of(9))).toBeUndefined();
});
