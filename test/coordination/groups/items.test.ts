import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeGeneration,
  encodeGeneration,
  type Generation,
} from '../../../lib/coordination/groups/classic/generation-item.ts';
import {
  CLASSIC_PHASES,
  decodeGroup,
  encodeGroup,
  type GroupState,
  newGroupState,
  planGroup,
  planLook,
} from '../../../lib/coordination/groups/group-item.ts';
import {
  decodeMember,
  encodeMember,
  type Member,
  planMember,
  planRemoval,
} from '../../../lib/coordination/groups/member-item.ts';
import { allPartitions, partitionsOf } from '../../../lib/coordination/groups/partitions.ts';
import { decodeTarget, encodeTarget, type Target, targetBytes } from '../../../lib/coordination/groups/target-item.ts';
import { itemBytes } from '../../../lib/storage/metadata/item-size.ts';
import { anyPartitions, topicIdOf } from '../../support/group-arbitraries.ts';
import { memberOf } from '../../support/group-items.ts';
import { ItemTable } from '../../support/item-table.ts';

const text = fc.string({ maxLength: 12 });
const nat = fc.maxSafeNat();
const common = { nonce: text, writes: nat, epoch: nat, seenMs: nat, sessionTimeoutMs: nat, rebalanceTimeoutMs: nat };
const seldom = { memberId: text, awayId: text, instanceId: text, suspectMs: nat, client: text };

const consumer = fc.record(
  {
    ...common,
    ...seldom,
    kind: fc.constant('consumer' as const),
    seat: fc.constant('d#m'),
    previousEpoch: nat,
    kept: anyPartitions.filter(({ size }) => size > 0),
    committedWrite: nat,
    followed: nat,
    owned: anyPartitions,
    subscription: fc.record({ names: fc.array(text), pattern: text }, { requiredKeys: ['names'] }),
    subscriptionNumber: nat,
    assignor: fc.constantFrom('range' as const, 'uniform' as const, 'sticky' as const),
  },
  {
    requiredKeys: [
      ...(Object.keys(common) as (keyof typeof common)[]),
      ...(['kind', 'seat', 'previousEpoch', 'followed', 'owned', 'subscription', 'subscriptionNumber'] as const),
    ],
  },
);
const classic = fc.record(
  {
    ...common,
    ...seldom,
    kind: fc.constant('classic' as const),
    seat: fc.constant('d#m'),
    joining: nat,
    joiningSinceMs: nat,
    protocolType: text,
    protocols: fc.array(fc.record({ name: text, metadata: fc.uint8Array({ maxLength: 9 }) })),
  },
  {
    requiredKeys: [
      ...(Object.keys(common) as (keyof typeof common)[]),
      ...(['kind', 'seat', 'joining', 'joiningSinceMs', 'protocolType', 'protocols'] as const),
    ],
  },
);
const round = fc.record(
  {
    phase: fc.constantFrom(...CLASSIC_PHASES),
    protocol: text,
    leader: text,
    deadlineMs: nat,
    firstUntilMs: nat,
  },
  { requiredKeys: ['phase', 'deadlineMs'] },
);
const group: fc.Arbitrary<GroupState> = fc.record(
  {
    nonce: text,
    version: nat,
    kind: fc.constantFrom('consumer' as const, 'classic' as const),
    epoch: nat,
    members: nat,
    emptySinceMs: nat,
    lookMs: nat,
    protocolType: text,
    round,
  },
  { requiredKeys: ['nonce', 'version', 'kind', 'epoch', 'members', 'lookMs'] },
);

/** Owners of up to 40 partitions of two topics, and what was withdrawn. */
const target: fc.Arbitrary<Target> = fc
  .record({
    owners: fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 40 }),
    withdrawals: fc.array(fc.record({ seat: text, nonce: text, epoch: nat, sinceMs: nat, partitions: anyPartitions }), {
      maxLength: 3,
    }),
  })
  .map(({ owners, withdrawals }) => {
    const topics = new Map([
      [topicIdOf(0), owners.length],
      [topicIdOf(1), 2],
    ]);
    const members = [1, 2, 3, 4].map((number) => ({
      seat: `d#${number}`,
      nonce: `n${number}`,
      subscriptionNumber: number,
      assigned: partitionsOf(
        owners.flatMap((owner, partition) => (owner === number ? [{ topicId: topicIdOf(0), partition }] : [])),
      ),
    }));
    return { nonce: 'g', epoch: 3, assignor: 'range' as const, members, topics, withdrawals };
  });

