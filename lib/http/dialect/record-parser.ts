/**
 * Reads the dialect's produce requests from their bytes, in one walk and without building the JSON in between: what
 * `producerRecordListSchema` says. Throws INVALID_REQUEST, naming the field.
 */
import type { ProduceRecord } from '../../broker/produce/produce.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import type { RecordHeader } from '../../log/record-batch/record.ts';
import { fieldPath, scanJson } from '../json/parse.ts';
import type { JsonScanner } from '../json/scanner.ts';
import { decodeBase64 } from '../native/record-parser.ts';
import { malformedField, unknownField } from '../problems.ts';
import type { EmbeddedFormat } from './media-types.ts';

const NOT_AN_OBJECT = 'must be an object';
const NOT_RECORDS = `must be an array of at most ${requestLimits.recordsPerRequestMax} records`;
const NOT_HEADERS = `must be an array of at most ${requestLimits.headersPerRecordMax} headers`;
const NOT_BASE64 = 'must be a string of base64 (RFC 4648, 4) with padding';
const NOT_TEXT = 'must be a string without halves of surrogate pairs, or null';
const NOT_A_NUMBER = 'must be a whole number from 0 to 2^53 − 1';
const TWICE = 'is there twice';

export interface ParseOptions {
  format: EmbeddedFormat;
  /** Named by the path; records must not name one then. */
  partition: number | undefined;
}

export function parseRecords(body: Uint8Array, options: ParseOptions): ProduceRecord[] {
  return scanJson(body, (scanner) => {
    if (scanner.kind() !== 'object') throw malformedField('', NOT_AN_OBJECT);
    let records: ProduceRecord[] | undefined;
    for (let name = scanner.firstKey(); name !== undefined; name = scanner.nextKey()) {
      if (name !== 'records') throw unknownField(fieldPath('', name), ['records']);
      if (records !== undefined) throw malformedField(name, TWICE);
      records = arrayOf(scanner, 'records', { max: requestLimits.recordsPerRequestMax, what: NOT_RECORDS }, (path) =>
        record(scanner, path, options),
      );
    }
    if (records === undefined) throw malformedField('records', NOT_RECORDS);
    return records;
  });
}

function arrayOf<T>(
  scanner: JsonScanner,
  path: string,
  { max, what }: { max: number; what: string },
  element: (path: string) => T,
): T[] {
  if (scanner.kind() !== 'array') throw malformedField(path, what);
  const elements: T[] = [];
  for (let more = scanner.firstElement(); more; more = scanner.nextElement()) {
    if (elements.length === max) throw malformedField(path, what);
    elements.push(element(fieldPath(path, elements.length)));
  }
  return elements;
}

function record(scanner: JsonScanner, path: string, { format, partition }: ParseOptions): ProduceRecord {
  if (scanner.kind() !== 'object') throw malformedField(path, NOT_AN_OBJECT);
  const known = ['key', 'value', 'timestamp', 'headers', ...(partition === undefined ? ['partition'] : [])];
  const seen = new Set<string>();
  const parsed: ProduceRecord = { partition, key: null, value: null, headers: [] };
  for (let name = scanner.firstKey(); name !== undefined; name = scanner.nextKey()) {
    const field = fieldPath(path, name);
    if (!known.includes(name)) throw unknownField(field, known);
    if (seen.has(name)) throw malformedField(field, TWICE);
    seen.add(name);
    switch (name) {
      case 'key':
      case 'value':
        parsed[name] = embedded(scanner, field, format);
        break;
      case 'headers':
        parsed.headers = arrayOf(scanner, field, { max: requestLimits.headersPerRecordMax, what: NOT_HEADERS }, (at) =>
          header(scanner, at),
        );
        break;
      default:
        parsed[name as 'partition' | 'timestamp'] = wholeNumber(scanner, field);
    }
  }
  if (!seen.has('value')) throw malformedField(fieldPath(path, 'value'), 'must be there; null is for no value');
  return parsed;
}

/** A key or value as bytes. */
function embedded(scanner: JsonScanner, field: string, format: EmbeddedFormat): Uint8Array | null {
  switch (format) {
    case 'json':
      return nullOr(scanner, () => scanner.text());
    case 'binary':
      return nullOr(scanner, () => base64(scanner, field));
    case 'text':
      return nullOr(scanner, () => text(scanner, field));
  }
}

function nullOr(scanner: JsonScanner, read: () => Uint8Array): Uint8Array | null {
  if (scanner.kind() !== 'null') return read();
  scanner.literal();
  return null;
}

function text(scanner: JsonScanner, field: string): Uint8Array {
  const bytes = scanner.kind() === 'string' ? scanner.stringBytes() : undefined;
  if (bytes === undefined) throw malformedField(field, NOT_TEXT);
  return bytes;
}

function base64(scanner: JsonScanner, field: string): Uint8Array {
  const text = scanner.kind() === 'string' ? scanner.stringBytes() : undefined;
  const bytes = text && decodeBase64(text);
  if (bytes === undefined) throw malformedField(field, NOT_BASE64);
  return bytes;
}

function header(scanner: JsonScanner, path: string): RecordHeader {
  if (scanner.kind() !== 'object') throw malformedField(path, NOT_AN_OBJECT);
  let key: string | undefined;
  let value: Uint8Array | null | undefined;
  for (let name = scanner.firstKey(); name !== undefined; name = scanner.nextKey()) {
    const field = fieldPath(path, name);
    if ((name === 'key' ? key : value) !== undefined) throw malformedField(field, TWICE);
    if (name === 'key') {
      key = scanner.kind() === 'string' ? scanner.string() : undefined;
      if (key === undefined) throw malformedField(field, 'must be a string without halves of surrogate pairs');
    } else if (name === 'value') {
      value = nullOr(scanner, () => base64(scanner, field));
    } else {
      throw unknownField(field, ['key', 'value']);
    }
  }
  if (key === undefined) throw malformedField(fieldPath(path, 'key'), 'must be there');
  if (value === undefined) throw malformedField(fieldPath(path, 'value'), 'must be there; null is for no value');
  return { key, value };
}

function wholeNumber(scanner: JsonScanner, field: string): number {
  const number = scanner.kind() === 'number' ? scanner.number() : Number.NaN;
  if (!Number.isSafeInteger(number) || number < 0) throw malformedField(field, NOT_A_NUMBER);
  return number + 0; // −0 becomes 0
}
