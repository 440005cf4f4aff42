/**
 * Records as JSON text, cut by their serialized size: base64 and escapes make JSON longer than the batches it came
 * from, and it is the answer whose size is limited.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import type { LogRecord, RecordHeader } from '../../log/record-batch/record.ts';
import { JsonScanner, JsonTextError } from '../json/scanner.ts';
import type { Encoding } from './fetch-routes.ts';

export interface Rendered {
  /** One JSON object a record, each without line breaks. */
  texts: string[];
  /** Where the next fetch begins. */
  nextOffset: number;
  /** The UTF-8 length of the texts and what stands between them. */
  bytes: number;
}

export interface RenderOptions {
  encoding: Encoding;
  bytesMax: number;
  /** Bytes around each record beside its own text: a comma, a line feed, an event's frame. */
  frameBytes: number;
  /** Where the next fetch begins if all records fit. */
  nextOffset: number;
}

/** As many records as fit, the first in any case. */
export function renderRecords(records: readonly LogRecord[], options: RenderOptions): Rendered {
  const texts: string[] = [];
  let bytes = 0;
  for (const record of records) {
    const text = recordText(record, options.encoding);
    const size = Buffer.byteLength(text) + options.frameBytes;
    if (texts.length > 0 && bytes + size > options.bytesMax) return { texts, nextOffset: record.offset, bytes };
    texts.push(text);
    bytes += size;
  }
  return { texts, nextOffset: options.nextOffset, bytes };
}

/**
 * Text that must not be split by a reader of lines has no line feed: JSON escapes it in strings, and values are
 * compact.
 */
export function recordText(record: LogRecord, encoding: Encoding): string {
  const key = field('key', record.key, encoding);
  const value = field('value', record.value, encoding);
  const headers =
    record.headers.length === 0 ? '' : record.headers.map((header) => headerText(header, encoding)).join(',');
  return `{"offset":${record.offset},"timestamp":${record.timestamp},${key},${value},"headers":[${headers}]}`;
}

/** Header values are text or bytes, never parsed. */
function headerText(header: RecordHeader, encoding: Encoding): string {
  return `{"key":${JSON.stringify(header.key)},${field('value', header.value, encoding === 'json' ? 'utf8' : encoding)}}`;
}

function field(name: 'key' | 'value', given: Uint8Array | null, encoding: Encoding): string {
  if (given === null) return encoding === 'base64' ? `"${name}_base64":null` : `"${name}":null`;
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  if (encoding === 'base64' || !isUtf8(bytes)) return `"${name}_base64":"${bytes.toString('base64')}"`;
  const json = encoding === 'json' ? jsonText(bytes) : undefined;
  return `"${name}":${json ?? JSON.stringify(bytes.toString('utf8'))}`;
}

/**
 * The bytes as they are where they are one JSON text, so that no number loses digits; `undefined` where they are not,
 * or where they nest deeper than the API's own JSON may.
 */
function jsonText(bytes: Uint8Array): string | undefined {
  const scanner = new JsonScanner(bytes);
  try {
    const text = scanner.text();
    scanner.finish();
    return Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('utf8');
  } catch (error) {
    if (error instanceof JsonTextError) return undefined;
    throw error;
  }
}
