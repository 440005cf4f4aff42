/**
 * What every adapter refuses before it does anything, so that a write which SQLite takes is one that DynamoDB takes.
 *
 * Three kinds of refusal: a bug in the caller (`assert`), a value that can't be stored (`INVALID_REQUEST`, since the
 * value may be a user's), and a limit of DynamoDB (`POLICY_VIOLATION`, with the limit's name).
 */
import { assert } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { Attributes, Changes, Condition, ItemKey, Value, Write } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { itemBytes, textBytes } from './item-size.ts';

/** Throws unless the writes are ones that every adapter can carry out. */
export function checkWrites(writes: readonly Write[]): void {
  assert(writes.length > 0, 'a write has at least one item');
  if (writes.length > storageLimits.transactionItemsMax) {
    throw overLimit(
      'transactionItemsMax',
      `a transaction of ${writes.length} items`,
      storageLimits.transactionItemsMax,
    );
  }
  if (writes.length > 1) checkTransaction(writes);
  for (const write of writes) checkWrite(write);
}

/** The limit's name is in the sentence, for whoever has to split the write or raise the matter. */
export function overLimit(limit: keyof typeof storageLimits, what: string, max: number): MillraceError {
  return new MillraceError('POLICY_VIOLATION', `${what} is beyond the limit of ${max} (${limit})`);
}

/** A put is measured before it is sent; what an update makes of an item only the store knows. */
export function checkItemBytes(key: ItemKey, attributes: Attributes): number {
  const bytes = itemBytes(key, attributes);
  if (bytes > storageLimits.itemBytesMax) {
    throw overLimit('itemBytesMax', `the item ${keyText(key)} of ${bytes} bytes`, storageLimits.itemBytesMax);
  }
  return bytes;
}

export function checkKey(key: ItemKey): void {
  checkKeyPart('partition key', key.pk, storageLimits.partitionKeyBytesMax);
  checkKeyPart('sort key', key.sk, storageLimits.sortKeyBytesMax);
}

export function keyText(key: ItemKey): string {
  return `${key.pk} / ${key.sk}`;
}

/** Throws unless every adapter can store the attributes and give them back as they are. */
function checkAttributes(attributes: Attributes): void {
  for (const name of Object.keys(attributes)) {
    checkName(name);
    checkValue(name, attributes[name] as Value, 0);
  }
}

function checkTransaction(writes: readonly Write[]): void {
  const keys = new Set(writes.map(({ key }) => JSON.stringify([key.pk, key.sk])));
  assert(keys.size === writes.length, 'the writes of a transaction have different keys');
  let bytes = 0;
  for (const write of writes) if (write.kind === 'put') bytes += itemBytes(write.key, write.attributes);
  if (bytes > storageLimits.transactionBytesMax) {
    throw overLimit('transactionBytesMax', `a transaction of ${bytes} bytes`, storageLimits.transactionBytesMax);
  }
}

function checkWrite(write: Write): void {
  checkKey(write.key);
  if (write.conditions !== undefined) for (const condition of write.conditions) checkCondition(condition);
  switch (write.kind) {
    case 'put':
      checkAttributes(write.attributes);
      checkItemBytes(write.key, write.attributes);
      break;
    case 'update':
      checkChanges(write.changes);
      break;
    case 'check':
      assert(write.conditions.length > 0, 'a check has a condition');
      break;
    case 'delete':
      break;
  }
}

function checkChanges(changes: Changes): void {
  const names: string[] = [];
  for (const name in changes.set) {
    names.push(name);
    checkValue(name, changes.set[name] as Value, 0);
  }
  for (const name in changes.add) {
    names.push(name);
    // Doubles are left out since DynamoDB adds decimally: 0.1 + 0.2 would not be the same everywhere.
    assert(Number.isSafeInteger(changes.add[name]), `only a safe integer is added, to ${name}`);
  }
  for (const name in changes.append) {
    names.push(name);
    checkValue(name, changes.append[name] as Value[], 0);
  }
  for (const name in changes.dropFirst) {
    names.push(name);
    const count = changes.dropFirst[name] as number;
    assert(Number.isInteger(count) && count > 0, `a whole positive number of elements is dropped from ${name}`);
  }
  for (const name of changes.remove ?? []) names.push(name);
  for (const name of names) checkName(name);
  assert(names.length > 0, 'an update changes something');
  assert(new Set(names).size === names.length, 'an update names an attribute once');
}

function checkCondition(condition: Condition): void {
  if (!('attribute' in condition)) return;
  checkName(condition.attribute);
  if ('value' in condition) checkValue(condition.attribute, condition.value, 0);
  if (condition.clause === 'shorter') {
    assert(Number.isSafeInteger(condition.length) && condition.length >= 0, 'a length is a whole number');
  }
}

function checkName(name: string): void {
  assert(name !== '', 'an attribute has a name');
  assert(name !== 'pk' && name !== 'sk', `the attribute ${name} is a part of the key`);
  checkMapName(name, name);
}

function checkValue(attribute: string, value: Value, depth: number): void {
  if (typeof value === 'string') return checkText(attribute, value);
  if (typeof value === 'number') return checkNumber(attribute, value);
  if (typeof value === 'boolean' || value instanceof Uint8Array) return;
  assert(
    typeof value === 'object' && value !== null,
    `the attribute ${attribute} holds a ${typeof value} that is no value`,
  );
  checkNested(attribute, value, depth + 1);
}

function checkNested(attribute: string, value: Value[] | { [name: string]: Value }, depth: number): void {
  if (depth > storageLimits.itemNestingMax) {
    throw overLimit('itemNestingMax', `the nesting of the attribute ${attribute}`, storageLimits.itemNestingMax);
  }
  if (Array.isArray(value)) {
    for (const element of value) checkValue(attribute, element, depth);
    return;
  }
  for (const name of Object.keys(value)) {
    checkMapName(attribute, name);
    checkValue(attribute, value[name] as Value, depth);
  }
}

function checkMapName(attribute: string, name: string): void {
  if (name === '') throw unstorable(attribute, 'an empty name');
  // AWS's SDK loses it: in JavaScript, assigning to it sets an object's prototype.
  if (name === '__proto__') throw unstorable(attribute, 'the name __proto__');
  checkText(attribute, name);
}

/** DynamoDB keeps magnitudes from 1e-130 to below 1e126, and zero. */
function checkNumber(attribute: string, value: number): void {
  const magnitude = Math.abs(value);
  if (magnitude === 0 || (magnitude >= 1e-130 && magnitude < 1e126)) return;
  throw unstorable(attribute, `the number ${value}`);
}

function checkText(attribute: string, text: string): void {
  if (!text.isWellFormed()) throw unstorable(attribute, 'text that is not Unicode (half of a surrogate pair)');
}

export function checkKeyPart(part: string, text: string, bytesMax: number): void {
  assert(text !== '', `a ${part} is not empty`);
  checkText(part, text);
  // A UTF-16 unit takes at most three bytes, so that most keys need no counting.
  if (text.length * 3 > bytesMax && textBytes(text) > bytesMax) {
    throw new MillraceError('INVALID_REQUEST', `A ${part} of ${textBytes(text)} bytes is longer than ${bytesMax}.`);
  }
}

function unstorable(attribute: string, what: string): MillraceError {
  return new MillraceError('INVALID_REQUEST', `The attribute ${JSON.stringify(attribute)} can't hold ${what}.`);
}
