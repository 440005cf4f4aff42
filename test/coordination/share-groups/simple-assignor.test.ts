import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  allPartitions,
  countPartitions,
  eachPartition,
  hasPartition,
  intersection,
  type Partitions,
} from '../../../lib/coordination/groups/partitions.ts';
import { decodeShareTarget, encodeShareTarget } from '../../../lib/coordination/share-groups/share-target-item.ts';
import { assignShared } from '../../../lib/coordination/share-groups/simple-assignor.ts';
import { anyAssignorInput, topicIdOf } from '../../support/group-arbitraries.ts';

function loadsOf(assigned: ReadonlyMap<string, Partitions>): number[] {
  return [...assigned.values()].map(countPartitions);
}

describe('the partitions of a share group', () => {
  test('each have a member that wants them, and each member that wants any has one', () => {
    fc.assert(
      fc.property(anyAssignorInput({ same: false }), ({ members, topics }) => {
        const assigned = assignShared(members, topics);
        for (const partition of eachPartition(allPartitions(topics))) {
          const wanting = members.filter((member) => member.topics.has(partition.topicId));
          const holding = members.filter(({ seat }) => hasPartition(assigned.get(seat) as Partitions, partition));
          expect(holding.every((member) => wanting.includes(member))).toBe(true);
          expect(holding.length > 0).toBe(wanting.length > 0);
        }
        for (const { seat, topics: own } of members) {
          const hasSome = [...own].some((topicId) => (topics.get(topicId) ?? 0) > 0);
          expect(countPartitions(assigned.get(seat) as Partitions) > 0).toBe(hasSome);
        }
      }),
    );
  });

  test('are as many for each, or one more, where all want the same', () => {
    fc.assert(
      fc.property(anyAssignorInput({ same: true }), ({ members, topics }) => {
        const loads = loadsOf(assignShared(members, topics));
        expect(Math.max(0, ...loads) - Math.min(...loads, Infinity)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('stay where they are when nothing has changed', () => {
    fc.assert(
      fc.property(anyAssignorInput({ same: true }), ({ members, topics }) => {
        const assigned = assignShared(members, topics);
        const settled = members.map((member) => ({ ...member, current: assigned.get(member.seat) as Partitions }));
        expect(assignShared(settled, topics)).toEqual(assigned);
      }),
    );
  });

  test('move no more than has to go to one that joins', () => {
    const topicId = topicIdOf(1);
    const topics = new Map([[topicId, 12]]);
    const member = (seat: string, current: Partitions = new Map()) => ({ seat, topics: new Set([topicId]), current });
    const before = assignShared([member('a'), member('b'), member('c')], topics);
    const now = assignShared([...[...before].map(([seat, current]) => member(seat, current)), member('d')], topics);
    expect(loadsOf(now)).toEqual([3, 3, 3, 3]);
    for (const [seat, had] of before) {
      expect(countPartitions(intersection(had, now.get(seat) as Partitions))).toBe(3);
    }
  });
});

test('a target comes back as it was stored', () => {
  const topics = new Map([[topicIdOf(1), 3]]);
  const assigned: Partitions = new Map([[topicIdOf(1), [0, 2]]]);
  const entry = { seat: 'd#a', nonce: 'x', subscriptionNumber: 2, assigned };
  const target = { nonce: 'n', epoch: 7, members: [entry, { ...entry, seat: 'd#b', assigned: new Map() }], topics };
  expect(decodeShareTarget(encodeShareTarget(target))).toEqual(target);
});
