/**
 * Raising log starts: one conditional update of a ledger's head for all of its slots at once.
 *
 * A start only goes up. Each that is raised must still be where the head has it, so of two who raise at the same time
 * the second looks again, and the higher of the two starts stays. Nothing else has to be as it was: where the partition
 * ends only goes up, so what could be deleted once can be deleted for good.
 */
import { assert } from '../../kernel/assert.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, Condition, Write } from '../../kernel/items.ts';
import { headKey, type LedgerHead, startAttribute } from '../ledger/head.ts';

/** By slot. */
export type LogStarts = ReadonlyMap<number, number>;

/** `undefined`: no start is below what is asked for. */
export function planRaise(ledger: LedgerId, head: LedgerHead, starts: LogStarts): Write | undefined {
  const set: Attributes = {};
  const conditions: Condition[] = [{ clause: 'item-exists' }];
  for (const [slot, offset] of starts) {
    const start = head.start[slot] as number;
    if (offset <= start) continue;
    assert(offset <= (head.next[slot] as number), `a log start of ${offset} is within slot ${slot}`);
    const attribute = startAttribute(slot);
    set[attribute] = offset;
    // A slot whose start was never raised has no attribute, and a comparison with it would be false.
    conditions.push(start === 0 ? { clause: 'absent', attribute } : { clause: 'equals', attribute, value: start });
  }
  if (Object.keys(set).length === 0) return undefined;
  return { kind: 'update', key: headKey(ledger), changes: { set, add: { v: 1 } }, conditions };
}
