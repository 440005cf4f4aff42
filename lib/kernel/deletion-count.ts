/**
 * How often something of a name was deleted: what keeps a late attempt to create it from bringing it back.
 *
 * A creation is conditional on there being nothing of its name. That alone does not hold an attempt off whose answer was
 * lost and that the store applies late: a repetition of it may have come through, and what it made may be deleted since.
 * So a deletion raises the count of the name in its own transaction, and an attempt to create is conditional on the count
 * that it read before. Nothing of what was there when an attempt read can go without the attempt becoming void.
 *
 * Names share counts, so that there never are more of these items than `DELETION_COUNTS`, whatever is made and deleted,
 * and none is ever removed. That another name of the same count was deleted costs an attempt a repetition, no more.
 *
 * `deletions#<n>` / `count`, n being the CRC-32C of the name's UTF-8 modulo 256; absent = 0:
 *
 *     n  number  deletions so far
 */
import { assert } from './assert.ts';
import { utf8 } from './bytes.ts';
import { crc32c } from './crc32c.ts';
import type { Attributes, Condition, ItemKey, Write } from './items.ts';

/** Part of the protocol: a name's count is always the same item. */
const DELETION_COUNTS = 256;

export function deletionCountKey(name: string): ItemKey {
  return { pk: `deletions#${crc32c(utf8(name)) % DELETION_COUNTS}`, sk: 'count' };
}

export function decodeDeletionCount(attributes: Attributes | undefined): number {
  if (attributes === undefined) return 0;
  assert(typeof attributes.n === 'number', 'a count of deletions is a number');
  return attributes.n;
}

/** Belongs into the transaction that deletes. */
export function countDeletion(name: string): Write {
  return { kind: 'update', key: deletionCountKey(name), changes: { add: { n: 1 } } };
}

/** Guards an attempt to create: nothing of the name was deleted since the count was read. */
export function noDeletionSince(name: string, count: number): Write {
  const unchanged: Condition =
    count === 0 ? { clause: 'item-absent' } : { clause: 'equals', attribute: 'n', value: count };
  return { kind: 'check', key: deletionCountKey(name), conditions: [unchanged] };
}
