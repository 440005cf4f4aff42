import { describe, expect, test } from 'vitest';
import type { GroupState } from '../../../lib/coordination/groups/group-item.ts';
import type { Member } from '../../../lib/coordination/groups/member-item.ts';
import { countPartitions } from '../../../lib/coordination/groups/partitions.ts';
import { decideRegroup, type Regroup } from '../../../lib/coordination/groups/regroup.ts';
import type { Topics } from '../../../lib/coordination/groups/subscription.ts';
import type { Target } from '../../../lib/coordination/groups/target-item.ts';
import { groupLimits } from '../../../lib/kernel/limits/groups.ts';
import { topicIdOf } from '../../support/group-arbitraries.ts';
import { memberOf, partitions, TOPIC } from '../../support/group-items.ts';
import { matchesOf } from '../../support/pattern-matches.ts';

const orders = (count: number): Topics => new Map([['orders', { topicId: TOPIC, partitions: count }]]);

function regroup(
  members: Member[],
  {
    state,
    target,
    topics = orders(4),
    nowMs = 0,
  }: { state?: GroupState; target?: Target; topics?: Topics; nowMs?: number } = {},
): Regroup {
  const bySeat = new Map(members.map((member) => [member.seat, member]));
  return decideRegroup({
    state,
    target,
    members: bySeat,
    topics,
    matches: matchesOf(members, topics),
    nowMs,
    nonce: 'group',
  });
}

function next(decided: Regroup): Extract<Regroup, { regroup: 'next' }> {
  if (decided.regroup !== 'next') throw new Error(decided.regroup);
  return decided;
}

const assigned = ({ target }: { target: Target }) =>
  target.members.map((member) => [...member.assigned.values()].flat());

