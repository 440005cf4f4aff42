/** Batches that `encodeBatch` would never write, with a right CRC, to see them refused for what is wrong with them. */
import { concatBytes, dataView } from '../../../lib/kernel/bytes.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { FIELD } from '../../../lib/log/record-batch/header.ts';
import { writeVarint, writeVarlong } from '../../../lib/log/record-batch/varint.ts';

export const TIME = 1_767_225_600_000;

export interface RawFields {
  length?: number;
  magic?: number;
  attributes?: number;
  lastOffsetDelta?: number;
  baseTimestamp?: bigint;
  maxTimestamp?: bigint;
  producerId?: bigint;
  producerEpoch?: number;
  baseSequence?: number;
  recordCount?: number;
  baseOffset?: bigint;
}

/** `payload` behind a header of one record at `TIME`, except where `fields` say otherwise. */
export function rawBatch(payload: Uint8Array, fields: RawFields = {}): Uint8Array {
  const model = encodeBatch([{ timestamp: TIME, key: null, value: null, headers: [] }]);
  const batch = concatBytes([model.subarray(0, 61), payload]);
  const view = dataView(batch);
  view.setInt32(FIELD.length, batch.length - 12);
  if (fields.baseOffset !== undefined) view.setBigInt64(FIELD.baseOffset, fields.baseOffset);
  if (fields.magic !== undefined) view.setInt8(FIELD.magic, fields.magic);
  if (fields.attributes !== undefined) view.setUint16(FIELD.attributes, fields.attributes);
  if (fields.lastOffsetDelta !== undefined) view.setInt32(FIELD.lastOffsetDelta, fields.lastOffsetDelta);
  if (fields.baseTimestamp !== undefined) view.setBigInt64(FIELD.baseTimestamp, fields.baseTimestamp);
  if (fields.maxTimestamp !== undefined) view.setBigInt64(FIELD.maxTimestamp, fields.maxTimestamp);
  if (fields.producerId !== undefined) view.setBigInt64(FIELD.producerId, fields.producerId);
  if (fields.producerEpoch !== undefined) view.setInt16(FIELD.producerEpoch, fields.producerEpoch);
  if (fields.baseSequence !== undefined) view.setInt32(FIELD.baseSequence, fields.baseSequence);
  if (fields.recordCount !== undefined) view.setInt32(FIELD.recordCount, fields.recordCount);
  seal(batch);
  if (fields.length !== undefined) view.setInt32(FIELD.length, fields.length);
  return batch;
}

/** Makes the CRC of a lone batch right again. */
export function seal(batch: Uint8Array): Uint8Array {
  dataView(batch).setUint32(FIELD.crc, crc32c(batch, FIELD.attributes));
  return batch;
}

export interface RawRecord {
  length?: number;
  attributes?: number;
  timestampDelta?: number;
  offsetDelta?: number;
  keyLength?: number;
  key?: Uint8Array;
  valueLength?: number;
  value?: Uint8Array;
  headerCount?: number;
  headers?: Uint8Array;
}

/** One record, "k" = "v" at delta 0 unless `fields` say otherwise; lengths follow from the bytes unless given. */
export function rawRecord(fields: RawRecord = {}): Uint8Array {
  const key = fields.key ?? Uint8Array.of(0x6b);
  const value = fields.value ?? Uint8Array.of(0x76);
  const body = concatBytes([
    Uint8Array.of(fields.attributes ?? 0),
    varlong(fields.timestampDelta ?? 0),
    varint(fields.offsetDelta ?? 0),
    varint(fields.keyLength ?? key.length),
    key,
    varint(fields.valueLength ?? value.length),
    value,
    varint(fields.headerCount ?? 0),
    fields.headers ?? new Uint8Array(0),
  ]);
  return concatBytes([varint(fields.length ?? body.length), body]);
}

export function varint(value: number): Uint8Array {
  const target = new Uint8Array(5);
  return target.slice(0, writeVarint(target, 0, value));
}

export function varlong(value: number): Uint8Array {
  const target = new Uint8Array(10);
  return target.slice(0, writeVarlong(target, 0, value));
}

/** What `action` throws, as "CODE: sentence"; anything but a MillraceError fails the test, as does success. */
export function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof MillraceError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('it was not refused');
}

/** True where `action` succeeds, false where it is refused with a reason; anything else fails the test. */
export function accepted(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (error instanceof MillraceError && error.message.length > 0) return false;
    throw error;
  }
}

/** Copies of `bytes`, each with one bit flipped: every bit there is, or one in every byte. */
export function* bitFlips(bytes: Uint8Array, where: 'every bit' | 'every byte' = 'every bit'): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) {
    const bits = where === 'every bit' ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8];
    for (const bit of bits) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << bit);
      yield flipped;
    }
  }
}

/** How many of `inputs` are refused with a reason; the others are accepted, and anything else fails the test. */
export function countRefused(inputs: Iterable<Uint8Array>, action: (input: Uint8Array) => unknown): number {
  let refused = 0;
  for (const input of inputs) if (!accepted(() => action(input))) refused++;
  return refused;
}
