/**
 * A record as JSON, as the API takes it: `key`, `value` or `key_base64`, `value_base64`, `headers`, `partition`,
 * `timestamp`. `topic` and `offset` may be there too, as `consume --json` prints them, and count for nothing.
 */
import { utf8, utf8Text } from '../../kernel/bytes.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { BadLine } from './bad-line.ts';
import { decoded } from './base64.ts';
import { membersOf } from './members.ts';

export interface JsonLine {
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: { key: string; value: string | Uint8Array | null }[];
  partition: number | undefined;
  timestamp: number | undefined;
}

const FIELDS = ['key', 'key_base64', 'value', 'value_base64', 'headers', 'partition', 'timestamp', 'topic', 'offset'];

/** Throws `BadLine`. */
export function parseJsonLine(line: Uint8Array): JsonLine {
  const text = utf8Text(line);
  if (text === undefined) throw new BadLine('is not UTF-8');
  const fields = fieldsOf(text);
  return {
    key: content('key', fields),
    value: content('value', fields),
    headers: headersOf(fields.get('headers')),
    partition: wholeNumber('partition', fields, topicLimits.partitionsPerTopicMax - 1),
    timestamp: wholeNumber('timestamp', fields, topicLimits.timestampMsMax),
  };
}

type Fields = ReadonlyMap<string, string>;

function fieldsOf(text: string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new BadLine('is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new BadLine('is not a record: an object with key, value, headers, partition and timestamp');
  }
  const fields = new Map<string, string>();
  for (const { name, text: value } of membersOf(text)) {
    if (!FIELDS.includes(name)) throw new BadLine(`has "${name}"; a record has ${FIELDS.join(', ')}`);
    if (fields.has(name)) throw new BadLine(`has "${name}" twice`);
    fields.set(name, value);
  }
  return fields;
}

/** Strings without their quotes, everything else as its text. */
function content(name: 'key' | 'value', fields: Fields): Uint8Array | null {
  const text = fields.get(name);
  const base64 = fields.get(`${name}_base64`);
  if (text !== undefined && base64 !== undefined) throw new BadLine(`has "${name}" and "${name}_base64"`);
  if (base64 !== undefined) return bytesOf(`${name}_base64`, JSON.parse(base64));
  if (text === undefined || text === 'null') return null;
  return utf8(text.startsWith('"') ? (JSON.parse(text) as string) : text);
}

function bytesOf(name: string, value: unknown): Uint8Array | null {
  if (value === null) return null;
  if (typeof value !== 'string') throw new BadLine(`has a ${name} that is not a string`);
  return decoded(utf8(value), name);
}

function headersOf(text: string | undefined): JsonLine['headers'] {
  if (text === undefined) return [];
  const given: unknown = JSON.parse(text);
  if (typeof given !== 'object' || given === null) throw new BadLine('has headers that are no object and no array');
  if (Array.isArray(given)) return given.map(headerOf);
  return Object.entries(given).map(([key, value]) => headerOf({ key, value }));
}

function headerOf(given: unknown): JsonLine['headers'][number] {
  if (typeof given === 'object' && given !== null) {
    const { key, value, value_base64: base64, ...rest } = given as Record<string, unknown>;
    const isOne = typeof key === 'string' && Object.keys(rest).length === 0;
    if (isOne && base64 !== undefined && value === undefined) return { key, value: bytesOf('header', base64) };
    if (isOne && base64 === undefined && (typeof value === 'string' || value === null)) return { key, value };
  }
  throw new BadLine('has a header that is not {"key","value"} or {"key","value_base64"} with text or null');
}

function wholeNumber(name: string, fields: Fields, most: number): number | undefined {
  const text = fields.get(name);
  if (text === undefined || text === 'null') return undefined;
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= most) return number;
  throw new BadLine(`has a ${name} that is not a whole number from 0 to ${most}`);
}
