/** What a group writes, counted from its plans: the numbers of docs/groups.md. */
import { describe, expect, test } from 'vitest';
import { decideFollow } from '../../../lib/coordination/groups/follow.ts';
import { type GroupState, planGroup } from '../../../lib/coordination/groups/group-item.ts';
import { decideJoin } from '../../../lib/coordination/groups/join.ts';
import { type ConsumerMember, planMember } from '../../../lib/coordination/groups/member-item.ts';
import {
  byText,
  countPartitions,
  NO_PARTITIONS,
  type Partitions,
} from '../../../lib/coordination/groups/partitions.ts';
import { decideRegroup } from '../../../lib/coordination/groups/regroup.ts';
import { planTarget, type Target } from '../../../lib/coordination/groups/target-item.ts';
import type { Write } from '../../../lib/kernel/items.ts';
import { groupLimits } from '../../../lib/kernel/limits/groups.ts';
import { itemBytes } from '../../../lib/storage/metadata/item-size.ts';
import { topicIdOf } from '../../support/group-arbitraries.ts';

const HEARTBEAT_MS = 3_000;

/** A group whose writes are all applied, and counted by what they are of. */
class CountedGroup {
  readonly members = new Map<string, ConsumerMember>();
  readonly holds = new Map<string, Partitions>();
  readonly written = new Map<string, number>();
  readonly topics: Map<string, { topicId: string; partitions: number }>;
  state: GroupState | undefined;
  target: Target | undefined;
  bytesMax = 0;
  nowMs = 0;

  constructor(partitions: number) {
    this.topics = new Map([['orders', { topicId: topicIdOf(0), partitions }]]);
  }

  join(memberId: string): void {
    const request = {
      memberId,
      names: ['orders'],
      sessionTimeoutMs: 45_000,
      rebalanceTimeoutMs: 300_000,
      takesOver: true,
    };
    const decided = decideJoin(
      { state: this.state, present: undefined, request },
      { nowMs: this.nowMs, nonce: memberId },
    );
    if (decided.outcome === 'refused') throw new Error(decided.code);
    this.write(decided.next);
  }

  regroup(): string[] {
    const decided = decideRegroup(this.view());
    if (decided.regroup === 'none') return decided.turnedAway;
    if (decided.regroup !== 'next') throw new Error(decided.regroup);
    [this.state, this.target] = [decided.state, decided.target];
    this.count('state and target', planGroup('g', decided.state));
    planTarget('g', decided.target);
    return decided.turnedAway;
  }

  heartbeat(seat: string): void {
    const member = this.members.get(seat) as ConsumerMember;
    const reported = this.holds.get(seat) ?? NO_PARTITIONS;
    const followed = decideFollow({ member, target: this.target, reported, others: this.members, nowMs: this.nowMs });
    if (followed.next !== undefined) this.write(followed.next);
    this.holds.set(seat, followed.assignment);
  }

  everyone(): void {
    for (const seat of [...this.members.keys()].sort(byText)) this.heartbeat(seat);
    this.nowMs += HEARTBEAT_MS;
  }

  get isSettled(): boolean {
    return (this.target?.members ?? []).every(({ seat, assigned }) => {
      return countPartitions(this.holds.get(seat) ?? NO_PARTITIONS) === countPartitions(assigned);
    });
  }

  private view() {
    const { state, target, members, topics, nowMs } = this;
    return { state, target, members, topics, matches: new Map(), nowMs, nonce: 'group' };
  }

  private write(member: ConsumerMember): void {
    this.members.set(member.seat, member);
    this.count(member.seat, planMember('g', member));
  }

  private count(what: string, write: Write): void {
    this.written.set(what, (this.written.get(what) ?? 0) + 1);
    if (write.kind === 'put') this.bytesMax = Math.max(this.bytesMax, itemBytes(write.key, write.attributes));
  }
}

function groupOf(members: number, partitions: number): CountedGroup {
  const group = new CountedGroup(partitions);
  for (let index = 0; index < members; index++) group.join(`m-${String(index).padStart(22, '0')}`);
  group.regroup();
  for (let turn = 0; turn < 3; turn++) group.everyone();
  // As if it had come to rest at once, so that signs of life are not due yet.
  group.nowMs = 0;
  group.written.clear();
  return group;
}

describe('a group of 100 members', () => {
  /** The new one's heartbeat comes before those of the others, in their midst, or after them. */
  test.each([
    [101, 'm-!', 2],
    [250, 'm-zz', 2],
    [1_000, 'm-!', 2],
    [1_000, 'm-0000000000000000000049x', 2],
    [1_000, 'm-zz', 2],
  ])('takes one more in within 3 heartbeats, with %i partitions, as %s', (count, newcomer, own) => {
    const group = groupOf(100, count);
    expect(group.isSettled).toBe(true);
    group.join(newcomer);
    group.regroup();
    let heartbeats = 0;
    for (; !group.isSettled; heartbeats++) group.everyone();
    expect(heartbeats).toBeLessThanOrEqual(3);
    expect(group.written.get('state and target')).toBe(1);
    expect(group.written.get(`d#${newcomer}`)).toBeLessThanOrEqual(own);
    const others = [...group.members.keys()].filter((seat) => seat !== `d#${newcomer}`);
    // Who gives something up writes that once, and nobody else writes at all.
    const writes = others.map((seat) => group.written.get(seat) ?? 0);
    expect(Math.max(...writes)).toBe(1);
    expect(writes.reduce((sum, times) => sum + times, 0)).toBe(Math.floor(count / 101));
  });

  test('writes an item a member every 15 s of 3 s heartbeats, each of less than 1 KiB', () => {
    const group = groupOf(100, 1_000);
    for (let time = 0; time <= 66_000; time += HEARTBEAT_MS) group.everyone();
    const writes = [...group.members.keys()].map((seat) => group.written.get(seat) ?? 0);
    expect([Math.min(...writes), Math.max(...writes)]).toEqual([4, 4]);
    expect(group.written.size).toBe(100);
    expect(group.bytesMax).toBeLessThan(1_024);
  });
});

test('of 10,000 members that join at once 1,000 are taken in by one write, and the others are told', () => {
  const group = new CountedGroup(2_000);
  for (let index = 0; index < 10_000; index++) group.join(`m-${String(index).padStart(22, '0')}`);
  const turnedAway = group.regroup();
  expect(group.target?.members).toHaveLength(groupLimits.groupMembersMax);
  expect(turnedAway).toHaveLength(10_000 - groupLimits.groupMembersMax);
  expect(group.target?.members.every(({ assigned }) => countPartitions(assigned) === 2)).toBe(true);
  expect(() => group.join('m-later')).toThrow('GROUP_MAX_SIZE_REACHED');
});
