import type { AttributeValue } from 'aws-lambda';
import type { Attributes } from '../../lib/kernel/items.ts';
import { type DynamoItem, fromDynamoItem } from '../../lib/storage/metadata/dynamodb-values.ts';

/** An item as an event of the table's stream has it: as DynamoDB does, but for bytes, which are base64 there. */
export function fromStreamImage(image: Readonly<Record<string, AttributeValue>>): Attributes {
  return fromDynamoItem(withBytes(image));
}

function withBytes(map: Readonly<Record<string, AttributeValue>>): DynamoItem {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, valueWithBytes(value)]));
}

function valueWithBytes(value: AttributeValue): DynamoItem[string] {
  if (value.B !== undefined) return { B: new Uint8Array(Buffer.from(value.B, 'base64')) };
  if (value.L !== undefined) return { L: value.L.map(valueWithBytes) };
  if (value.M !== undefined) return { M: withBytes(value.M) };
  return value as DynamoItem[string];
}
