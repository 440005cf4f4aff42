import { describe, expect, test } from 'vitest';
import {
  decideJoin,
  planCursor,
  planLeave,
  planStartJoining,
} from '../../../lib/coordination/replication/membership.ts';
import { unpackState } from '../../../lib/coordination/replication/replica-state.ts';
import type { Write } from '../../../lib/kernel/items.ts';
import { ledgerOf, tailCommit } from '../../support/replicated-ledger.ts';

const sameSet = [
  { clause: 'equals', attribute: 'e', value: 3 },
  { clause: 'equals', attribute: 'i', value: 7 },
];

function changesOf(write: Write) {
  if (write.kind !== 'update') throw new Error('an update was expected');
  const { q, ...set } = write.changes.set ?? {};
  return { state: q instanceof Uint8Array ? unpackState(q) : undefined, set, add: write.changes.add };
}

describe('leaving the in-sync set', () => {
  const view = ledgerOf([tailCommit(0, [0, 1, 2]), tailCommit(1, [0, 1])]);

  test('keeps what the leaver certainly holds, and counts the version of the set up', () => {
    const write = planLeave(view, 0b100);
    expect(changesOf(write)).toMatchObject({
      state: { inSync: 0b011, leader: 0 },
      set: { k2: 1 },
      add: { v: 1, i: 1 },
    });
    expect(write.conditions).toEqual(sameSet);
  });

  test('is possible for several at once, and for who is only joining', () => {
    const joining = ledgerOf(view.tail, { state: { inSync: 0b011, joining: 0b100 } });
    expect(changesOf(planLeave(joining, 0b110))).toMatchObject({
      state: { inSync: 0b001, joining: 0 },
      set: { k1: 2, k2: 1 },
    });
  });

  test('is not for the leader', () => {
    expect(() => planLeave(view, 0b001)).toThrow('the leader does not leave');
  });
});

describe('joining the in-sync set', () => {
  const outside = { inSync: 0b011 };
  const tail = [tailCommit(0, [0, 1]), tailCommit(1, [0, 1, 2])];

  test('begins with the uploads of all writers', () => {
    const write = planStartJoining(ledgerOf(tail, { state: outside }), 2);
    expect(changesOf(write)).toMatchObject({ state: { inSync: 0b011, joining: 0b100 }, add: { v: 1, i: 1 } });
    expect(() => planStartJoining(ledgerOf(tail), 2)).toThrow('not in sync');
  });

  test('waits for what lies below the high watermark', () => {
    const view = ledgerOf(tail, { state: { ...outside, joining: 0b100 } });
    expect(decideJoin(view, 2)).toEqual({ join: 'behind', heldUpTo: 0, covered: 2 });
  });

  test('needs exactly the head that was looked at', () => {
    const view = ledgerOf(tail, { state: { ...outside, joining: 0b100 }, cursors: [0, 0, 1] });
    const decision = decideJoin(view, 2);
    if (decision.join !== 'now') throw new Error('it holds everything');
    expect(decision.write.conditions).toEqual([...sameSet, { clause: 'equals', attribute: 'v', value: 40 }]);
    expect(changesOf(decision.write)).toMatchObject({ state: { inSync: 0b111, joining: 0 }, add: { v: 1, i: 1 } });
  });

  test('does not wait for what the others lack too', () => {
    const view = ledgerOf([tailCommit(0, [0])], { state: { ...outside, joining: 0b100 } });
    expect(decideJoin(view, 2)).toMatchObject({ join: 'now' });
  });

  test('is not for who has not started to', () => {
    expect(() => decideJoin(ledgerOf(tail, { state: outside }), 2)).toThrow('started joining');
  });
});

describe('a cursor', () => {
  const view = ledgerOf([tailCommit(0, [0]), tailCommit(1, [0])], { cursors: [0, 1] });

  test('is raised within its epoch and set, and only if it is lower', () => {
    const write = planCursor(view, 1, 2);
    expect(write?.conditions).toEqual([...sameSet, { clause: 'less', attribute: 'k1', value: 2 }]);
    expect(write).toMatchObject({ changes: { set: { k1: 2 }, add: { v: 1 } } });
  });

  test('that says as much already is left alone', () => {
    expect(planCursor(view, 1, 1)).toBeUndefined();
  });
});
