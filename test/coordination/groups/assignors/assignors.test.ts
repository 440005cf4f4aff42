import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Assigned, AssignorInput } from '../../../../lib/coordination/groups/assignors/assignor.ts';
import { keepCurrent } from '../../../../lib/coordination/groups/assignors/assignor.ts';
import {
  ASSIGNOR_DEFAULT,
  ASSIGNORS,
  electAssignor,
  isAssignorName,
} from '../../../../lib/coordination/groups/assignors/by-name.ts';
import {
  countPartitions,
  eachPartition,
  minus,
  type Partitions,
  partitionsOf,
} from '../../../../lib/coordination/groups/partitions.ts';
import { anyAssignorInput, topicIdOf } from '../../../support/group-arbitraries.ts';

const any = fc.oneof(anyAssignorInput({ same: true }), anyAssignorInput({ same: false }));
const [first, second] = [topicIdOf(1), topicIdOf(2)];

function members(input: AssignorInput, assigned: Assigned): AssignorInput {
  return { ...input, members: input.members.map((member) => ({ ...member, current: of(assigned, member.seat) })) };
}

const of = (assigned: Assigned, seat: string) => assigned.get(seat) as Partitions;
const loads = (assigned: Assigned) => [...assigned.values()].map(countPartitions);
const spread = (numbers: number[]) => Math.max(...numbers) - Math.min(...numbers);
const ofTopic = (assigned: Assigned, seat: string, topicId: string) => assigned.get(seat)?.get(topicId)?.length ?? 0;

/** The least that must move: what is beyond the quotas, when those that have most get the larger ones. */
function fewestMoves(input: AssignorInput): number {
  const had = keepCurrent(input).map(({ held }) => held.length);
  const total = [...input.topics.values()].reduce((sum, count) => sum + count, 0);
  const [each, more] = [Math.floor(total / had.length), total % had.length];
  return had
    .sort((a, b) => b - a)
    .reduce((sum, count, index) => {
      return sum + Math.max(0, count - each - (index < more ? 1 : 0));
    }, 0);
}

/** Partitions that somebody had and now somebody else has. */
function moves(input: AssignorInput, assigned: Assigned): number {
  return keepCurrent(input).reduce((sum, { seat, held }) => {
    return sum + countPartitions(minus(partitionsOf(held), of(assigned, seat)));
  }, 0);
}

