/**
 * DynamoDB's own measure of an item, which its 400 KB limit and its write units count: every name and text in UTF-8,
 * binary as it is, 1 byte for a boolean, about 1 byte for two digits of a number, and for a list or map 3 bytes and 1
 * for each element. Source: "DynamoDB item sizes and formats" in the DynamoDB developer guide.
 */
import type { Attributes, ItemKey, Value } from '../../kernel/items.ts';

/** The bytes of the item with its key. Exact but for numbers, which DynamoDB itself calls approximate. */
export function itemBytes(key: ItemKey, attributes: Attributes): number {
  return keyBytes(key) + mapBytes(attributes);
}

/** The two key attributes are named `pk` and `sk`. */
function keyBytes(key: ItemKey): number {
  return 4 + textBytes(key.pk) + textBytes(key.sk);
}

export function textBytes(text: string): number {
  return Buffer.byteLength(text);
}

function mapBytes(map: { [name: string]: Value }): number {
  let bytes = 0;
  for (const name of Object.keys(map)) bytes += textBytes(name) + valueBytes(map[name] as Value);
  return bytes;
}

function valueBytes(value: Value): number {
  if (typeof value === 'string') return textBytes(value);
  if (typeof value === 'number') return numberBytes(value);
  if (typeof value === 'boolean') return 1;
  if (value instanceof Uint8Array) return value.length;
  if (!Array.isArray(value)) return 3 + Object.keys(value).length + mapBytes(value);
  return value.reduce<number>((bytes, element) => bytes + 1 + valueBytes(element), 3);
}

/** Two significant digits a byte, and one byte more; another for a negative number. */
function numberBytes(value: number): number {
  const [digits = ''] = Math.abs(value).toExponential().replace('.', '').split('e');
  return Math.ceil(digits.length / 2) + 1 + (value < 0 ? 1 : 0);
}
