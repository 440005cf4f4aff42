/** From a line of input to a record. */
import type { ProducerRecord } from '../../client/producer/record.ts';
import { utf8Text } from '../../kernel/bytes.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { BadLine } from './bad-line.ts';
import { decoded } from './base64.ts';
import { parseJsonLine } from './json-line.ts';

export const FORMATS = ['text', 'json', 'base64'] as const;

export type LineRecord = ProducerRecord<Uint8Array, Uint8Array>;

export interface LineOptions {
  format: (typeof FORMATS)[number];
  /** What ends the key; without it a line is all value. */
  keySeparator?: Uint8Array;
  /** Empty keys and values become null. */
  emptyIsNull: boolean;
  /** Of every record, whatever a JSON line says. */
  partition?: number;
  /** Of every record; those of a JSON line follow. */
  headers: { key: string; value: string }[];
}

/** Throws `BadLine`. */
export function parseLine(line: Uint8Array, options: LineOptions): LineRecord {
  const { format, partition, headers, emptyIsNull } = options;
  if (format === 'json') {
    const record = parseJsonLine(line);
    const all = [...headers, ...record.headers];
    if (all.length > requestLimits.headersPerRecordMax) {
      throw new BadLine(`has ${all.length} headers, more than ${requestLimits.headersPerRecordMax}`);
    }
    return { ...record, partition: partition ?? record.partition, headers: all };
  }
  const { key, value } = split(line, options.keySeparator);
  const content = (bytes: Uint8Array | null, name: string) => {
    if (bytes === null || (emptyIsNull && bytes.length === 0)) return null;
    return format === 'base64' ? decoded(bytes, name) : bytes;
  };
  return { key: content(key, 'key'), value: content(value, 'value'), partition, headers };
}

function split(line: Uint8Array, separator: Uint8Array | undefined): { key: Uint8Array | null; value: Uint8Array } {
  if (separator === undefined) return { key: null, value: line };
  const buffer = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  const at = buffer.indexOf(separator);
  if (at < 0) throw new BadLine(`has no "${utf8Text(separator) ?? ''}" between key and value`);
  return { key: line.subarray(0, at), value: line.subarray(at + separator.length) };
}
