/**
 * Reads produce requests from their bytes: what `produceRequestSchema` and `produceRecordSchema` (produce-routes.ts)
 * say, in one walk, without building the JSON in between. Strings become views of the body; objects, arrays, numbers
 * and booleans keep the text that was sent.
 */
import { Buffer } from 'node:buffer';
import type { Acks } from '../../broker/produce/append-to-partition.ts';
import type { ProduceRecord } from '../../broker/produce/produce.ts';
import type { TransactionRecord } from '../../broker/transactions/prepare.ts';
import type { MillraceError } from '../../kernel/errors.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import type { RecordHeader } from '../../log/record-batch/record.ts';
import { fieldPath, scanJson } from '../json/parse.ts';
import type { JsonScanner } from '../json/scanner.ts';
import { malformedField, unknownField } from '../problems.ts';
import { recordMessages } from './produce-routes.ts';

export interface ParsedProduceRequest {
  records: ProduceRecord[];
  acks?: Acks;
  expectedOffset?: number;
}

const REQUEST_FIELDS = ['records', 'acks', 'expected_offset'];
const RECORD_FIELDS = ['key', 'key_base64', 'value', 'value_base64', 'headers', 'partition', 'timestamp'];
const HEADER_FIELDS = ['key', 'value', 'value_base64'];

const SURROGATE = 'holds half of a surrogate pair; send such bytes as base64';
const TWICE = 'is there twice';

/** The JSON body of a produce request. Throws INVALID_REQUEST, naming the field. */
export function parseProduceRequest(body: Uint8Array): ParsedProduceRequest {
  return scanJson(body, request);
}

/** One line of an NDJSON body. */
export function parseRecordLine(line: Uint8Array): ProduceRecord {
  return scanJson(line, (scanner) => record(scanner, ''), 'the line');
}

function request(scanner: JsonScanner): ParsedProduceRequest {
  if (scanner.kind() !== 'object') throw malformedField('', recordMessages.record);
  let records: ProduceRecord[] | undefined;
  let acks: Acks | undefined;
  let expectedOffset: number | undefined;
  for (let name = scanner.firstKey(); name !== undefined; name = scanner.nextKey()) {
    switch (name) {
      case 'records':
        if (records !== undefined) throw malformedField(name, TWICE);
        records = recordArray(scanner);
        break;
      case 'acks':
        if (acks !== undefined) throw malformedField(name, TWICE);
        acks = acksValue(scanner);
        break;
      case 'expected_offset':
        if (expectedOffset !== undefined) throw malformedField(name, TWICE);
        expectedOffset = wholeNumber(scanner, name);
        break;
      default:
        throw unknownField(fieldPath('', name), REQUEST_FIELDS);
    }
  }
  if (records === undefined) throw malformedField('records', recordMessages.records);
  return { records, acks, expectedOffset };
}

function recordArray(scanner: JsonScanner): ProduceRecord[] {
  const records = arrayOf(scanner, (index) => record(scanner, index));
  if (records.length === 0) throw malformedField('records', recordMessages.records);
  return records;
}

/** The records of a transaction, each of which names its topic; there may be none. */
export function transactionRecords(scanner: JsonScanner): TransactionRecord[] {
  return arrayOf(scanner, (index) => {
    const topics: (string | undefined)[] = [];
    const parsed = record(scanner, index, topics);
    const [topic] = topics;
    if (topic === undefined) throw malformedField(fieldPath(pathOf(index), 'topic'), recordMessages.topic);
    return { topic, ...parsed };
  });
}

function arrayOf<T>(scanner: JsonScanner, element: (index: number) => T): T[] {
  if (scanner.kind() !== 'array') throw malformedField('records', recordMessages.records);
  const elements: T[] = [];
  for (let more = scanner.firstElement(); more; more = scanner.nextElement()) {
    if (elements.length === requestLimits.recordsPerRequestMax) throw malformedField('records', recordMessages.records);
    elements.push(element(elements.length));
  }
  return elements;
}

const ACKS_BY_NUMBER: Record<string, Acks> = { '-1': 'all', 1: 'leader', 0: 'none' };

