/**
 * Whether a JSON value matches a pattern, as Event Ruler decides it: an array counts as its elements, however nested,
 * and fields that are named together must be of the same element. What isn't there is matched by `{"exists": false}`
 * only; an empty object or array isn't there. Work is at most the pattern's size times the value's.
 */
import { type FieldsPattern, type Leaf, type LeafPattern, type Pattern, UNREADABLE } from './pattern.ts';

/** `undefined`: not there. */
export function matchesPattern(pattern: Pattern, value: unknown): boolean {
  return pattern.pattern === 'leaf' ? matchesLeaf(pattern, value) : matchesFields(pattern, value);
}

function matchesFields(pattern: FieldsPattern, value: unknown): boolean {
  let found = false;
  for (const element of elements(value)) {
    if (typeof element !== 'object' || element === null) continue;
    found = true;
    if (matchesObject(pattern, element)) return true;
  }
  return !found && matchesObject(pattern, {});
}

function matchesObject(pattern: FieldsPattern, object: object): boolean {
  return (
    pattern.fields.every((field) => matchesPattern(field.pattern, own(object, field.name))) &&
    pattern.choices.every((choice) => choice.some((alternative) => matchesObject(alternative, object)))
  );
}

function matchesLeaf(pattern: LeafPattern, value: unknown): boolean {
  let found = false;
  for (const element of elements(value)) {
    if (!isLeaf(element)) continue;
    found = true;
    if (element !== UNREADABLE && pattern.exact.has(element)) return true;
    if (pattern.tests.some((test) => test(element))) return true;
  }
  return !found && pattern.absent;
}

function isLeaf(value: unknown): value is Leaf {
  return value !== undefined && (typeof value !== 'object' || value === null);
}

/** Own fields only: names come from records. */
function own(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}

/** What is inside arrays inside arrays, without recursion: records may nest as deep as they are long. */
function* elements(value: unknown): Generator {
  if (!Array.isArray(value)) {
    yield value;
    return;
  }
  const open = [value.values()];
  for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
    const { done, value: element } = last.next();
    if (done) open.pop();
    else if (Array.isArray(element)) open.push(element.values());
    else yield element;
  }
}
