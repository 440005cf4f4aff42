/**
 * What a condition and an update mean, as pure functions of an item: DynamoDB's semantics, for the adapters that have
 * no expressions of their own. The suites compare this with DynamoDB itself.
 */
import { unreachable } from '../../kernel/assert.ts';
import { bytesEqual } from '../../kernel/bytes.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Attributes, Changes, Condition, Value } from '../../kernel/items.ts';
import { compareText } from './text-order.ts';

/** Whether every clause holds for the item; `undefined` is an item that does not exist. */
export function evaluate(conditions: readonly Condition[], item: Attributes | undefined): boolean {
  return conditions.every((condition) => holds(condition, item));
}

/** The item after the changes, as a new object; the one given stays as it is. */
export function applyChanges(item: Attributes | undefined, changes: Changes): Attributes {
  const before = item ?? {};
  const after = { ...before };
  for (const [name, value] of entries(changes.set)) after[name] = withoutNegativeZero(value);
  for (const [name, amount] of entries(changes.add)) after[name] = sum(before, name, amount);
  for (const [name, values] of entries(changes.append)) {
    after[name] = [...listOrEmpty(before, name), ...values.map(withoutNegativeZero)];
  }
  for (const [name, count] of entries(changes.dropFirst)) after[name] = withoutFirst(before, name, count);
  for (const name of changes.remove ?? []) delete after[name];
  return after;
}

/** The value as stores keep it: negative zero is zero. The same object where nothing changes. */
function withoutNegativeZero(value: Value): Value {
  if (typeof value === 'number') return value === 0 ? 0 : value;
  if (typeof value !== 'object' || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.some(isOrHoldsObject) ? value.map(withoutNegativeZero) : value;
  return withoutNegativeZeros(value);
}

/** Like `withoutNegativeZero`, for all attributes of an item. */
export function withoutNegativeZeros(attributes: Attributes): Attributes {
  let changed: Attributes | undefined;
  for (const name of Object.keys(attributes)) {
    const value = attributes[name] as Value;
    const kept = withoutNegativeZero(value);
    if (Object.is(kept, value)) continue;
    changed ??= { ...attributes };
    changed[name] = kept;
  }
  return changed ?? attributes;
}

/** An element that `withoutNegativeZero` may have to replace. */
function isOrHoldsObject(value: Value): boolean {
  return Object.is(value, -0) || (typeof value === 'object' && !(value instanceof Uint8Array));
}

function holds(condition: Condition, item: Attributes | undefined): boolean {
  switch (condition.clause) {
    case 'item-exists':
      return item !== undefined;
    case 'item-absent':
      return item === undefined;
    case 'exists':
      return attribute(item, condition.attribute) !== undefined;
    case 'absent':
      return attribute(item, condition.attribute) === undefined;
    case 'equals':
      return equal(attribute(item, condition.attribute), condition.value);
    case 'not-equals': {
      const value = attribute(item, condition.attribute);
      return value !== undefined && !equal(value, condition.value);
    }
    case 'less':
    case 'at-most':
    case 'greater':
    case 'at-least':
      return compares(condition.clause, attribute(item, condition.attribute), condition.value);
    case 'shorter': {
      const list = attribute(item, condition.attribute);
      return Array.isArray(list) && list.length < condition.length;
    }
    case 'lacks': {
      const list = attribute(item, condition.attribute);
      return Array.isArray(list) && !list.some((element) => equal(element, condition.value));
    }
    default:
      return unreachable(condition);
  }
}

/** The item's own attribute: a name such as `constructor` must not find what every object inherits. */
function attribute(item: Attributes | undefined, name: string): Value | undefined {
  return item !== undefined && Object.hasOwn(item, name) ? item[name] : undefined;
}

/** Values of different types are never equal. */
function equal(a: Value | undefined, b: string | number | boolean | Uint8Array): boolean {
  if (b instanceof Uint8Array) return a instanceof Uint8Array && bytesEqual(a, b);
  return a === b;
}

/** Values of different types compare as false whatever the clause. */
function compares(
  clause: 'less' | 'at-most' | 'greater' | 'at-least',
  a: Value | undefined,
  b: number | string,
): boolean {
  let order: number;
  if (typeof a === 'number' && typeof b === 'number') order = Math.sign(a - b);
  else if (typeof a === 'string' && typeof b === 'string') order = compareText(a, b);
  else return false;
  switch (clause) {
    case 'less':
      return order < 0;
    case 'at-most':
      return order <= 0;
    case 'greater':
      return order > 0;
    case 'at-least':
      return order >= 0;
    default:
      return unreachable(clause);
  }
}

function sum(item: Attributes, name: string, amount: number): number {
  const value = attribute(item, name) ?? 0;
  if (typeof value !== 'number') throw wrongType(name, 'a number');
  const total = value + amount;
  // Past 2^53 DynamoDB would count on exactly and JavaScript would not.
  if (!Number.isSafeInteger(total)) throw wrongType(name, 'a number that stays a safe integer');
  return total;
}

function listOrEmpty(item: Attributes, name: string): Value[] {
  const value = attribute(item, name) ?? [];
  if (!Array.isArray(value)) throw wrongType(name, 'a list');
  return value;
}

function withoutFirst(item: Attributes, name: string, count: number): Value[] {
  const value = attribute(item, name);
  if (!Array.isArray(value) || value.length < count) throw wrongType(name, `a list of at least ${count} elements`);
  return value.slice(count);
}

/** What DynamoDB answers with a ValidationException: the planner of the write was wrong about the item. */
function wrongType(name: string, wanted: string): MillraceError {
  return new MillraceError('UNKNOWN_SERVER_ERROR', `The attribute ${JSON.stringify(name)} is not ${wanted}.`);
}

function entries<T>(record: Record<string, T> | undefined): [string, T][] {
  return record === undefined ? [] : Object.entries(record);
}
