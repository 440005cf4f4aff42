import { describe, expect, test } from 'vitest';
import {
  decideElection,
  decidePreferred,
  lostInTail,
  planElection,
  truncate,
} from '../../../lib/coordination/replication/election.ts';
import { decodeEpoch } from '../../../lib/coordination/replication/epoch-item.ts';
import { unpackState } from '../../../lib/coordination/replication/replica-state.ts';
import type { Write } from '../../../lib/kernel/items.ts';
import { ledgerOf, tailCommit } from '../../support/replicated-ledger.ts';

/** Replica 1 lacks the third commit, replica 2 the second. */
const uneven = ledgerOf(
  [
    tailCommit(4, [0, 1, 2], { records: 2 }),
    tailCommit(5, [0, 1]),
    tailCommit(6, [0, 2], { slot: 1, records: 3 }),
    tailCommit(7, [0, 1, 2]),
  ],
  { paged: 4 },
);
const others = { alive: 0b110, uncleanAllowed: false };

function headOf([head]: Write[]) {
  if (head?.kind !== 'update') throw new Error('the first write is of the head');
  const { q, ...set } = head.changes.set ?? {};
  return {
    ...head.changes,
    set,
    state: q instanceof Uint8Array ? unpackState(q) : undefined,
    conditions: head.conditions,
  };
}

describe('when the leader has failed', () => {
  test('the replica in sync that holds most leads, and what it lacks is cut off with all above', () => {
    expect(decideElection(uneven, others)).toEqual({ election: 'clean', leader: 1, cut: 6 });
  });

  test('of two that hold as much the preferred one leads', () => {
    const even = ledgerOf([tailCommit(0, [0])], { state: { replicas: [0, 2, 1] } });
    expect(decideElection(even, others)).toEqual({ election: 'clean', leader: 2, cut: 0 });
  });

  test('who is not alive does not lead', () => {
    expect(decideElection(uneven, { ...others, alive: 0b101 })).toEqual({ election: 'clean', leader: 2, cut: 5 });
  });

  test('nobody leads who is not in sync, unless the topic allows it', () => {
    const alone = ledgerOf(uneven.tail, { paged: 4, state: { inSync: 0b001 }, cursors: [4, 4, 2] });
    expect(decideElection(alone, others)).toEqual({ election: 'none' });
    const unclean = { election: 'unclean', leader: 1, cut: 8, lostFrom: 6 };
    expect(decideElection(alone, { ...others, uncleanAllowed: true })).toEqual(unclean);
  });

  test('an unclean election loses nothing where the new leader holds all that was readable', () => {
    const behind = ledgerOf(uneven.tail, { paged: 4, state: { inSync: 0b101 }, cursors: [4, 4, 4] });
    const election = decideElection(behind, { alive: 0b010, uncleanAllowed: true });
    expect(election).toEqual({ election: 'unclean', leader: 1, cut: 6, lostFrom: 5 });
  });

  test('a replica in sync goes before one that is not', () => {
    const view = ledgerOf(uneven.tail, { paged: 4, state: { inSync: 0b101 }, cursors: [4, 8, 4] });
    expect(decideElection(view, { ...others, uncleanAllowed: true })).toMatchObject({ election: 'clean', leader: 2 });
  });
});

describe('an election', () => {
  const writes = planElection(uneven, { election: 'clean', leader: 1, cut: 6 });

  test('replaces the tail, the ids and the offsets of exactly the head that was looked at', () => {
    expect(headOf(writes)).toEqual({
      state: { replicas: [0, 1, 2], leader: 1, inSync: 0b110, joining: 0 },
      set: {
        t: [Uint8Array.of(4), Uint8Array.of(5)],
        r: [Uint8Array.of(200), Uint8Array.of(4), Uint8Array.of(5)],
        n0: 7,
        k0: 6,
        k1: 6,
        k2: 5,
      },
      add: { v: 1, e: 1, i: 1, b: -40 },
      remove: ['n1'],
      conditions: [
        { clause: 'equals', attribute: 'e', value: 3 },
        { clause: 'equals', attribute: 'i', value: 7 },
        { clause: 'equals', attribute: 'v', value: 40 },
      ],
    });
  });

  test('writes the item of its epoch with it, once', () => {
    const [, epoch] = writes;
    expect(epoch).toMatchObject({
      kind: 'put',
      key: { sk: 'epoch#000000000004' },
      conditions: [{ clause: 'item-absent' }],
    });
    const decoded = decodeEpoch(4, epoch?.kind === 'put' ? epoch.attributes : {});
    expect(decoded).toMatchObject({ epoch: 4, leader: 1, starts: [7, 0, ...Array<number>(14).fill(0)] });
    expect(decoded.lost).toBeUndefined();
  });

  test('rolls back with it what else depends on what was cut off', () => {
    const rollBack = { set: { p1: 5 }, remove: ['p2'] };
    expect(headOf(planElection(uneven, { election: 'clean', leader: 1, cut: 6 }, { rollBack }))).toMatchObject({
      set: { p1: 5 },
      remove: ['n1', 'p2'],
    });
  });

  test('never cuts below the high watermark', () => {
    expect(() => planElection(uneven, { election: 'clean', leader: 1, cut: 4 })).toThrow('below the high watermark');
  });

  test('that is unclean names what may be lost, and leaves the new leader alone in the set', () => {
    const election = { election: 'unclean', leader: 2, cut: 8, lostFrom: 5 } as const;
    const alone = ledgerOf(uneven.tail, { paged: 4, state: { inSync: 0b001, joining: 0b100 } });
    expect(() => planElection(alone, election)).toThrow('may be lost');
    const unclean = planElection(alone, election, { lost: lostInTail(alone, election) });
    expect(headOf(unclean)).toMatchObject({ state: { leader: 2, inSync: 0b100, joining: 0 }, set: { k2: 8 } });
    const decoded = decodeEpoch(4, unclean[1]?.kind === 'put' ? unclean[1].attributes : {});
    expect(decoded.lost?.slice(0, 3)).toEqual([
      { from: 6, to: 8 },
      { from: 0, to: 3 },
      { from: 0, to: 0 },
    ]);
  });
});

describe('the preferred leader', () => {
  const led = (inSync: number) => ledgerOf([tailCommit(0, [0, 1, 2])], { state: { leader: 1, inSync } });

  test('takes over when it is alive, in sync and holds everything; the old leader stays in sync', () => {
    const election = decidePreferred(led(0b111), { alive: 0b111 });
    expect(election).toEqual({ election: 'preferred', leader: 0, cut: 1 });
    if (election.election === 'none') throw new Error('it takes over');
    const head = headOf(planElection(led(0b111), election));
    expect(head).toMatchObject({ state: { leader: 0, inSync: 0b111 }, remove: [] });
    expect(head.set).not.toHaveProperty('t');
  });

  test('waits while it lacks something, is not in sync or not alive, or leads already', () => {
    const behind = ledgerOf([tailCommit(0, [1, 2])], { state: { leader: 1 } });
    expect(decidePreferred(behind, { alive: 0b111 })).toEqual({ election: 'none' });
    expect(decidePreferred(led(0b110), { alive: 0b111 })).toEqual({ election: 'none' });
    expect(decidePreferred(led(0b111), { alive: 0b110 })).toEqual({ election: 'none' });
    expect(decidePreferred(ledgerOf([]), { alive: 0b111 })).toEqual({ election: 'none' });
  });
});

test('a cut at the end cuts nothing', () => {
  expect(truncate(uneven, 8)).toMatchObject({ set: {}, emptied: [], cutOff: [], bytes: 0, next: uneven.next });
});
