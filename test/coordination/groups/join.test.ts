import { describe, expect, test } from 'vitest';
import { decideCommit } from '../../../lib/coordination/groups/fence.ts';
import { newGroupState } from '../../../lib/coordination/groups/group-item.ts';
import {
  admit,
  decideChange,
  decideJoin,
  decideLeave,
  type JoinRequest,
} from '../../../lib/coordination/groups/join.ts';
import { memberIdOf, newJoinId, seatOf } from '../../../lib/coordination/groups/seat.ts';
import { groupLimits } from '../../../lib/kernel/limits/groups.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { memberOf, partitions } from '../../support/group-items.ts';

const request: JoinRequest = {
  memberId: 'm',
  names: ['orders'],
  sessionTimeoutMs: 45_000,
  rebalanceTimeoutMs: 300_000,
  takesOver: true,
};
const at = { nowMs: 9, nonce: 'n' };
const code = (decided: { outcome: string; code?: string }) => decided.code ?? decided.outcome;

describe('joining', () => {
  test('begins with nothing', () => {
    expect(decideJoin({ state: undefined, present: undefined, request }, at)).toMatchObject({
      outcome: 'join',
      next: {
        seat: 'd#m',
        nonce: 'n',
        writes: 1,
        memberId: 'm',
        epoch: 0,
        followed: 0,
        seenMs: 9,
        subscriptionNumber: 0,
      },
    });
  });

  test.each<[string, Partial<JoinRequest>]>([
    ['INVALID_REQUEST', { names: [] }],
    ['INVALID_REQUEST', { names: Array.from({ length: 1_001 }, (_, index) => `t${index}`) }],
    ['INVALID_REQUEST', { names: Array.from({ length: 200 }, (_, index) => `${index}${'x'.repeat(200)}`) }],
    ['INVALID_REQUEST', { names: ['x'.repeat(250)] }],
    ['INVALID_REGULAR_EXPRESSION', { pattern: '(' }],
    ['INVALID_SESSION_TIMEOUT', { sessionTimeoutMs: 5_999 }],
    ['INVALID_SESSION_TIMEOUT', { sessionTimeoutMs: Number.NaN }],
    ['INVALID_REQUEST', { rebalanceTimeoutMs: 0 }],
    ['UNSUPPORTED_ASSIGNOR', { assignor: 'random' }],
    ['INVALID_REQUEST', { memberId: '' }],
    ['INVALID_REQUEST', { instanceId: 'x'.repeat(129) }],
  ])('is refused with %s', (expected, changes) => {
    expect(code(decideJoin({ state: undefined, present: undefined, request: { ...request, ...changes } }, at))).toBe(
      expected,
    );
  });

  test('is refused by a group that is full or of the other kind', () => {
    const state = newGroupState('y', 'consumer', 0);
    const full = { ...state, members: groupLimits.groupMembersMax };
    expect(code(decideJoin({ state: full, present: undefined, request }, at))).toBe('GROUP_MAX_SIZE_REACHED');
    const classic = { ...state, kind: 'classic' as const, members: 1 };
    expect(code(decideJoin({ state: classic, present: undefined, request }, at))).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(code(decideJoin({ state: { ...classic, members: 0 }, present: undefined, request }, at))).toBe('join');
  });

  test('counts another subscription, and only that', () => {
    const member = memberOf('m', { sessionTimeoutMs: 45_000 });
    expect(decideChange({ member, request }, 1)).toEqual({ outcome: 'same' });
    const other = decideChange({ member, request: { ...request, names: ['b', 'a', 'a'] } }, 1);
    expect(other).toMatchObject({ next: { subscription: { names: ['a', 'b'] }, subscriptionNumber: 1, writes: 2 } });
    const assignor = decideChange({ member, request: { ...request, assignor: 'range' } }, 1);
    expect(assignor).toMatchObject({ next: { assignor: 'range', subscriptionNumber: 0 } });
  });
});