function acksValue(scanner: JsonScanner): Acks {
  const kind = scanner.kind();
  if (kind === 'string') {
    const text = scanner.string();
    if (text === 'all' || text === 'leader' || text === 'none') return text;
  }
  const acks = kind === 'number' ? ACKS_BY_NUMBER[String(scanner.number())] : undefined;
  if (acks === undefined) throw malformedField('acks', recordMessages.acks);
  return acks;
}

/** `acks` as the query string has it. */
export function acksOf(text: 'all' | 'leader' | 'none' | '-1' | '1' | '0'): Acks {
  return text === 'all' || text === 'leader' || text === 'none' ? text : (ACKS_BY_NUMBER[text] as Acks);
}

/** Where a record is, for an error: its index in the request, or a path. Paths are made only then. */
type Place = number | string;

function pathOf(place: Place): string {
  return typeof place === 'number' ? fieldPath('records', place) : place;
}

/** `topics`: takes the record's topic, where a record may name one. */
function record(scanner: JsonScanner, place: Place, topics?: (string | undefined)[]): ProduceRecord {
  if (scanner.kind() !== 'object') throw malformedField(pathOf(place), recordMessages.record);
  let key: Uint8Array | null | undefined;
  let keyBytes: Uint8Array | undefined;
  let value: Uint8Array | null | undefined;
  let valueBytes: Uint8Array | undefined;
  let headers: RecordHeader[] | undefined;
  let partition: number | undefined;
  let timestamp: number | undefined;
  for (let name = scanner.firstKey(); name !== undefined; name = scanner.nextKey()) {
    switch (name) {
      case 'key':
        if (key !== undefined) throw twice(place, name);
        key = anyValue(scanner, place, name);
        break;
      case 'key_base64':
        if (keyBytes !== undefined) throw twice(place, name);
        keyBytes = base64(scanner, place, name);
        break;
      case 'value':
        if (value !== undefined) throw twice(place, name);
        value = anyValue(scanner, place, name);
        break;
      case 'value_base64':
        if (valueBytes !== undefined) throw twice(place, name);
        valueBytes = base64(scanner, place, name);
        break;
      case 'headers':
        if (headers !== undefined) throw twice(place, name);
        headers = headerList(scanner, fieldPath(pathOf(place), name));
        break;
      case 'partition':
        if (partition !== undefined) throw twice(place, name);
        partition = wholeNumber(scanner, place, name);
        break;
      case 'timestamp':
        if (timestamp !== undefined) throw twice(place, name);
        timestamp = wholeNumber(scanner, place, name);
        break;
      default:
        if (name !== 'topic' || topics === undefined) {
          const known = topics === undefined ? RECORD_FIELDS : ['topic', ...RECORD_FIELDS];
          throw unknownField(fieldPath(pathOf(place), name), known);
        }
        if (topics.length > 0) throw twice(place, name);
        topics.push(topicName(scanner, place));
    }
  }
  return {
    partition,
    timestamp,
    key: either(place, 'key_base64', key, keyBytes),
    value: either(place, 'value_base64', value, valueBytes),
    headers: headers ?? [],
  };
}

function topicName(scanner: JsonScanner, place: Place): string {
  const text = scanner.kind() === 'string' ? scanner.string() : undefined;
  if (text === undefined) throw malformedField(fieldPath(pathOf(place), 'topic'), recordMessages.topic);
  return text;
}

/** The bytes that were given in one of the two forms; null where in none. */
function either(
  place: Place,
  base64Name: string,
  plain: Uint8Array | null | undefined,
  fromBase64: Uint8Array | undefined,
): Uint8Array | null {
  if (fromBase64 === undefined) return plain ?? null;
  if (plain !== undefined) throw malformedField(fieldPath(pathOf(place), base64Name), recordMessages.twice);
  return fromBase64;
}

/** A string's bytes, or the JSON text of anything else. */
function anyValue(scanner: JsonScanner, place: Place, name: string): Uint8Array | null {
  const kind = scanner.kind();
  if (kind === 'null') {
    scanner.literal();
    return null;
  }
  if (kind !== 'string') return scanner.text();
  const bytes = scanner.stringBytes();
  if (bytes === undefined) throw malformedField(fieldPath(pathOf(place), name), SURROGATE);
  return bytes;
}

function headerList(scanner: JsonScanner, path: string): RecordHeader[] {
  const kind = scanner.kind();
  if (kind === 'object') return headerObject(scanner, path);
  if (kind === 'array') return headerArray(scanner, path);
  throw malformedField(path, recordMessages.headers);
}

