/** Batches that Kafka's Java client made (how: makers/Vectors.java), with what it reads in them. */
import type { BatchHeader } from '../../../lib/log/record-batch/header.ts';
import type { LogRecord } from '../../../lib/log/record-batch/record.ts';
import json from './vectors.json' with { type: 'json' };

export interface Vector {
  name: string;
  header: BatchHeader;
  records: LogRecord[];
  bytes: Uint8Array;
}

type BytesText = string | null | { lines: number } | { noise: number };

interface VectorText {
  name: string;
  header: Omit<BatchHeader, 'producerId' | 'position'> & { producerId: string };
  records: {
    offset: number;
    timestamp: number;
    key: BytesText;
    value: BytesText;
    headers: [string, BytesText][];
  }[];
  bytes: string;
}

export const vectors: Vector[] = (json.batches as unknown as VectorText[]).map((text) => ({
  name: text.name,
  header: { ...text.header, position: 0, producerId: BigInt(text.header.producerId) },
  records: text.records.map((record) => ({
    offset: record.offset,
    timestamp: record.timestamp,
    key: bytesOf(record.key),
    value: bytesOf(record.value),
    headers: record.headers.map(([key, value]) => ({ key, value: bytesOf(value) })),
  })),
  bytes: new Uint8Array(Buffer.from(text.bytes, 'base64')),
}));

export function vector(name: string): Vector {
  const found = vectors.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`there is no vector "${name}"`);
  return { ...found, bytes: found.bytes.slice() };
}

function bytesOf(text: BytesText): Uint8Array | null {
  if (text === null) return null;
  if (typeof text === 'string') return new Uint8Array(Buffer.from(text, 'base64'));
  return 'lines' in text ? lines(text.lines) : noise(text.noise);
}

/** As in Vectors.java: bytes that compress well. */
export function lines(count: number): Uint8Array {
  let text = '';
  for (let index = 0; index < count; index++) text += `line ${index} of a value\n`;
  return new TextEncoder().encode(text);
}

/** As in Vectors.java: bytes that do not compress. */
export function noise(count: number): Uint8Array {
  let state = 1n;
  return Uint8Array.from({ length: count }, () => {
    state = (state * 1103515245n + 12345n) & 0x7fffffffn;
    return Number((state >> 16n) & 0xffn);
  });
}
