/** The bodies that the load is made of. The same seed makes the same bytes. */

import { type Random, randomBelow, seededRandom } from '../lib/kernel/random.ts';
import { encodeBatch } from '../lib/log/record-batch/encode.ts';
import type { NewRecord } from '../lib/log/record-batch/record.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

export function text(random: Random, length: number): string {
  let letters = '';
  while (letters.length < length) letters += LETTERS[randomBelow(random, LETTERS.length)];
  return letters;
}

export type ValueKind = 'text' | 'object';

export interface JsonBody {
  records: number;
  /** Of a record's value as it is stored. */
  valueBytes: number;
  valueKind: ValueKind;
  /** With a key of its own for every record, or without any. */
  keyed: boolean;
  seed: number;
}

/** A produce request in JSON. */
export function jsonBody({ records, valueBytes, valueKind, keyed, seed }: JsonBody): string {
  const random = seededRandom(seed);
  return JSON.stringify({
    records: Array.from({ length: records }, () => ({
      ...(keyed && { key: text(random, 16) }),
      value: valueKind === 'text' ? text(random, valueBytes) : event(random, valueBytes),
    })),
  });
}

/** An object like those that applications send, whose JSON text has this many bytes. */
function event(random: Random, bytes: number): object {
  const base = {
    id: text(random, 22),
    type: 'order.updated',
    at: 1_767_225_600_000 + randomBelow(random, 1_000_000),
    customer: { id: randomBelow(random, 1_000_000), name: text(random, 18), active: true, score: random.fraction() },
    lines: Array.from({ length: 6 }, () => ({
      sku: text(random, 10),
      quantity: 1 + randomBelow(random, 20),
      price: randomBelow(random, 100_000) / 100,
      note: null,
    })),
    text: '',
  };
  return { ...base, text: text(random, bytes - JSON.stringify(base).length) };
}

/** One uncompressed record batch of exactly this many bytes, of records of about 1 KiB. */
export function rawBatch(bytes: number, records: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const timestamp = Date.now();
  const record = (valueBytes: number): NewRecord => ({
    timestamp,
    key: null,
    value: new TextEncoder().encode(text(random, valueBytes)),
    headers: [],
  });
  const valueBytes = Math.floor(bytes / records) - 12;
  const drafts = Array.from({ length: records - 1 }, () => record(valueBytes));
  const missing = bytes - encodeBatch([...drafts, record(valueBytes)]).length;
  // The length of the last value's own varint does not change by so little.
  return encodeBatch([...drafts, record(valueBytes + missing)]);
}
