import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lane } from '../../../lib/coordination/triggers/lanes.ts';
import {
  decodeLease,
  encodeLease,
  type Lease,
  leaseKey,
  parseLeaseKey,
  planDrop,
  planKeep,
  planRelease,
  planTake,
  planWanted,
  taken,
} from '../../../lib/coordination/triggers/lease-item.ts';
import type { OpenWindow } from '../../../lib/coordination/triggers/window.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';
import { transactionLimits } from '../../../lib/kernel/limits/transactions.ts';
import { triggerLimits } from '../../../lib/kernel/limits/triggers.ts';
import { itemBytes } from '../../../lib/storage/metadata/item-size.ts';
import { ItemTable } from '../../support/item-table.ts';

const offset = fc.maxSafeNat();
const time = fc.nat();
const lanes: fc.Arbitrary<Lane> = fc.record(
  {
    next: offset,
    ends: fc.array(offset, { maxLength: 4 }),
    attempts: fc.nat(),
    unheard: fc.nat(),
    isEnding: fc.constant(true),
    pauses: fc.nat(),
    sinceMs: time,
    dueMs: time,
  },
  { requiredKeys: ['next', 'ends', 'attempts', 'unheard', 'pauses'] },
);
const windows: fc.Arbitrary<OpenWindow> = fc.record(
  { startMs: time, hasBegun: fc.boolean(), state: fc.json() },
  { requiredKeys: ['startMs', 'hasBegun'] },
);
const leases: fc.Arbitrary<Lease> = fc.record(
  {
    topic: fc.string(),
    trigger: fc.string(),
    epoch: fc.nat(),
    version: fc.nat(),
    holder: fc.string(),
    untilMs: time,
    wanted: offset,
    committed: offset,
    lanes: fc.array(lanes, { maxLength: 10 }),
    runsUntilMs: time,
    nextMs: time,
    fillingSinceMs: time,
    window: windows,
    error: fc.record({ kind: fc.string(), message: fc.string(), atMs: time }),
  },
  { requiredKeys: ['topic', 'trigger', 'epoch', 'version', 'untilMs', 'wanted', 'lanes'] },
);

const id = { group: 'g', topicId: 'AAAAAAAAQACAAAAAAAAAAA', partition: 42 };
const take = { holder: 'a', untilMs: 5_000, wanted: 7, nowMs: 1_000, topic: 't', trigger: 'f' };

function held() {
  const table = new ItemTable();
  const lease = taken(undefined, take);
  expect(table.apply(planTake(id, undefined, lease)).outcome).toBe('applied');
  return { table, lease };
}

function stored(table: ItemTable): Lease {
  return decodeLease(table.get(leaseKey(id)) ?? {});
}

