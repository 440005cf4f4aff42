import { describe, expect, test } from 'vitest';
import { type GroupState, newGroupState, planGroup } from '../../../lib/coordination/groups/group-item.ts';
import { type ExpiryInput, planDeath, planExpiry } from '../../../lib/coordination/groups/offset-expiry.ts';
import {
  decodeOffsets,
  encodeOffsets,
  OFFSETS_PER_ITEM,
  offsetsKey,
} from '../../../lib/coordination/groups/offsets-item.ts';
import { planTarget } from '../../../lib/coordination/groups/target-item.ts';
import { topicIdOf } from '../../support/group-arbitraries.ts';
import { partitions, TOPIC, targetOf } from '../../support/group-items.ts';
import { ItemTable } from '../../support/item-table.ts';

const DAY = 24 * 60 * 60 * 1_000;
const id = { group: 'g', topicId: TOPIC, index: 0 };

/** Two offsets, of now and of a day later. */
const item = {
  topic: 'orders',
  slots: Array.from({ length: OFFSETS_PER_ITEM }, (_, slot) =>
    slot < 2 ? { offset: slot, committedMs: slot * DAY, metadata: 'x' } : undefined,
  ),
};
const base: ExpiryInput = {
  group: 'g',
  state: undefined,
  target: undefined,
  id,
  item,
  nowMs: 7 * DAY,
  retentionMs: 7 * DAY,
};
const empty: GroupState = { ...newGroupState('y', 'consumer', 0), version: 4, epoch: 2 };

const kinds = (input: Partial<ExpiryInput>) => planExpiry({ ...base, ...input }).map(({ kind }) => kind);

describe('committed offsets expire', () => {
  test('of a group that never had members, so long after their commits', () => {
    expect(kinds({ nowMs: 7 * DAY - 1 })).toEqual([]);
    expect(kinds({})).toEqual(['check', 'update']);
    expect(kinds({ nowMs: 8 * DAY })).toEqual(['check', 'delete']);
  });

  test('of a group without members, so long after the last one left', () => {
    const state = { ...empty, emptySinceMs: 2 * DAY };
    expect(kinds({ state, nowMs: 9 * DAY - 1 })).toEqual([]);
    expect(kinds({ state, nowMs: 9 * DAY })).toEqual(['check', 'delete']);
  });

  test('of a group with members, if none of them is subscribed to the topic', () => {
    const state = { ...empty, members: 1 };
    const target = targetOf(2, { m: partitions(0) });
    expect(kinds({ state, target })).toEqual([]);
    const other = { ...target, topics: new Map([[topicIdOf(8), 1]]) };
    expect(kinds({ state, target: other })).toEqual(['check', 'update']);
    expect(kinds({ state, target: { ...other, epoch: 1 } })).toEqual([]);
    expect(kinds({ state: { ...state, kind: 'classic' }, target: other })).toEqual([]);
  });

  test('unless they are committed anew, or the group changes', () => {
    const table = new ItemTable();
    const apply = (input: Partial<ExpiryInput>) =>
      planExpiry({ ...base, ...input }).map((write) => table.apply(write).outcome);
    table.apply({ kind: 'put', key: offsetsKey(id), attributes: encodeOffsets(item) });
    expect(apply({})).toEqual(['applied', 'applied']);
    expect(
      decodeOffsets(table.get(offsetsKey(id)) ?? {})
        .slots.map((slot) => slot?.offset)
        .slice(0, 2),
    ).toEqual([undefined, 1]);
    expect(apply({})).toEqual(['applied', 'refused']);
    table.apply(planGroup('g', { ...empty, version: 1 }));
    expect(apply({ nowMs: 8 * DAY })[0]).toBe('refused');
  });
});

test('a group without members and offsets is deleted, unless it gets some', () => {
  const table = new ItemTable();
  const first = { ...empty, version: 1 };
  const die = () => planDeath('g', first).map((write) => table.apply(write).outcome)[0];
  table.apply(planGroup('g', first));
  table.apply(planGroup('g', { ...first, version: 2, members: 1 }));
  table.apply(planTarget('g', targetOf(2, {})));
  expect(die()).toBe('refused');
  const second = new ItemTable();
  second.apply(planGroup('g', first));
  expect(planDeath('g', first).map((write) => second.apply(write).outcome)).toEqual(['applied', 'applied', 'applied']);
});
