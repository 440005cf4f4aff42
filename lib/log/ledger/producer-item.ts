/**
 * A producer whose sequences are not in the ledger's head. A producer has one home, the head or this item, and moves
 * between them with the append that changes it, in one transaction: that a producer is not in the head says nothing
 * about whether it is known.
 *
 * Key: `ledger#<topicId>#<index>` / `producer#<key>`, the key being 12 characters. Attribute:
 *
 *     s   bytes   its sequences, packed as in lib/coordination/producers/producer-state.ts
 */
import { assert } from '../../kernel/assert.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { Attributes, Condition, ItemKey, Write } from '../../kernel/items.ts';
import { ledgerKey } from './head.ts';

/** One producer's sequences before and after an append, in both places where they can be; `undefined` = not there. */
export interface ProducerChange {
  key: string;
  head: Home;
  item: Home;
}

interface Home {
  before: Uint8Array | undefined;
  after: Uint8Array | undefined;
}

/** A query between the two is for all producers of a ledger that are not in its head. */
export const PRODUCERS_START = 'producer#';
export const PRODUCERS_END = 'producer$';

export function producerItemKey(ledger: LedgerId, key: string): ItemKey {
  return { pk: ledgerKey(ledger), sk: PRODUCERS_START + key };
}

export function encodeProducerItem(packed: Uint8Array): Attributes {
  return { s: packed };
}

export function decodeProducerItem(attributes: Attributes): Uint8Array {
  const { s } = attributes;
  assert(s instanceof Uint8Array, 'a producer item has s');
  return s;
}

/** The write of the producer's item that goes with the append; `undefined` for a producer that stays in the head. */
export function planProducerItem(ledger: LedgerId, { key, head, item }: ProducerChange): Write | undefined {
  assert(head.before === undefined || item.before === undefined, `the producer ${key} has one home`);
  assert(head.after === undefined || item.after === undefined, `the producer ${key} gets one home`);
  const itemKey = producerItemKey(ledger, key);
  const unchanged: Condition =
    item.before === undefined ? { clause: 'item-absent' } : { clause: 'equals', attribute: 's', value: item.before };
  const conditions = [unchanged];
  if (item.after !== undefined) {
    return { kind: 'put', key: itemKey, attributes: encodeProducerItem(item.after), conditions };
  }
  if (item.before !== undefined) return { kind: 'delete', key: itemKey, conditions };
  // It was in the head, so that it has no item; or nobody has seen it anywhere, which the item must confirm.
  return head.before === undefined ? { kind: 'check', key: itemKey, conditions } : undefined;
}