describe('regrouping', () => {
  test('makes a group of its first members, and leaves it alone while nothing changes', () => {
    const members = [memberOf('a'), memberOf('b')];
    const first = next(regroup(members));
    expect(first.state).toMatchObject({ nonce: 'group', version: 1, kind: 'consumer', epoch: 1, members: 2 });
    expect(first.state.emptySinceMs).toBeUndefined();
    expect(assigned(first)).toEqual([
      [0, 2],
      [1, 3],
    ]);
    expect(regroup(members, first)).toEqual({ regroup: 'none', turnedAway: [] });
    expect(regroup([])).toEqual({ regroup: 'none', turnedAway: [] });
  });

  test('goes on above the epoch of a seat that changed hands, though nothing moves', () => {
    const members = [memberOf('a'), memberOf('b')];
    const first = next(regroup(members));
    const taken = [memberOf('a', { epoch: 2, followed: 1 }), memberOf('b', { epoch: 1, followed: 1 })];
    const second = next(regroup(taken, first));
    expect([second.state.epoch, assigned(second)]).toEqual([3, assigned(first)]);
    expect(regroup(taken, second)).toEqual({ regroup: 'none', turnedAway: [] });
  });

  test('turns away who comes with more patterns than a group has', () => {
    const patterned = (id: string, pattern: string) =>
      memberOf(id, { subscription: { names: [], pattern }, subscriptionNumber: 1 });
    const first = Array.from({ length: groupLimits.groupPatternsMax }, (_, index) =>
      patterned(`m${index}`, `ord.{${index}}`),
    );
    const seated = next(regroup(first));
    expect(seated.turnedAway).toEqual([]);
    const more = [...first, patterned('x', 'another'), patterned('y', 'ord.{3}'), memberOf('z')];
    const decided = next(regroup(more, seated));
    expect(decided.turnedAway).toEqual(['d#x']);
    expect(decided.target.members).toHaveLength(groupLimits.groupPatternsMax + 2);
  });

  test('names from whom it takes, unless that one is gone', () => {
    const [a, b] = [memberOf('a', { owned: partitions(0, 1, 2, 3), followed: 1, epoch: 1 }), memberOf('b')];
    const first = next(regroup([memberOf('a')]));
    const second = next(regroup([a, b], { ...first, nowMs: 7 }));
    expect(second.target.withdrawals).toMatchObject([
      { seat: 'd#a', epoch: 2, sinceMs: 7, partitions: partitions(2, 3) },
    ]);
    const alone = next(regroup([b], first));
    expect(alone.target.withdrawals).toEqual([]);
    expect(assigned(alone)).toEqual([[0, 1, 2, 3]]);
  });

  test('carries withdrawals on until they are followed, and drops what is given back', () => {
    const a = memberOf('a', { owned: partitions(0, 1, 2, 3), followed: 1, epoch: 1 });
    const second = next(regroup([a, memberOf('b')], next(regroup([memberOf('a')]))));
    const third = next(regroup([a, memberOf('b'), memberOf('c')], second));
    expect(third.target.withdrawals.map(({ seat, epoch }) => [seat, epoch])).toEqual([
      ['d#a', 2],
      ['d#b', 3],
    ]);
    const followed = { ...a, followed: 3, owned: partitions(0, 1) };
    const fourth = next(regroup([followed, memberOf('b'), memberOf('c'), memberOf('d')], third));
    expect(fourth.target.withdrawals.every(({ seat, epoch }) => seat !== 'd#a' || epoch === 4)).toBe(true);
    expect(next(regroup([a], second)).target.withdrawals).toEqual([]);
  });

  test.each([
    ['more partitions', orders(5)],
    ['a topic of the same name', new Map([['orders', { topicId: topicIdOf(9), partitions: 4 }]])],
    ['no topic', new Map()],
  ])('notices %s', (_what, topics) => {
    const members = [memberOf('a')];
    const changed = next(regroup(members, { ...next(regroup(members)), topics }));
    const count = [...topics.values()].reduce((sum, topic) => sum + topic.partitions, 0);
    expect(countPartitions(changed.target.members[0]?.assigned ?? partitions(0))).toBe(count);
  });

  test('notices another subscription, and another assignor', () => {
    const first = next(regroup([memberOf('a')]));
    const subscribed = memberOf('a', { subscription: { names: [], pattern: 'ord.*' }, subscriptionNumber: 1 });
    expect(regroup([subscribed], first).regroup).toBe('next');
    expect(next(regroup([memberOf('a', { assignor: 'range' })], first)).target.assignor).toBe('range');
  });

  test('empties a group, keeps since when, and goes on from the epochs that are left', () => {
    const first = next(regroup([memberOf('a')]));
    const empty = next(regroup([], { ...first, nowMs: 50 }));
    expect(empty.state).toMatchObject({ members: 0, epoch: 2, emptySinceMs: 50 });
    expect(regroup([], empty).regroup).toBe('none');
    expect(next(regroup([memberOf('z', { followed: 40 })])).target.epoch).toBe(41);
  });

  test('gives a static member that comes back after it was gone what its seat had', () => {
    const seat = (nonce: string) => memberOf('x', { seat: 's#x', nonce });
    const members = [memberOf('a'), seat('first')];
    const first = next(regroup(members));
    const back = next(regroup([memberOf('a'), seat('second')], first));
    expect(assigned(back)).toEqual(assigned(first));
  });

  test('leaves classic groups alone while they have members', () => {
    const { state } = next(regroup([memberOf('a')]));
    expect(regroup([memberOf('a')], { state: { ...state, kind: 'classic' } }).regroup).toBe('other-kind');
    expect(regroup([memberOf('a')], { state: { ...state, kind: 'classic', members: 0 } }).regroup).toBe('next');
  });
});

describe('where there is more to assign than a group can have', () => {
  const huge: Topics = new Map([
    ['orders', { topicId: TOPIC, partitions: 4 }],
    ['huge', { topicId: topicIdOf(5), partitions: groupLimits.groupPartitionsMax }],
  ]);
  const greedy = (id: string) => memberOf(id, { subscription: { names: [], pattern: '.*' }, subscriptionNumber: 1 });

  test('new members that ask for it are turned away, and the others go on', () => {
    const first = next(regroup([memberOf('a'), memberOf('b')]));
    expect(regroup([memberOf('a'), memberOf('b'), greedy('c')], { ...first, topics: huge })).toEqual({
      regroup: 'none',
      turnedAway: ['d#c'],
    });
    const left = next(regroup([memberOf('a'), greedy('c')], { ...first, topics: huge }));
    expect(assigned(left)).toEqual([[0, 2, 1, 3].sort((a, b) => a - b)]);
  });

  test('members that ask for more keep what there was', () => {
    const first = next(regroup([memberOf('a')]));
    const more = next(regroup([greedy('a')], { ...first, topics: huge }));
    expect(assigned(more)).toEqual([[0, 1, 2, 3]]);
  });
});