describe('a lease', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(leases, (lease) => {
        expect(decodeLease(encodeLease(lease))).toEqual(lease);
      }),
    );
  });

  it('has a key that says which partition it is of', () => {
    expect(leaseKey(id)).toEqual({ pk: 'lease#g', sk: 'AAAAAAAAQACAAAAAAAAAAA#00042' });
    expect(parseLeaseKey(leaseKey(id).sk)).toEqual({ topicId: id.topicId, partition: 42 });
  });

  it('fits an item with everything at its limit', () => {
    const lane: Lane = {
      next: 2 ** 53 - 1,
      ends: Array.from({ length: triggerLimits.triggerHalvesMax }, () => 2 ** 53 - 1),
      attempts: 10_000,
      unheard: 10_000,
      pauses: 10_000,
      sinceMs: 2 ** 48,
      dueMs: 2 ** 48,
    };
    const lease: Lease = {
      ...taken(undefined, { ...take, topic: 't'.repeat(topicLimits.topicNameLengthMax) }),
      lanes: Array.from({ length: 10 }, () => lane),
      window: { startMs: 1, hasBegun: true, state: 's'.repeat(triggerLimits.triggerWindowStateBytesMax) },
      error: { kind: 'k'.repeat(100), message: 'é'.repeat(triggerLimits.triggerErrorLengthMax), atMs: 1 },
    };
    const key = leaseKey({ ...id, group: 'g'.repeat(transactionLimits.groupIdLengthMax) });
    expect(itemBytes(key, encodeLease(lease))).toBeLessThan(storageLimits.itemBytesMax);
  });

  it('costs one write unit where nothing has failed', () => {
    const lanes = Array.from({ length: 10 }, (_, lane) => ({
      next: 123_456_789_000 + lane,
      ends: [123_456_789_100],
      attempts: 0,
      unheard: 1,
      pauses: 0,
      sinceMs: 1_767_225_600_000,
    }));
    const lease: Lease = { ...taken(undefined, take), committed: 123_456_789_000, lanes };
    expect(itemBytes(leaseKey(id), encodeLease(lease))).toBeLessThan(1_024);
  });

  it('is taken by one of two who have read the same, and has another epoch then', () => {
    const { table, lease } = held();
    const again = taken(lease, { ...take, holder: 'b', wanted: 3 });
    expect(again).toMatchObject({ epoch: lease.epoch + 1, version: 2, holder: 'b', wanted: 7 });
    expect(table.apply(planTake(id, lease, again)).outcome).toBe('applied');
    expect(table.apply(planTake(id, lease, taken(lease, { ...take, holder: 'c' }))).outcome).toBe('refused');
    expect(table.apply(planTake(id, undefined, taken(undefined, take))).outcome).toBe('refused');
    expect(stored(table).holder).toBe('b');
  });

  it('is not changed, released or dropped by whoever had it before', () => {
    const { table, lease } = held();
    const other = taken(lease, { ...take, holder: 'b' });
    table.apply(planTake(id, lease, other));
    const late = { ...lease, version: 2, committed: 99 };
    for (const write of [planKeep(id, lease, late), planRelease(id, lease, late, 100), planDrop(id, lease)]) {
      expect(table.apply(write).outcome).toBe('refused');
    }
    expect(stored(table)).toEqual(other);
  });

  it('is changed once by a write that arrives twice', () => {
    const { table, lease } = held();
    const next = { ...lease, version: 2, committed: 3 };
    expect(table.apply(planKeep(id, lease, next)).outcome).toBe('applied');
    expect(table.apply(planKeep(id, lease, next)).outcome).toBe('refused');
    expect(stored(table)).toEqual(next);
  });

  it('keeps what others want while its holder writes, and is not free before that is reached', () => {
    const { table, lease } = held();
    expect(table.apply(planWanted(id, lease, 9)).outcome).toBe('applied');
    expect(table.apply(planWanted(id, lease, 8)).outcome).toBe('refused');
    const kept = { ...lease, version: 2 };
    table.apply(planKeep(id, lease, kept));
    expect(stored(table).wanted).toBe(9);
    const { holder: _, ...rest } = kept;
    const free = { ...rest, version: 3, untilMs: 0 };
    expect(table.apply(planRelease(id, kept, free, 8)).outcome).toBe('refused');
    expect(table.apply(planRelease(id, kept, free, 9)).outcome).toBe('applied');
    expect(stored(table)).toEqual({ ...free, wanted: 9 });
  });

  it('takes no wishes once it is free', () => {
    const { table, lease } = held();
    const { holder: _, ...rest } = lease;
    table.apply(planRelease(id, lease, { ...rest, version: 2 }, 7));
    expect(table.apply(planWanted(id, lease, 50)).outcome).toBe('refused');
  });

  it('forgets what its holder leaves out', () => {
    const { table, lease } = held();
    const error = { kind: 'k', message: 'm', atMs: 3 };
    const full = { ...lease, version: 2, runsUntilMs: 6, nextMs: 5, fillingSinceMs: 4, error };
    table.apply(planKeep(id, lease, full));
    expect(stored(table)).toEqual(full);
    table.apply(planKeep(id, full, { ...lease, version: 3 }));
    expect(stored(table)).toEqual({ ...lease, version: 3 });
  });
});
