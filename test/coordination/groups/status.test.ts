import { expect, test } from 'vitest';
import { newGroupState } from '../../../lib/coordination/groups/group-item.ts';
import type { Member } from '../../../lib/coordination/groups/member-item.ts';
import { groupStatus } from '../../../lib/coordination/groups/status.ts';
import type { Target } from '../../../lib/coordination/groups/target-item.ts';
import { memberOf, partitions, targetOf } from '../../support/group-items.ts';

const state = { ...newGroupState('y', 'consumer', 0), members: 1 };
const round = { deadlineMs: 0 };
const target = targetOf(1, { m: partitions(0) });
const of = (members: Member[], known: Target | undefined = target) => ({
  target: known,
  members: new Map(members.map((member) => [member.seat, member])),
});

test("a group's state has Kafka's names", () => {
  expect(groupStatus(undefined, of([]))).toBe('Dead');
  expect(groupStatus({ ...state, members: 0 }, of([]))).toBe('Empty');
  expect(groupStatus({ ...state, members: 0 }, of([memberOf('m')], targetOf(0, {})))).toBe('Assigning');
  expect(groupStatus(state, of([memberOf('m')]))).toBe('Reconciling');
  expect(groupStatus(state, of([memberOf('m', { owned: partitions(0) })]))).toBe('Stable');
  const classic = { ...state, kind: 'classic' as const };
  expect(groupStatus(classic, of([]))).toBe('Empty');
  expect(groupStatus({ ...classic, round: { ...round, phase: 'preparing' } }, of([]))).toBe('PreparingRebalance');
  expect(groupStatus({ ...classic, round: { ...round, phase: 'completing' } }, of([]))).toBe('CompletingRebalance');
  expect(groupStatus({ ...classic, round: { ...round, phase: 'stable' } }, of([]))).toBe('Stable');
});
