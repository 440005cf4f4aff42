/**
 * A small object as an item of the metadata table.
 *
 * | key | value |
 * |---|---|
 * | `pk` | `inline#<hour>#<shard>`: the hour of the object's birth since the epoch, and one of 8 shards |
 * | `sk` | the object's id, 28 hex digits |
 * | `b` | the bytes |
 *
 * The object's name is `inline/<hour>/<id>`, with the same hour, so that a sweeper lists an hour by 8 queries. The shard,
 * from the id's random bytes, spreads the writes of the moment; a finer time in the key would not, since all writes of a
 * moment share it. The attribute has one letter because its name is billed with every item.
 */

import { type ObjectId, objectIdText } from '../../kernel/ids.ts';
import type { Attributes, ItemKey } from '../../kernel/items.ts';
import { hourOf, objectName, parseObjectName } from '../../log/segment/object-name.ts';
import type { ObjectName } from './port.ts';

export const INLINE_PREFIX = 'inline/';
export const INLINE_SHARDS = 8;

export function inlineName(id: ObjectId): ObjectName {
  return objectName('inline', id);
}

/** The id behind a name, or `undefined` where the name is not an inline object's. */
export function parseInlineName(name: ObjectName): ObjectId | undefined {
  const parsed = parseObjectName(name);
  return parsed?.tier === 'inline' ? parsed.id : undefined;
}

export function inlineKey(id: ObjectId): ItemKey {
  const shard = (id.random[0] as number) % INLINE_SHARDS;
  return { pk: inlinePartition(hourOf(id.birthMs), shard), sk: objectIdText(id) };
}

/** The partition key of one shard of one hour. */
export function inlinePartition(hour: number, shard: number): string {
  return `inline#${hour}#${shard}`;
}

export function encodeInline(bytes: Uint8Array): Attributes {
  return { b: bytes };
}

/** The object's bytes, or `undefined` where the attributes are not an inline object's. */
export function decodeInline(attributes: Attributes): Uint8Array | undefined {
  return attributes.b instanceof Uint8Array ? attributes.b : undefined;
}
