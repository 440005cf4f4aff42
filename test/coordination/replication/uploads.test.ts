import { describe, expect, test } from 'vitest';
import {
  admit,
  judgeAck,
  judgePaged,
  judgeUploads,
  missingHolders,
} from '../../../lib/coordination/replication/uploads.ts';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';
import { ledgerOf, THREE, tailCommit } from '../../support/replicated-ledger.ts';

const joining = { ...THREE, inSync: 0b011, joining: 0b100 };
const fresh = { held: 0, underWay: 0, waitedMs: 0 };

describe('before an upload', () => {
  test('acks=all is refused while fewer are in sync than the topic wants', () => {
    expect(admit(joining, { acks: 'all', minInSync: 3 })).toEqual({ admission: 'not-enough-replicas', inSync: 2 });
  });

  test('acks=leader does not ask how many are in sync', () => {
    expect(admit(joining, { acks: 'leader', minInSync: 3 })).toEqual({ admission: 'upload', targets: 0b111 });
  });

  test('the object goes to who is in sync and to who is joining', () => {
    const state = { ...THREE, inSync: 0b001, joining: 0b100 };
    expect(admit(state, { acks: 'all', minInSync: 1 })).toEqual({ admission: 'upload', targets: 0b101 });
  });
});

describe('after uploads', () => {
  test('acks=all waits for everyone in sync', () => {
    expect(judgeUploads(THREE, { ...fresh, acks: 'all', held: 0b011, underWay: 0b100 })).toEqual({
      verdict: 'wait',
      on: 0b100,
    });
    expect(judgeUploads(THREE, { ...fresh, acks: 'all', held: 0b111 })).toEqual({ verdict: 'append', holders: 0b111 });
  });

  test('acks=leader waits for the leader only, and says who else has it by then', () => {
    expect(judgeUploads(THREE, { ...fresh, acks: 'leader', held: 0b110, underWay: 0b001 })).toEqual({
      verdict: 'wait',
      on: 0b001,
    });
    expect(judgeUploads(THREE, { ...fresh, acks: 'leader', held: 0b101, underWay: 0b010 })).toEqual({
      verdict: 'append',
      holders: 0b101,
    });
  });

  test('a failed upload to someone required blocks the append', () => {
    expect(judgeUploads(THREE, { ...fresh, acks: 'all', held: 0b001, underWay: 0b010 })).toEqual({
      verdict: 'blocked',
      on: 0b100,
    });
    expect(judgeUploads(THREE, { ...fresh, acks: 'leader', held: 0b110 })).toEqual({ verdict: 'blocked', on: 0b001 });
  });

  test('acks=all has a little patience with a replica that is joining, and no more', () => {
    const uploads = { acks: 'all', held: 0b011, underWay: 0b100 } as const;
    expect(judgeUploads(joining, { ...uploads, waitedMs: 0 })).toEqual({ verdict: 'wait', on: 0b100 });
    const patient = { ...uploads, waitedMs: replicationLimits.replicaJoiningWaitMs };
    expect(judgeUploads(joining, patient)).toEqual({ verdict: 'append', holders: 0b011 });
    expect(judgeUploads(joining, { ...uploads, underWay: 0, waitedMs: 0 })).toMatchObject({ verdict: 'append' });
  });

  test('who is none of the ledger’s replicas is no holder', () => {
    const state = { replicas: [0, 1], leader: 0, inSync: 0b11, joining: 0 };
    expect(judgeUploads(state, { ...fresh, acks: 'all', held: 0b1111 })).toEqual({ verdict: 'append', holders: 0b11 });
  });

  test('a changed set may need the object elsewhere too', () => {
    expect(missingHolders(THREE, 'all', 0b011)).toBe(0b100);
    expect(missingHolders({ ...THREE, leader: 2 }, 'leader', 0b011)).toBe(0b100);
    expect(missingHolders(THREE, 'leader', 0b011)).toBe(0);
  });
});

describe('an appended commit is answered', () => {
  const view = ledgerOf([tailCommit(0, [0, 1, 2]), tailCommit(1, [0]), tailCommit(2, [0, 1, 2])]);
  const id = (number: number) => Uint8Array.of(number);

  test('when everyone in sync holds it and all below it', () => {
    expect(judgeAck(view, id(0), { minInSync: 3 })).toEqual({ ack: 'now' });
  });

  test('not above a gap, although everyone holds it', () => {
    expect(judgeAck(view, id(2), { minInSync: 1 })).toEqual({ ack: 'wait' });
  });

  test('with NOT_ENOUGH_REPLICAS_AFTER_APPEND where the set has become too small meanwhile', () => {
    const refusal = { ack: 'not-enough-replicas-after-append', inSync: 3 };
    expect(judgeAck(view, id(0), { minInSync: 4 })).toEqual(refusal);
    expect(judgePaged(view, { inPage: true, minInSync: 4 })).toEqual(refusal);
  });

  test('from a page at once', () => {
    expect(judgeAck(view, id(200), { minInSync: 3 })).toEqual({ ack: 'now' });
    expect(judgePaged(view, { inPage: true, minInSync: 3 })).toEqual({ ack: 'now' });
  });

  test('after a look into the pages where the head does not remember it; then it is there, or it was cut off', () => {
    expect(judgeAck(view, id(99), { minInSync: 1 })).toEqual({ ack: 'look' });
    expect(judgePaged(view, { inPage: false, minInSync: 1 })).toEqual({ ack: 'cut-off' });
  });
});
