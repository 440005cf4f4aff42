/** Attribute values between Millrace's plain form and DynamoDB's typed one. Both directions are exact. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { MillraceError } from '../../kernel/errors.ts';
import type { Attributes, ItemKey, Value } from '../../kernel/items.ts';

/** An item or a key as DynamoDB has it: the key's two parts are attributes beside the others. */
export type DynamoItem = Record<string, AttributeValue>;

export function toDynamoKey({ pk, sk }: ItemKey): DynamoItem {
  return { pk: { S: pk }, sk: { S: sk } };
}

export function toDynamoItem(key: ItemKey, attributes: Attributes): DynamoItem {
  return { ...toDynamoMap(attributes), ...toDynamoKey(key) };
}

/** A double takes at most 17 of the 38 digits that DynamoDB keeps; negative zero becomes zero. */
export function toDynamoValue(value: Value): AttributeValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  if (value instanceof Uint8Array) return { B: value };
  return Array.isArray(value) ? { L: value.map(toDynamoValue) } : { M: toDynamoMap(value) };
}

/** The attributes without the key. */
export function fromDynamoItem(item: DynamoItem): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(item)) {
    if (name !== 'pk' && name !== 'sk') attributes[name] = fromDynamoValue(name, value);
  }
  return attributes;
}

/** The value of the attribute `name`, or of something inside it. */
export function fromDynamoValue(name: string, value: AttributeValue): Value {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return Number(value.N);
  if (value.B !== undefined) return value.B;
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.L !== undefined) return value.L.map((element) => fromDynamoValue(name, element));
  if (value.M === undefined) {
    const [type] = Object.keys(value);
    throw new MillraceError(
      'UNKNOWN_SERVER_ERROR',
      `The attribute ${name} has the type ${type}, which is never written.`,
    );
  }
  const map: { [name: string]: Value } = {};
  for (const [key, element] of Object.entries(value.M)) map[key] = fromDynamoValue(name, element);
  return map;
}

function toDynamoMap(map: { [name: string]: Value }): DynamoItem {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, toDynamoValue(value)]));
}
