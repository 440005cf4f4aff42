/**
 * Takes a partition's progress out of the hands of whoever delivers it, in the transaction that sets its offset. The
 * epoch goes up, so that what the holder has under way commits nothing; what was committed is forgotten, so that the
 * next one begins anew at the group's offset. Who holds it until when stays, and until when one that nobody has heard
 * of may run: an invocation may be running, and no second one must begin beside it.
 */
import type { Changes, Condition, Write } from '../../kernel/items.ts';
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import { type Lease, type LeaseId, leaseKey } from './lease-item.ts';
import { isOver } from './take.ts';

/** `isThere`: as it was read; the write is refused where that has changed. */
export function planLeaseFence(id: LeaseId, isThere: boolean): Write {
  if (!isThere) return { kind: 'check', key: leaseKey(id), conditions: [{ clause: 'item-absent' }] };
  return {
    kind: 'update',
    key: leaseKey(id),
    changes: FENCED,
    conditions: [{ clause: 'item-exists' }],
  };
}

/** Without lanes and offset the lease says nothing of how far anybody has come. */
const FENCED: Changes = { add: { e: 1 }, set: { l: [] }, remove: ['c', 'b', 'ws', 'wo', 'wx'] };

/**
 * What a deleted trigger leaves of a lease. One that is held, or was left while an invocation may be running, stays,
 * fenced: whoever drives the group next waits until that invocation is over, as after any holder that is gone.
 */
export function planLeaseRemoval(
  id: LeaseId,
  { epoch, version, holder, untilMs, runsUntilMs }: Lease,
  nowMs: number,
): Write {
  const key = leaseKey(id);
  const conditions: Condition[] = [
    { clause: 'equals', attribute: 'e', value: epoch },
    { clause: 'equals', attribute: 'v', value: version },
  ];
  const isFree = holder === undefined || isOver(untilMs + triggerLimits.triggerClockSkewMsMax, nowMs);
  const isQuiet = runsUntilMs === undefined || isOver(runsUntilMs, nowMs);
  if (isFree && isQuiet) return { kind: 'delete', key, conditions };
  return { kind: 'update', key, changes: FENCED, conditions };
}
