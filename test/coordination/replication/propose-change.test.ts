import { describe, expect, test } from 'vitest';
import {
  copiesDue,
  failingMark,
  isReached,
  proposeChange,
  type ReplicaSight,
} from '../../../lib/coordination/replication/propose-change.ts';
import { ledgerOf, tailCommit } from '../../support/replicated-ledger.ts';

const well: ReplicaSight = { alive: 0b111, failed: 0, lagging: 0, failingSince: new Map() };
const policy = { uncleanAllowed: false, preferFirst: true };
const even = ledgerOf([tailCommit(0, [0, 1, 2])]);

describe('what is to be done', () => {
  test('is nothing while all is well', () => {
    expect(proposeChange(even, well, policy)).toEqual({ change: 'none' });
  });

  test('is an election when the leader has failed', () => {
    const change = proposeChange(even, { ...well, alive: 0b110, failed: 0b001 }, policy);
    expect(change).toEqual({ change: 'elect', election: { election: 'clean', leader: 1, cut: 1 } });
  });

  test('is to wait when nobody may take over from a failed leader', () => {
    const alone = ledgerOf(even.tail, { state: { inSync: 0b001 } });
    const sight = { ...well, alive: 0b110, failed: 0b001 };
    expect(proposeChange(alone, sight, policy)).toEqual({ change: 'wait-for-leader' });
    expect(proposeChange(alone, sight, { ...policy, uncleanAllowed: true })).toMatchObject({
      change: 'elect',
      election: { election: 'unclean' },
    });
  });

  test('is to leave, for followers that have failed or lag, and for who fails while joining', () => {
    const sight = { ...well, alive: 0b011, failed: 0b100, lagging: 0b010 };
    expect(proposeChange(even, sight, policy)).toEqual({ change: 'leave', replicas: 0b110 });
    const joining = ledgerOf(even.tail, { state: { inSync: 0b011, joining: 0b100 } });
    expect(proposeChange(joining, { ...well, failed: 0b100 }, policy)).toEqual({ change: 'leave', replicas: 0b100 });
  });

  test('is nothing about a leader that lags behind nobody', () => {
    expect(proposeChange(even, { ...well, lagging: 0b001 }, policy)).toEqual({ change: 'none' });
  });

  test('is to start joining, and to join, when a replica is alive again', () => {
    const outside = ledgerOf(even.tail, { state: { inSync: 0b011 } });
    expect(proposeChange(outside, well, policy)).toEqual({ change: 'start-joining', replica: 2 });
    expect(proposeChange(outside, { ...well, alive: 0b011 }, policy)).toEqual({ change: 'none' });
    const joining = ledgerOf(even.tail, { state: { inSync: 0b011, joining: 0b100 } });
    expect(proposeChange(joining, well, policy)).toMatchObject({ change: 'join', replica: 2 });
  });

  test('is nothing while a joining replica is copied to', () => {
    const behind = ledgerOf([tailCommit(0, [0, 1])], { state: { inSync: 0b011, joining: 0b100 } });
    expect(proposeChange(behind, well, policy)).toEqual({ change: 'none' });
    expect(copiesDue(behind)).toEqual([{ replica: 2, from: 0, to: 1 }]);
  });

  test('is to give leadership back to the first, where that is wanted', () => {
    const led = ledgerOf(even.tail, { state: { leader: 1 } });
    expect(proposeChange(led, well, policy)).toMatchObject({ change: 'elect', election: { election: 'preferred' } });
    expect(proposeChange(led, well, { ...policy, preferFirst: false })).toEqual({ change: 'none' });
  });
});

describe('a replica that fails for this process', () => {
  const sight = { ...well, alive: 0b110, failed: 0b001, failingSince: new Map([[0, failingMark(even)]]) };
  const elected = { change: 'elect' };

  test('stays while others get through to it', () => {
    const grown = ledgerOf([...even.tail, tailCommit(1, [0, 1, 2])]);
    expect(isReached(grown, 0, sight)).toBe(true);
    expect(proposeChange(grown, sight, policy)).toEqual({ change: 'none' });
  });

  test('does not stay for what was there before it failed, for inline commits, or for what others than it hold', () => {
    expect(proposeChange(even, sight, policy)).toMatchObject(elected);
    expect(isReached(ledgerOf([...even.tail, tailCommit(1, [0], { inline: true })]), 0, sight)).toBe(false);
    expect(isReached(ledgerOf([...even.tail, tailCommit(1, [1, 2])]), 0, sight)).toBe(false);
  });

  test('is looked at anew after an election', () => {
    expect(isReached({ ...even, epoch: 9 }, 0, sight)).toBe(true);
  });
});

test('copies are due for who is in sync with a gap, and not for who has left', () => {
  const gap = ledgerOf([tailCommit(0, [0]), tailCommit(1, [0, 1])], { state: { inSync: 0b011 } });
  expect(copiesDue(gap)).toEqual([{ replica: 1, from: 0, to: 2 }]);
});
