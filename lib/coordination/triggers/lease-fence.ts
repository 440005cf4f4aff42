/**
 * Takes a partition's progress out of the hands of whoever delivers it, in the transaction that sets its offset. The epoch goes
 * up, so that what the holder has under way commits nothing; what was committed is forgotten, so that the next one begins anew
 * at the group's offset. Who holds it until when stays: an invocation may be running, and no second one must begin beside it.
 */
import type { Write } from '../../kernel/items.ts';
import { type LeaseId, leaseKey } from './lease-item.ts';

/** `isThere`: as it was read; the write is refused where that has changed. */
export function planLeaseFence(id: LeaseId, isThere: boolean): Write {
  if (!isThere) return { kind: 'check', key: leaseKey(id), conditions: [{ clause: 'item-absent' }] };
  return {
    kind: 'update',
    key: leaseKey(id),
    changes: { add: { e: 1 }, remove: ['c'] },
    conditions: [{ clause: 'item-exists' }],
  };
}
