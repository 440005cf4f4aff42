import { describe, expect, it } from 'vitest';
import { planLeaseFence, planLeaseRemoval } from '../../../lib/coordination/triggers/lease-fence.ts';
import {
  decodeLease,
  type Lease,
  leaseKey,
  planRelease,
  planTake,
  taken,
} from '../../../lib/coordination/triggers/lease-item.ts';
import { triggerLimits } from '../../../lib/kernel/limits/triggers.ts';
import { ItemTable } from '../../support/item-table.ts';

const nowMs = 1_767_225_600_000;
const id = { group: 'g', topicId: 'AAAAAAAAQACAAAAAAAAAAA', partition: 42 };
const take = { holder: 'a', untilMs: nowMs + 60_000, wanted: 7, nowMs, topic: 't', trigger: 'f' };
const lane = { next: 5, ends: [], attempts: 0, unheard: 1, pauses: 0 };

function held() {
  const table = new ItemTable();
  const lease = taken(undefined, take);
  expect(table.apply(planTake(id, undefined, lease)).outcome).toBe('applied');
  return { table, lease };
}

/** Given back, with all that a holder may leave on it. */
function free(runsUntilMs?: number) {
  const { table, lease } = held();
  const { holder: _, ...rest } = lease;
  const after: Lease = {
    ...rest,
    version: 2,
    untilMs: 0,
    committed: 5,
    lanes: [lane],
    fillingSinceMs: 4,
    window: { startMs: 3, hasBegun: true, state: '{}' },
    ...(runsUntilMs !== undefined && { runsUntilMs }),
  };
  expect(table.apply(planRelease(id, lease, after, 7)).outcome).toBe('applied');
  return { table, lease: after };
}

function stored(table: ItemTable): Lease | undefined {
  const item = table.get(leaseKey(id));
  return item && decodeLease(item);
}

/** What is left of a lease of which nobody is to believe how far anyone has come. */
function fenced({ epoch, ...lease }: Lease): Lease {
  const { committed: _, fillingSinceMs: _filling, window: _window, ...rest } = lease;
  return { ...rest, epoch: epoch + 1, lanes: [] };
}

describe('a lease that is fenced', () => {
  it('forgets how far anyone has come, and keeps until when invocations may run', () => {
    const { table, lease } = free(nowMs + 1);
    expect(table.apply(planLeaseFence(id, true)).outcome).toBe('applied');
    expect(stored(table)).toEqual(fenced(lease));
    expect(stored(table)?.runsUntilMs).toBe(nowMs + 1);
  });

  it('keeps its holder until its time is over', () => {
    const { table, lease } = held();
    expect(table.apply(planLeaseFence(id, true)).outcome).toBe('applied');
    expect(stored(table)).toEqual(fenced(lease));
  });

  it('is not made, and not fenced where it is made meanwhile', () => {
    const table = new ItemTable();
    expect(table.apply(planLeaseFence(id, false)).outcome).toBe('applied');
    expect(stored(table)).toBeUndefined();
    expect(held().table.apply(planLeaseFence(id, false)).outcome).toBe('refused');
  });
});

describe('the lease of a deleted trigger', () => {
  it.each([
    ['is free', undefined],
    ['is free, and all its invocations are over', nowMs],
    ['names a time that only a wrong clock can have meant', nowMs + triggerLimits.triggerAheadMsMax + 1],
  ])('goes where it %s', (_, runsUntilMs) => {
    const { table, lease } = free(runsUntilMs);
    expect(table.apply(planLeaseRemoval(id, lease, nowMs)).outcome).toBe('applied');
    expect(stored(table)).toBeUndefined();
  });

  it('stays, fenced, while an invocation that nobody has heard of may run', () => {
    const { table, lease } = free(nowMs + 1);
    expect(table.apply(planLeaseRemoval(id, lease, nowMs)).outcome).toBe('applied');
    expect(stored(table)).toEqual(fenced(lease));
  });

  it('stays, fenced, until its holder is gone for certain', () => {
    const { table, lease } = held();
    const overMs = lease.untilMs + triggerLimits.triggerClockSkewMsMax;
    expect(table.apply(planLeaseRemoval(id, lease, overMs - 1)).outcome).toBe('applied');
    expect(stored(table)).toEqual(fenced(lease));
    const later = held();
    expect(later.table.apply(planLeaseRemoval(id, later.lease, overMs)).outcome).toBe('applied');
    expect(stored(later.table)).toBeUndefined();
  });

  it('stays as it is where it has changed since it was read', () => {
    const { table, lease } = free();
    const again = taken(lease, { ...take, holder: 'b' });
    expect(table.apply(planTake(id, lease, again)).outcome).toBe('applied');
    expect(table.apply(planLeaseRemoval(id, lease, nowMs)).outcome).toBe('refused');
    expect(stored(table)).toEqual(again);
  });
});
