import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  count,
  covers,
  decodeReplication,
  encodeReplication,
  initialReplication,
  maskOf,
  members,
  packState,
  REPLICATION_BYTES_MAX,
  type Replication,
  unpackState,
  without,
} from '../../../lib/coordination/replication/replica-state.ts';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';
import { itemBytes } from '../../../lib/storage/metadata/item-size.ts';

const replicaIds = fc.uniqueArray(fc.integer({ min: 0, max: replicationLimits.replicasMax - 1 }), {
  minLength: 1,
  maxLength: 8,
});
const anyNumber = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

const replications: fc.Arbitrary<Replication> = replicaIds.chain((replicas) =>
  fc
    .record({
      leader: fc.constantFrom(...replicas),
      inSync: fc.subarray(replicas),
      paged: anyNumber,
      raw: fc.array(anyNumber, { minLength: 8, maxLength: 8 }),
    })
    .map(({ leader, inSync, paged, raw }) => {
      const mask = maskOf([...inSync, leader]);
      const joining = without(maskOf(replicas), mask);
      const cursors = raw.map((cursor, replica) => (replicas.includes(replica) ? cursor : 0));
      return { state: { replicas, leader, inSync: mask, joining }, cursors, paged };
    }),
);

describe('the replicas of a ledger', () => {
  test('come back from the head as they were put into it', () => {
    fc.assert(
      fc.property(replications, (one) => {
        expect(decodeReplication(encodeReplication(one))).toEqual(one);
      }),
    );
  });

  test('take up a bounded part of the head, whatever the numbers', () => {
    fc.assert(
      fc.property(replications, (one) => {
        expect(itemBytes({ pk: '', sk: '' }, encodeReplication(one)) - 4).toBeLessThanOrEqual(REPLICATION_BYTES_MAX);
      }),
    );
  });

  test('are packed as docs/replication.md says', () => {
    const state = { replicas: [2, 0, 5], leader: 0, inSync: 0b101, joining: 0b100000 };
    expect([...packState(state)]).toEqual([1, 0, 0b101, 0b100000, 2, 0, 5]);
  });

  test('are not there in a head that has a single replica', () => {
    expect(decodeReplication({ v: 1, e: 0, i: 0 })).toBeUndefined();
  });

  test('are all in sync in a new ledger, and the first of them leads', () => {
    expect(initialReplication([2, 1])).toEqual({
      state: { replicas: [2, 1], leader: 2, inSync: 0b110, joining: 0 },
      cursors: [0, 0, 0, 0, 0, 0, 0, 0],
      paged: 0,
    });
  });

  test.each([
    ['a leader that is not in sync', { replicas: [0, 1], leader: 1, inSync: 0b01, joining: 0 }],
    ['someone in sync who is no replica', { replicas: [0, 1], leader: 0, inSync: 0b101, joining: 0 }],
    ['someone both in sync and joining', { replicas: [0, 1], leader: 0, inSync: 0b11, joining: 0b10 }],
    ['no replicas', { replicas: [], leader: 0, inSync: 1, joining: 0 }],
    ['a replica twice', { replicas: [0, 0], leader: 0, inSync: 1, joining: 0 }],
    ['a replica beyond a byte of bits', { replicas: [0, 8], leader: 0, inSync: 1, joining: 0 }],
  ])('are never %s', (_, state) => {
    expect(() => packState(state)).toThrow(/in sync|joining|replica/);
  });

  test('of an unknown format are not guessed at', () => {
    expect(() => unpackState(Uint8Array.of(2, 0, 1, 0, 0))).toThrow('format 2');
  });
});

test('masks name the replicas whose bits they have', () => {
  expect(members(0b1010_0001)).toEqual([0, 5, 7]);
  expect(maskOf([0, 5, 7])).toBe(0b1010_0001);
  expect(count(0b1010_0001)).toBe(3);
  expect(covers(0b111, 0b101)).toBe(true);
  expect(covers(0b101, 0b111)).toBe(false);
});
