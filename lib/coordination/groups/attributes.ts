/** Reads attributes of a group's items, whose types a bug alone could change. */
import { assert } from '../../kernel/assert.ts';
import type { Attributes, Value } from '../../kernel/items.ts';

export function numberAt(attributes: Attributes, name: string): number {
  const value = attributes[name];
  assert(typeof value === 'number', `${name} is a number`);
  return value;
}

export function textAt(attributes: Attributes, name: string): string {
  const value = attributes[name];
  assert(typeof value === 'string', `${name} is text`);
  return value;
}

export function bytesAt(attributes: Attributes, name: string): Uint8Array {
  const value = attributes[name];
  assert(value instanceof Uint8Array, `${name} is bytes`);
  return value;
}

export function optionalNumber(attributes: Attributes, name: string): number | undefined {
  return attributes[name] === undefined ? undefined : numberAt(attributes, name);
}

export function optionalText(attributes: Attributes, name: string): string | undefined {
  return attributes[name] === undefined ? undefined : textAt(attributes, name);
}

export function textsAt(attributes: Attributes, name: string): string[] {
  const value = attributes[name];
  assert(Array.isArray(value), `${name} is a list`);
  return value.map((element) => {
    assert(typeof element === 'string', `${name} is a list of text`);
    return element;
  });
}

export function mapsAt(attributes: Attributes, name: string): Record<string, Value>[] {
  const value = attributes[name];
  assert(Array.isArray(value), `${name} is a list`);
  return value.map((element) => {
    const isMap = typeof element === 'object' && !Array.isArray(element) && !(element instanceof Uint8Array);
    assert(isMap, `${name} is a list of maps`);
    return element;
  });
}

/** An object without the entries that are `undefined`, as items and decoded values have none. */
export function present<T extends object>(values: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
