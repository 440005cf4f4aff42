/** Consumed records as the dialect writes them. */
import { Buffer, isUtf8 } from 'node:buffer';
import type { PolledPartition } from '../../broker/groups/poll.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import type { LogRecord } from '../../log/record-batch/record.ts';
import { JsonScanner, JsonTextError } from '../json/scanner.ts';
import { DialectError } from './errors.ts';
import type { EmbeddedFormat } from './media-types.ts';

export interface RenderOptions {
  format: EmbeddedFormat;
  /** Of keys and values, where the client says so. */
  contentBytesMax: number | undefined;
}

/**
 * As many records as fit, in the order of their partitions, and how far that is in each. What cannot be delivered is
 * never passed over: before such a record the answer ends, and where it is the first one its reason is thrown, with the
 * record's place, past which the client may seek.
 */
export function renderPolled(
  partitions: readonly PolledPartition[],
  options: RenderOptions,
): { nextOffsets: number[]; answer: string } {
  const texts: string[] = [];
  const room = { content: options.contentBytesMax ?? Number.POSITIVE_INFINITY, bytes: requestLimits.fetchBytesMax };
  const nextOffsets: number[] = [];
  let full = false;
  for (const { topic, partition, records, offset, nextOffset } of partitions) {
    let next = full ? offset : nextOffset;
    for (const record of full ? [] : records) {
      const text = recordText(topic, partition, record, options.format);
      room.content -= (record.key?.length ?? 0) + (record.value?.length ?? 0);
      room.bytes -= text === undefined ? 0 : Buffer.byteLength(text) + 1;
      full = text === undefined || room.content < 0 || (room.bytes < 0 && texts.length > 0);
      if (text === undefined && texts.length === 0) throw notJson(topic, partition, record.offset);
      if (room.content < 0 && texts.length === 0) throw tooLarge(topic, partition, record.offset);
      if (full) {
        next = record.offset;
        break;
      }
      if (text !== undefined) texts.push(text);
    }
    nextOffsets.push(next);
  }
  return { nextOffsets, answer: `[${texts.join(',')}]` };
}

function recordText(topic: string, partition: number, record: LogRecord, format: EmbeddedFormat): string | undefined {
  const key = embedded(record.key, format);
  const value = embedded(record.value, format);
  if (key === undefined || value === undefined) return undefined;
  const headers = record.headers.map((header) =>
    JSON.stringify({ key: header.key, value: header.value === null ? null : base64(header.value) }),
  );
  const tail = headers.length === 0 ? '' : `,"headers":[${headers.join(',')}]`;
  const place = `"partition":${partition},"offset":${record.offset},"timestamp":${record.timestamp}`;
  return `{"topic":${JSON.stringify(topic)},"key":${key},"value":${value},${place}${tail}}`;
}

/** As JSON; `undefined` where the bytes are not what the format says. */
function embedded(bytes: Uint8Array | null, format: EmbeddedFormat): string | undefined {
  if (bytes === null) return 'null';
  switch (format) {
    case 'binary':
      return `"${base64(bytes)}"`;
    case 'text':
      return JSON.stringify(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
    case 'json':
      return jsonText(bytes);
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** The text as it is, so that no number loses digits. */
function jsonText(bytes: Uint8Array): string | undefined {
  const scanner = new JsonScanner(bytes);
  try {
    const text = scanner.text();
    scanner.finish();
    return isUtf8(text) ? Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('utf8') : undefined;
  } catch (error) {
    if (error instanceof JsonTextError) return undefined;
    throw error;
  }
}

function notJson(topic: string, partition: number, offset: number): DialectError {
  return new DialectError(
    406,
    `The record at offset ${offset} of ${topic} ${partition} is not JSON; seek to ${offset + 1} to go on after it.`,
  );
}

function tooLarge(topic: string, partition: number, offset: number): DialectError {
  return new DialectError(
    422,
    `The record at offset ${offset} of ${topic} ${partition} alone has more bytes than max_bytes allows.`,
  );
}
