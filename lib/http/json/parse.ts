/**
 * JSON bodies as plain values, for every request but produce (whose records stay bytes, see native/record-parser.ts).
 *
 * Stricter than `JSON.parse`, so that no two readers of a request can see different things in it: a key may be there
 * once, `__proto__` is no key, strings hold whole characters, and an integer is one that a double holds exactly.
 */
import { isUtf8 } from 'node:buffer';
import type { MillraceError } from '../../kernel/errors.ts';
import { malformedField, malformedRequest } from '../problems.ts';
import { JsonScanner, JsonTextError } from './scanner.ts';

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** Throws INVALID_REQUEST, naming the byte or the field, where the body is not JSON that is taken here. */
export function parseJson(body: Uint8Array): JsonValue {
  return scanJson(body, (scanner) => readValue(scanner, ''));
}

/** Runs `read` over one whole JSON text and turns what the scanner finds wrong into the API's error. */
export function scanJson<Result>(bytes: Uint8Array, read: (scanner: JsonScanner) => Result, what = 'the body'): Result {
  if (!isUtf8(bytes)) throw malformedRequest(`${what} is not JSON: it is not valid UTF-8`);
  const scanner = new JsonScanner(bytes);
  try {
    const result = read(scanner);
    scanner.finish();
    return result;
  } catch (error) {
    throw error instanceof JsonTextError ? notJson(error, what) : error;
  }
}

function notJson(error: JsonTextError, what: string): MillraceError {
  return malformedRequest(`${what} is not JSON that is accepted here: at byte ${error.position} it ${error.message}`);
}

/** The path of a key below `path`, as errors show it: `config.retention.ms` is written `config["retention.ms"]`. */
export function fieldPath(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  // A client's key may be as long as its body.
  const shown = key.length > KEY_LENGTH_SHOWN ? `${key.slice(0, KEY_LENGTH_SHOWN)}…` : key;
  if (!/^[A-Za-z_]\w*$/.test(key)) return `${path}[${JSON.stringify(shown)}]`;
  return path === '' ? shown : `${path}.${shown}`;
}

const KEY_LENGTH_SHOWN = 100;

/** The value that the scanner stands at. The scanner bounds the depth, so the recursion is bounded too. */
export function readValue(scanner: JsonScanner, path: string): JsonValue {
  switch (scanner.kind()) {
    case 'object':
      return object(scanner, path);
    case 'array': {
      const array: JsonValue[] = [];
      for (let more = scanner.firstElement(); more; more = scanner.nextElement()) {
        array.push(readValue(scanner, fieldPath(path, array.length)));
      }
      return array;
    }
    case 'string': {
      const text = scanner.string();
      if (text === undefined) throw malformedField(path, 'holds half of a surrogate pair');
      return text;
    }
    case 'number': {
      const number = scanner.number();
      if (!Number.isFinite(number) || (Number.isInteger(number) && !Number.isSafeInteger(number))) {
        const advice = takesText(path) ? '; send it as a string' : '';
        throw malformedField(path, `is beyond the numbers that JSON readers agree on (2^53 − 1)${advice}`);
      }
      return number;
    }
    case 'boolean':
    case 'null':
      return scanner.literal();
  }
}

/** Of what bodies hold, only configs may be text in place of a number. */
function takesText(path: string): boolean {
  return /^config[.[]/.test(path);
}

function object(scanner: JsonScanner, path: string): JsonValue {
  const entries: { [key: string]: JsonValue } = {};
  for (let key = scanner.firstKey(); key !== undefined; key = scanner.nextKey()) {
    const field = fieldPath(path, key);
    if (key === '__proto__') throw malformedField(field, 'is not a field');
    if (Object.hasOwn(entries, key)) throw malformedField(field, 'is there twice');
    entries[key] = readValue(scanner, field);
  }
  return entries;
}