const generation: fc.Arbitrary<Generation> = fc
  .array(fc.record({ seat: text, nonce: text, assignment: fc.uint8Array({ maxLength: 5 }) }), { maxLength: 4 })
  .chain((members) => {
    const named = { nonce: 'g', generation: 4, members: members.map(({ seat, nonce }) => ({ seat, nonce })) };
    const assignments = members.map(({ assignment }) => assignment);
    return fc.constantFrom<Generation>(named, { ...named, assignments });
  });

describe('items come back as they were written:', () => {
  test('members of both kinds', () => {
    fc.assert(
      fc.property(fc.oneof(consumer, classic) as fc.Arbitrary<Member>, (member) => {
        expect(decodeMember(member.seat, encodeMember(member))).toEqual(member);
      }),
    );
  });

  test('a group', () => {
    fc.assert(
      fc.property(group, (state) => {
        expect(decodeGroup(encodeGroup(state))).toEqual(state);
      }),
    );
  });

  test('a target', () => {
    fc.assert(
      fc.property(target, (value) => {
        expect(decodeTarget(encodeTarget(value))).toEqual(value);
      }),
    );
  });

  test('a generation', () => {
    fc.assert(
      fc.property(generation, (value) => {
        expect(decodeGeneration(encodeGeneration(value))).toEqual(value);
      }),
    );
  });
});

describe('a write of a member', () => {
  const table = new ItemTable();
  const first = memberOf('a');

  test('is of exactly the item that it was decided on', () => {
    expect(table.apply(planMember('g', first)).outcome).toBe('applied');
    expect(table.apply(planMember('g', first)).outcome).toBe('refused');
    expect(table.apply(planMember('g', { ...first, writes: 2 })).outcome).toBe('applied');
    expect(table.apply(planMember('g', { ...first, writes: 2 })).outcome).toBe('refused');
    expect(table.apply(planMember('g', { ...first, nonce: 'other', writes: 3 })).outcome).toBe('refused');
    expect(table.apply(planRemoval('g', first)).outcome).toBe('refused');
    expect(table.apply(planRemoval('g', { ...first, writes: 2 })).outcome).toBe('applied');
    expect(table.apply(planMember('g', { ...first, writes: 3 })).outcome).toBe('refused');
  });
});

describe('a write of a group', () => {
  const table = new ItemTable();
  const first = { ...newGroupState('y', 'consumer', 0), version: 1 };

  test('is of the state that it was decided on, of no later group of the name, and whatever was looked at', () => {
    expect(table.apply(planGroup('g', first)).outcome).toBe('applied');
    expect(table.apply(planGroup('g', first)).outcome).toBe('refused');
    expect(table.apply(planLook('g', first, 5_000)).outcome).toBe('applied');
    expect(table.apply(planLook('g', first, 5_000)).outcome).toBe('refused');
    expect(table.apply(planGroup('g', { ...first, nonce: 'z', version: 2 })).outcome).toBe('refused');
    expect(table.apply(planGroup('g', { ...first, version: 2 })).outcome).toBe('applied');
  });
});

test('all assignments of 1,000 members and 10,000 partitions fit an item', () => {
  const topics = new Map([[topicIdOf(0), 10_000]]);
  const all = allPartitions(topics).get(topicIdOf(0)) ?? [];
  const members = Array.from({ length: 1_000 }, (_, index) => ({
    seat: `d#m-${String(index).padStart(22, '0')}`,
    nonce: 'eleven long',
    subscriptionNumber: 0,
    assigned: new Map([[topicIdOf(0), all.filter((partition) => partition % 1_000 === index)]]),
  }));
  const large: Target = { nonce: 'g', epoch: 1, assignor: 'sticky', members, topics, withdrawals: [] };
  const bytes = itemBytes({ pk: 'group#g', sk: 'target' }, encodeTarget(large));
  expect(bytes).toBeLessThan(120_000);
  expect(targetBytes(large)).toBeGreaterThan(bytes * 0.9);
});
