/**
 * Letting pages go that are merged, in two steps of which each may be repeated: first the head says that nobody needs
 * them any more, then, when what only they needed is deleted, `lifecycle` says so, and they go.
 */
import { assert } from '../../kernel/assert.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Write } from '../../kernel/items.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import { headKey, type LedgerHead, MERGED_ATTRIBUTE, RETIRED_ATTRIBUTE } from '../ledger/head.ts';
import { type Lifecycle, lifecycleKey } from './lifecycle-item.ts';
import { pagesMergedForGrace } from './marks.ts';
import { unchanged } from './unchanged.ts';

/** Below which page pages may be retired; `head.retired` where none may. */
export function retirableTo(head: LedgerHead, lifecycle: Lifecycle, nowMs: number): number {
  const merged = Math.min(pagesMergedForGrace(lifecycle.marks, nowMs), head.merged);
  return Math.max(head.retired, Math.min(merged, head.sealed - mergingLimits.pagesKept));
}

/** The head's `d`. Before it producers must have got offsets for what they know by commits in these pages. */
export function planRetire(ledger: LedgerId, head: LedgerHead, to: number): Write {
  assert(to > head.retired && to <= head.merged, `pages ${head.retired} to ${to} of ${head.merged} can be retired`);
  return {
    kind: 'update',
    key: headKey(ledger),
    changes: { set: { [RETIRED_ATTRIBUTE]: to }, add: { v: 1 } },
    conditions: [
      unchanged(RETIRED_ATTRIBUTE, head.retired),
      { clause: 'at-least', attribute: MERGED_ATTRIBUTE, value: to },
    ],
  };
}

/**
 * `r` of the lifecycle item: the pages below `to` may be deleted, all that only they needed is. Changes no segment, and
 * so not `v`.
 */
export function planRetired(ledger: LedgerId, lifecycle: Lifecycle, to: number): Write {
  assert(to > lifecycle.deleted, `pages ${lifecycle.deleted} to ${to} are deleted`);
  return {
    kind: 'update',
    key: lifecycleKey(ledger),
    changes: { set: { r: to } },
    conditions: [{ clause: 'item-exists' }, unchanged('r', lifecycle.deleted)],
  };
}
