/**
 * The grave of a ledger: its head, under another name, once the topic is deleted. Nothing can be appended, sealed or
 * read without a head; and what the tail names is not forgotten before it is deleted.
 *
 * Key: `ledger#<topicId>#<index>` / `grave`. Attributes: the head's, as they were (head.ts). It is the last item of the
 * ledger to go.
 */
import { assert } from '../../kernel/assert.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, ItemKey, Write } from '../../kernel/items.ts';
import { lifecycleKey } from '../merged/lifecycle-item.ts';
import { headKey, ledgerKey } from './head.ts';

const SORT_KEY = 'grave';

export function graveKey(ledger: LedgerId): ItemKey {
  return { pk: ledgerKey(ledger), sk: SORT_KEY };
}

export function isGrave({ sk }: ItemKey): boolean {
  return sk === SORT_KEY;
}

/**
 * A transaction; refused, by its first write, where the head is not this one any more. The lifecycle item goes with the
 * head: steps that replace segments have it as their condition.
 */
export function planGrave(ledger: LedgerId, head: Attributes): Write[] {
  const { v } = head;
  assert(typeof v === 'number', 'a head has a version');
  return [
    { kind: 'delete', key: headKey(ledger), conditions: [{ clause: 'equals', attribute: 'v', value: v }] },
    { kind: 'put', key: graveKey(ledger), attributes: head },
    { kind: 'delete', key: lifecycleKey(ledger) },
  ];
}