describe.each(Object.entries(ASSIGNORS))('%s', (_name, assign) => {
  test('gives every partition that somebody wants to one who wants it', () => {
    fc.assert(
      fc.property(any, (input) => {
        const assigned = assign(input);
        expect([...assigned.keys()].sort()).toEqual(input.members.map(({ seat }) => seat).sort());
        const given = [...assigned].flatMap(([seat, partitions]) => {
          const topics = input.members.find((member) => member.seat === seat)?.topics;
          return [...eachPartition(partitions)].map(({ topicId, partition }) => {
            expect(topics?.has(topicId) && partition < (input.topics.get(topicId) ?? 0)).toBe(true);
            return `${topicId} ${partition}`;
          });
        });
        const wanted = [...input.topics].filter(([id]) => input.members.some(({ topics }) => topics.has(id)));
        const all = wanted.flatMap(([id, count]) => Array.from({ length: count }, (_, index) => `${id} ${index}`));
        expect(given.sort()).toEqual(all.sort());
      }),
    );
  });

  test('decides the same whatever the order of members and topics', () => {
    fc.assert(
      fc.property(any, (input) => {
        const { members: list, topics } = input;
        const turned = { members: [...list].reverse(), topics: new Map([...topics].reverse()) };
        // What two claim at once is settled by seat, not by order.
        expect(assign(turned)).toEqual(assign(input));
      }),
    );
  });

  test('leaves its own answer as it is', () => {
    fc.assert(
      fc.property(any, (input) => {
        const assigned = assign(input);
        expect(assign(members(input, assigned))).toEqual(assigned);
      }),
    );
  });

  test('spreads a topic evenly where all want it', () => {
    fc.assert(
      fc.property(anyAssignorInput({ same: true }), (input) => {
        const one = { ...input, topics: new Map([...input.topics].slice(0, 1)) };
        expect(spread(loads(assign(one)))).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('range', () => {
  test('gives runs, the first members one more, and the same of topics with the same number of partitions', () => {
    const topics = new Map([
      [first, 5],
      [second, 5],
    ]);
    const seats = ['a', 'b', 'c'].map((seat) => ({ seat, topics: new Set([first, second]), current: new Map() }));
    const assigned = ASSIGNORS.range({ members: seats, topics });
    expect(assigned.get('a')).toEqual(
      new Map([
        [first, [0, 1]],
        [second, [0, 1]],
      ]),
    );
    expect(assigned.get('b')).toEqual(
      new Map([
        [first, [2, 3]],
        [second, [2, 3]],
      ]),
    );
    expect(assigned.get('c')).toEqual(
      new Map([
        [first, [4]],
        [second, [4]],
      ]),
    );
  });
});

describe('uniform', () => {
  test('spreads each topic and the total evenly over members with equal subscriptions', () => {
    fc.assert(
      fc.property(anyAssignorInput({ same: true }), (input) => {
        const assigned = ASSIGNORS.uniform(input);
        expect(spread(loads(assigned))).toBeLessThanOrEqual(1);
        for (const id of input.topics.keys()) {
          expect(spread(input.members.map(({ seat }) => ofTopic(assigned, seat, id)))).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('spreads each topic evenly over its subscribers', () => {
    fc.assert(
      fc.property(anyAssignorInput({ same: false }), (input) => {
        const assigned = ASSIGNORS.uniform(input);
        for (const id of input.topics.keys()) {
          const subscribers = input.members.filter(({ topics }) => topics.has(id));
          if (subscribers.length === 0) continue;
          expect(spread(subscribers.map(({ seat }) => ofTopic(assigned, seat, id)))).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('moves the fewest partitions of a single topic', () => {
    fc.assert(
      fc.property(anyAssignorInput({ same: true }), (input) => {
        const one = { ...input, topics: new Map([...input.topics].slice(0, 1)) };
        expect(moves(one, ASSIGNORS.uniform(one))).toBe(fewestMoves(one));
      }),
    );
  });
});

describe('sticky', () => {
  test('is even in total over members with equal subscriptions, and moves the fewest partitions for it', () => {
    fc.assert(
      fc.property(anyAssignorInput({ same: true }), (input) => {
        const assigned = ASSIGNORS.sticky(input);
        expect(spread(loads(assigned))).toBeLessThanOrEqual(1);
        expect(moves(input, assigned)).toBe(fewestMoves(input));
      }),
    );
  });

  test('leaves no partition with an owner that has two more than another who wants it', () => {
    fc.assert(
      fc.property(anyAssignorInput({ same: false }), (input) => {
        const assigned = ASSIGNORS.sticky(input);
        const load = (seat: string) => countPartitions(of(assigned, seat));
        for (const { seat } of input.members) {
          for (const other of input.members) {
            const could = [...of(assigned, seat).keys()].some((id) => other.topics.has(id));
            expect(could && load(seat) - load(other.seat) > 1).toBe(false);
          }
        }
      }),
    );
  });

  test('moves one partition in a hundred when a member joins a hundred', () => {
    const seat = (index: number) => `d#${String(index).padStart(3, '0')}`;
    const member = (index: number) => ({ seat: seat(index), topics: new Set([first]), current: new Map() });
    const topics = new Map([[first, 1_000]]);
    const hundred = { members: Array.from({ length: 100 }, (_, index) => member(index)), topics };
    const before = members(hundred, ASSIGNORS.sticky(hundred));
    const joined = { ...before, members: [...before.members, member(100)] };
    expect(moves(joined, ASSIGNORS.sticky(joined))).toBe(9);
  });
});

describe('the assignor of a group', () => {
  test('is the one most members ask for', () => {
    expect(electAssignor(['range', 'uniform', 'range', undefined])).toBe('range');
    expect(electAssignor(['uniform', 'range'])).toBe('range');
    expect(electAssignor([undefined])).toBe(ASSIGNOR_DEFAULT);
    expect(isAssignorName('uniform')).toBe(true);
    expect(isAssignorName('toString')).toBe(false);
  });
});
