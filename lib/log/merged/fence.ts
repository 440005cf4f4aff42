/**
 * Who may still commit segments to a ledger: the sweeper's fence, which objects depend on, and the lease, which nothing
 * does.
 */
import { assert } from '../../kernel/assert.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Condition, Write } from '../../kernel/items.ts';
import { headKey } from '../ledger/head.ts';
import { type Lifecycle, type LifecycleLease, lifecycleKey } from './lifecycle-item.ts';
import { unchanged } from './unchanged.ts';

/**
 * After it, no segment object born at or before `birthMs` can be committed to the ledger. Where there was no fence the
 * write may create the item, and so needs the head: a deleted topic's items must not come back.
 */
export function planSegmentFence(ledger: LedgerId, lifecycle: Lifecycle, birthMs: number): Write[] {
  assert(birthMs > lifecycle.swept, `the fence is at ${lifecycle.swept} already`);
  const first = lifecycle.swept === 0;
  const raise: Write = {
    kind: 'update',
    key: lifecycleKey(ledger),
    changes: { set: { w: birthMs } },
    conditions: [first ? unchanged('w', 0) : { clause: 'less', attribute: 'w', value: birthMs }],
  };
  if (!first) return [raise];
  return [raise, { kind: 'check', key: headKey(ledger), conditions: [{ clause: 'item-exists' }] }];
}

/**
 * Takes, renews or (with a time that is over) gives back the lease, if it is as it was read. `undefined`: the ledger
 * has no item yet to say it in; its first merge does without.
 */
export function planLease(
  ledger: LedgerId,
  lifecycle: Lifecycle,
  { holder, untilMs }: LifecycleLease,
): Write | undefined {
  if (lifecycle.version === 0) return undefined;
  const { lease } = lifecycle;
  const asRead: Condition[] =
    lease === undefined
      ? [{ clause: 'item-exists' }, { clause: 'absent', attribute: 'h' }]
      : [
          { clause: 'equals', attribute: 'h', value: lease.holder },
          { clause: 'equals', attribute: 'u', value: lease.untilMs },
        ];
  return {
    kind: 'update',
    key: lifecycleKey(ledger),
    changes: { set: { h: holder, u: untilMs } },
    conditions: asRead,
  };
}