describe('a static member', () => {
  const owner = memberOf('old', { seat: 's#till', instanceId: 'till', owned: partitions(1), epoch: 3, followed: 3 });
  const newcomer = { ...request, memberId: 'new', instanceId: 'till' };

  test('takes over the seat and what it owns, and fences who had it', () => {
    const decided = decideJoin({ state: undefined, present: owner, request: newcomer }, at);
    if (decided.outcome !== 'join') throw new Error(decided.code);
    expect(decided.next).toMatchObject({
      memberId: 'new',
      owned: partitions(1),
      epoch: 4,
      previousEpoch: 3,
      nonce: owner.nonce,
      writes: 2,
    });
    expect(code(admit(decided.next, { memberId: 'old', instanceId: 'till' }))).toBe('FENCED_INSTANCE_ID');
    expect(code(admit(decided.next, { memberId: 'new', instanceId: 'till' }))).toBe('member');
  });

  test('that comes back by a late join can not commit what it read before another had the seat', () => {
    const kept = { ...owner, previousEpoch: 2, kept: partitions(1) };
    const taken = decideJoin({ state: undefined, present: kept, request: newcomer }, at);
    if (taken.outcome !== 'join') throw new Error(taken.code);
    const again = { ...newcomer, memberId: 'old' };
    const back = decideJoin({ state: undefined, present: taken.next, request: again }, at);
    if (back.outcome !== 'join') throw new Error(back.code);
    const name = { memberId: 'old', instanceId: 'till' };
    const commit = (epoch: number) => code(decideCommit(back.next, { name, epoch, partitions: partitions(1) }));
    expect([2, 3, 4, 5].map(commit)).toEqual([...Array<string>(3).fill('FENCED_MEMBER_EPOCH'), 'commit']);
  });

  test('keeps its epoch where it joins once more under the same name', () => {
    const same = { ...newcomer, memberId: 'old' };
    const decided = decideJoin({ state: undefined, present: owner, request: same }, at);
    expect(decided).toMatchObject({ next: { epoch: 3, memberId: 'old', writes: 2 } });
  });

  test('waits for the seat where it may not take it over, until the other has stepped out', () => {
    const polite = { ...newcomer, takesOver: false };
    expect(code(decideJoin({ state: undefined, present: owner, request: polite }, at))).toBe('UNRELEASED_INSTANCE_ID');
    const out = decideLeave(owner, { name: { memberId: 'old', instanceId: 'till' }, keepSeat: true });
    if (out.outcome !== 'step-out') throw new Error(out.outcome);
    expect(out.next.memberId).toBeUndefined();
    expect(code(admit(out.next, { memberId: 'old' }))).toBe('UNKNOWN_MEMBER_ID');
    expect(code(decideJoin({ state: undefined, present: out.next, request: polite }, at))).toBe('join');
  });

  test('is found by the id that was made for it', () => {
    const memberId = memberIdOf(newJoinId(seededRandom(1)), 'till-7');
    expect(seatOf({ memberId })).toBe('s#till-7');
    expect(seatOf({ memberId: memberIdOf(newJoinId(seededRandom(1))) })).toMatch(/^d#m-/);
    expect(seatOf({ memberId: 'i-short-x' })).toBe('d#i-short-x');
  });
});

describe('leaving', () => {
  test('removes a dynamic member, whatever it says of its seat', () => {
    expect(code(decideLeave(memberOf('m'), { name: { memberId: 'm' }, keepSeat: true }))).toBe('leave');
  });

  test('is refused to strangers', () => {
    expect(code(decideLeave(undefined, { name: { memberId: 'm' }, keepSeat: false }))).toBe('UNKNOWN_MEMBER_ID');
    expect(code(decideLeave(memberOf('a'), { name: { memberId: 'm' }, keepSeat: false }))).toBe('UNKNOWN_MEMBER_ID');
  });
});
