import { describe, expect, test } from 'vitest';
import { decideCommit, decideUnfenced, planFence, readsAsMember } from '../../../lib/coordination/groups/fence.ts';
import { newGroupState, planGroup } from '../../../lib/coordination/groups/group-item.ts';
import { type ClassicMember, planMember, planRemoval, touched } from '../../../lib/coordination/groups/member-item.ts';
import { memberOf, partitions } from '../../support/group-items.ts';
import { ItemTable } from '../../support/item-table.ts';

const member = memberOf('m', { epoch: 3, owned: partitions(0, 1) });
const name = { memberId: 'm' };
const code = (decided: { outcome: string; code?: string }) => decided.code ?? decided.outcome;

describe('the fence of a member', () => {
  test('lets its epoch pass, also after signs of life, and nothing once it is another, or it is gone', () => {
    const table = new ItemTable();
    const passes = (epoch: number, memberId = 'm') => table.apply(planFence('g', { memberId }, epoch)).outcome;
    expect(passes(3)).toBe('refused');
    table.apply(planMember('g', member));
    expect([passes(3), passes(2), passes(4), passes(3, 'other')]).toEqual(['applied', 'refused', 'refused', 'refused']);
    const alive = touched(member, 5);
    table.apply(planMember('g', alive));
    expect(passes(3)).toBe('applied');
    table.apply(planMember('g', touched(alive, 6, { epoch: 4 })));
    expect([passes(3), passes(4)]).toEqual(['refused', 'applied']);
    table.apply(planRemoval('g', touched(touched(alive, 6), 0)));
    table.apply(planRemoval('g', { ...alive, writes: 3 }));
    expect(passes(4)).toBe('refused');
  });
});

describe('a commit', () => {
  test('is of the partitions that the member owns, under its epoch', () => {
    const commit = (epoch: number, set = partitions(1), present = member) => {
      return code(decideCommit(present, { name, epoch, partitions: set }));
    };
    expect(commit(3)).toBe('commit');
    expect(commit(2)).toBe('FENCED_MEMBER_EPOCH');
    expect(commit(3, partitions(1, 2))).toBe('INVALID_REQUEST');
    expect(commit(0, partitions(), { ...member, epoch: 0 })).toBe('FENCED_MEMBER_EPOCH');
    expect(code(decideCommit(undefined, { name, epoch: 3, partitions: partitions(1) }))).toBe('UNKNOWN_MEMBER_ID');
  });

  test('under the epoch before is of what the member has had ever since', () => {
    const moved = { ...member, epoch: 5, previousEpoch: 3, owned: partitions(0, 1, 4), kept: partitions(0) };
    const commit = (epoch: number, ...list: number[]) => {
      return code(decideCommit(moved, { name, epoch, partitions: partitions(...list) }));
    };
    expect(commit(3, 0)).toBe('commit');
    // Perhaps somebody else had it between.
    expect(commit(3, 1)).toBe('FENCED_MEMBER_EPOCH');
    expect(commit(3, 0, 4)).toBe('FENCED_MEMBER_EPOCH');
    expect(commit(2, 0)).toBe('FENCED_MEMBER_EPOCH');
    expect(commit(5, 0, 1, 4)).toBe('commit');
    const first = { ...moved, previousEpoch: 0 };
    expect(code(decideCommit(first, { name, epoch: 0, partitions: partitions(0) }))).toBe('FENCED_MEMBER_EPOCH');
  });

  test('of a classic member is of its generation', () => {
    const { kind: _kind, ...rest } = memberOf('m', { epoch: 5 });
    const classic: ClassicMember = {
      ...rest,
      kind: 'classic',
      joining: 5,
      joiningSinceMs: 0,
      protocolType: 't',
      protocols: [],
    };
    expect(code(decideCommit(classic, { name, epoch: 5, partitions: partitions(9) }))).toBe('commit');
    expect(code(decideCommit(classic, { name, epoch: 4, partitions: partitions() }))).toBe('ILLEGAL_GENERATION');
  });

  test('by nobody passes only while the group has no members', () => {
    const table = new ItemTable();
    const first = { ...newGroupState('y', 'consumer', 0), version: 1 };
    const absent = decideUnfenced('g', undefined);
    const empty = decideUnfenced('g', first);
    if (absent.outcome === 'refused' || empty.outcome === 'refused') throw new Error('refused');
    expect(table.apply(absent.fence).outcome).toBe('applied');
    expect(table.apply(empty.fence).outcome).toBe('refused');
    table.apply(planGroup('g', first));
    expect([table.apply(absent.fence).outcome, table.apply(empty.fence).outcome]).toEqual(['refused', 'applied']);
    table.apply(planGroup('g', { ...first, version: 2, members: 1 }));
    expect(table.apply(empty.fence).outcome).toBe('refused');
    expect(code(decideUnfenced('g', { ...first, members: 1 }))).toBe('UNKNOWN_MEMBER_ID');
  });
});

test('who reads offsets as a member is one, under its newest epoch', () => {
  const read = (epoch: number, present: typeof member | undefined = member) => {
    return code(readsAsMember(present, { name, epoch }));
  };
  expect(read(3)).toBe('read');
  const moved = { ...member, epoch: 5, previousEpoch: 3, kept: partitions(0) };
  expect([read(3, moved), read(5, moved), read(6, moved)]).toEqual([
    'FENCED_MEMBER_EPOCH',
    'read',
    'FENCED_MEMBER_EPOCH',
  ]);
  // It was told the group's, since 0 is none.
  expect(read(7, { ...member, epoch: 0 })).toBe('read');
  expect(code(readsAsMember(undefined, { name, epoch: 3 }))).toBe('UNKNOWN_MEMBER_ID');
  const another = { ...member, memberId: 'other', instanceId: 'one' };
  expect(read(3, another)).toBe('UNKNOWN_MEMBER_ID');
});