function headerObject(scanner: JsonScanner, path: string): RecordHeader[] {
  const headers: RecordHeader[] = [];
  const keys = new Set<string>();
  for (let key = scanner.firstKey(); key !== undefined; key = scanner.nextKey()) {
    if (keys.has(key)) throw malformedField(fieldPath(path, key), `${TWICE}; send such headers as an array`);
    if (headers.length === requestLimits.headersPerRecordMax) throw malformedField(path, recordMessages.headerCount);
    keys.add(key);
    if (scanner.kind() !== 'string') throw malformedField(fieldPath(path, key), recordMessages.headerValue);
    const value = scanner.stringBytes();
    if (value === undefined) throw malformedField(fieldPath(path, key), SURROGATE);
    headers.push({ key, value });
  }
  return headers;
}

function headerArray(scanner: JsonScanner, path: string): RecordHeader[] {
  const headers: RecordHeader[] = [];
  for (let more = scanner.firstElement(); more; more = scanner.nextElement()) {
    if (headers.length === requestLimits.headersPerRecordMax) throw malformedField(path, recordMessages.headerCount);
    headers.push(header(scanner, fieldPath(path, headers.length)));
  }
  return headers;
}

function header(scanner: JsonScanner, path: string): RecordHeader {
  if (scanner.kind() !== 'object') throw malformedField(path, recordMessages.headers);
  let key: string | undefined;
  let value: Uint8Array | null | undefined;
  let valueBytes: Uint8Array | undefined;
  for (let name = scanner.firstKey(); name !== undefined; name = scanner.nextKey()) {
    switch (name) {
      case 'key':
        if (key !== undefined) throw twice(path, name);
        if (scanner.kind() !== 'string') throw malformedField(fieldPath(path, name), recordMessages.headerKey);
        key = scanner.string();
        if (key === undefined) throw malformedField(fieldPath(path, name), SURROGATE);
        break;
      case 'value': {
        if (value !== undefined) throw twice(path, name);
        const kind = scanner.kind();
        if (kind !== 'string' && kind !== 'null') {
          throw malformedField(fieldPath(path, name), recordMessages.headerValueOrNull);
        }
        value = anyValue(scanner, path, name);
        break;
      }
      case 'value_base64':
        if (valueBytes !== undefined) throw twice(path, name);
        valueBytes = base64(scanner, path, name);
        break;
      default:
        throw unknownField(fieldPath(path, name), HEADER_FIELDS);
    }
  }
  if (key === undefined) throw malformedField(fieldPath(path, 'key'), recordMessages.headerKey);
  return { key, value: either(path, 'value_base64', value, valueBytes) };
}

function wholeNumber(scanner: JsonScanner, place: Place, name = ''): number {
  const number = scanner.kind() === 'number' ? scanner.number() : Number.NaN;
  if (!Number.isSafeInteger(number) || number < 0) {
    throw malformedField(name === '' ? pathOf(place) : fieldPath(pathOf(place), name), recordMessages.wholeNumber);
  }
  return number + 0; // −0 becomes 0
}

const MINUS = 0x2d;
const UNDERSCORE = 0x5f;
const EQUALS = 0x3d;

function base64(scanner: JsonScanner, place: Place, name: string): Uint8Array {
  const text = scanner.kind() === 'string' ? scanner.stringBytes() : undefined;
  const bytes = text && decodeBase64(text);
  if (bytes === undefined) throw malformedField(fieldPath(pathOf(place), name), recordMessages.base64);
  return bytes;
}

/**
 * Node's decoder passes over what is not base64, so the decoded length shows whether anything was passed over. It also
 * takes the URL alphabet, which is looked for by itself.
 */
export function decodeBase64(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length % 4 !== 0) return undefined;
  const padding = bytes.at(-1) !== EQUALS ? 0 : bytes.at(-2) !== EQUALS ? 1 : 2;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (text.includes(MINUS) || text.includes(UNDERSCORE)) return undefined;
  const decoded = Buffer.from(text.toString('latin1'), 'base64');
  return decoded.length === (bytes.length / 4) * 3 - padding ? decoded : undefined;
}

function twice(place: Place, name: string): MillraceError {
  return malformedField(fieldPath(pathOf(place), name), TWICE);
}
