import { describe, expect, test } from 'vitest';
import { decideFollow, withdrawalsBefore } from '../../../lib/coordination/groups/follow.ts';
import type { ConsumerMember, Member } from '../../../lib/coordination/groups/member-item.ts';
import { NO_PARTITIONS, type Partitions } from '../../../lib/coordination/groups/partitions.ts';
import type { Target } from '../../../lib/coordination/groups/target-item.ts';
import { memberOf, partitions, targetOf, withdrawalOf } from '../../support/group-items.ts';

const follow = (
  member: ConsumerMember,
  target: Target | undefined,
  { reported, others = [], nowMs = 0 }: { reported?: Partitions; others?: Member[]; nowMs?: number } = {},
) => decideFollow({ member, target, reported, others: new Map(others.map((other) => [other.seat, other])), nowMs });

const old = memberOf('old', { epoch: 1, followed: 1, owned: partitions(0, 1) });
const target = targetOf(2, { old: partitions(0), new: partitions(1) }, [withdrawalOf('old', 2, partitions(1))]);

describe('a member that is to give something up', () => {
  test('is told so, and keeps it without a write until it says that it has', () => {
    const told = follow(old, target, { reported: partitions(0, 1) });
    expect(told).toMatchObject({ assignment: partitions(0), revoking: partitions(1), unlisted: false });
    expect(told.next).toBeUndefined();
    expect(follow(old, target).revoking).toEqual(partitions(1));
  });

  test('loses it with its acknowledgement, and gets another epoch', () => {
    const { next, assignment, revoking } = follow(old, target, { reported: partitions(0) });
    expect(next).toMatchObject({ owned: partitions(0), epoch: 2, previousEpoch: 1, followed: 2, writes: 2 });
    expect([assignment, revoking]).toEqual([partitions(0), NO_PARTITIONS]);
  });

  test('has had the rest since the epoch before, and nothing that it gets with it or later', () => {
    const swapped = targetOf(2, { old: partitions(0, 2, 3) }, [withdrawalOf('other', 2, partitions(3))]);
    const other = memberOf('other', { followed: 1, owned: partitions(3) });
    const { next } = follow(old, swapped, { reported: partitions(0), others: [other] });
    expect(next).toMatchObject({ owned: partitions(0, 2), kept: partitions(0), previousEpoch: 1 });
    const later = follow(next as ConsumerMember, swapped, { reported: partitions(0, 2) });
    expect(later.next).toMatchObject({ owned: partitions(0, 2, 3), kept: partitions(0), previousEpoch: 1 });
  });

  test('gets another epoch also where its seat has changed hands since the target', () => {
    const taken = { ...old, epoch: 2, previousEpoch: 1 };
    expect(follow(taken, target, { reported: partitions(0) }).next).toMatchObject({ epoch: 3, previousEpoch: 2 });
  });

  test('gets nothing new before', () => {
    const swapped = targetOf(2, { old: partitions(2) });
    expect(follow(old, swapped, { reported: partitions(0) })).toMatchObject({ assignment: NO_PARTITIONS });
    expect(follow(old, swapped, { reported: NO_PARTITIONS }).next?.owned).toEqual(partitions(2));
  });
});

describe('a member that is given something', () => {
  const fresh = memberOf('new');

  test('waits for the one who had it, and names whom it waits for', () => {
    expect(withdrawalsBefore(target, fresh).map(({ seat }) => seat)).toEqual(['d#old']);
    const waiting = follow(fresh, target, { others: [old] });
    expect(waiting).toMatchObject({ assignment: NO_PARTITIONS, awaiting: partitions(1) });
  });

  test.each<[string, Member[]]>([
    ['followed', [{ ...old, followed: 2, owned: partitions(0) }]],
    ['gone', []],
    ['come back as another', [{ ...old, nonce: 'another' }]],
  ])('gets it when that one has %s', (_what, others) => {
    expect(follow(fresh, target, { others }).next).toMatchObject({ owned: partitions(1), epoch: 2, followed: 2 });
  });

  test('waits where that one follows and owns it all the same', () => {
    const others = [{ ...old, followed: 3 }];
    expect(follow(fresh, target, { others }).awaiting).toEqual(partitions(1));
  });

  test('gets more later without another epoch', () => {
    const growing = targetOf(2, { new: partitions(1, 2) }, [withdrawalOf('old', 2, partitions(1))]);
    const some = follow(fresh, growing, { others: [old] }).next as ConsumerMember;
    expect(some).toMatchObject({ owned: partitions(2), epoch: 2 });
    expect(follow(some, growing, { reported: partitions(2) }).next).toMatchObject({
      owned: partitions(1, 2),
      epoch: 2,
    });
  });
});

describe('a heartbeat that changes nothing', () => {
  const settled = memberOf('old', { epoch: 1, followed: 1, owned: partitions(0) });

  test('writes nothing before a third of the session is over', () => {
    expect(follow(settled, targetOf(1, { old: partitions(0) }), { nowMs: 14_999 }).next).toBeUndefined();
    const next = follow(settled, targetOf(1, { old: partitions(0) }), { nowMs: 15_000 }).next;
    expect(next).toMatchObject({ seenMs: 15_000, writes: 2, epoch: 1 });
  });

  test('writes nothing for a target that moves others only, and follows it with the next sign of life', () => {
    const others = targetOf(5, { old: partitions(0), new: partitions(1) });
    expect(follow(settled, others, { nowMs: 3_000 }).next).toBeUndefined();
    expect(follow(settled, others, { nowMs: 15_000 }).next).toMatchObject({ followed: 5, epoch: 1 });
  });

  test('writes when others wait for a word on what the member never got', () => {
    const away = targetOf(3, { old: partitions(0) }, [withdrawalOf('old', 3, partitions(4))]);
    expect(follow(settled, away).next).toMatchObject({ followed: 3, epoch: 1, owned: partitions(0) });
  });

  test('removes a mark of suspicion at once', () => {
    const { next } = follow({ ...settled, suspectMs: 5 }, targetOf(1, { old: partitions(0) }), { nowMs: 10 });
    expect(next?.suspectMs).toBeUndefined();
    expect(next?.writes).toBe(2);
  });

  test('goes by no target that is older than what the member follows', () => {
    const stale = follow({ ...settled, followed: 4 }, targetOf(3, { old: partitions(5) }));
    expect(stale).toMatchObject({ assignment: partitions(0), unlisted: false });
  });

  test('says that a target lacks the member', () => {
    expect(follow(memberOf('late'), target).unlisted).toBe(true);
    expect(follow(memberOf('late'), undefined).unlisted).toBe(true);
  });
});
