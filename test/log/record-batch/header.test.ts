import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import {
  batchChecksum,
  batchHeaders,
  checkBatchChecksum,
  patchBatch,
  readBatchHeader,
  setLogAppendTime,
  storedChecksum,
} from '../../../lib/log/record-batch/header.ts';
import { newRecords } from './arbitraries.ts';
import { rawBatch, rawRecord, refusal, TIME } from './raw-batch.ts';
import { vector, vectors } from './vectors.ts';

describe('readBatchHeader', () => {
  test.each(vectors.map((made) => [made.name, made] as const))('reads what Java wrote: %s', (_, made) => {
    expect(readBatchHeader(made.bytes)).toEqual(made.header);
    expect(batchChecksum(made.bytes)).toBe(made.header.crc);
  });

  test('reads a header whose records are not there yet', () => {
    const { bytes, header } = vector('300 records');
    expect(readBatchHeader(bytes.subarray(0, 61))).toEqual(header);
  });

  test('names the position of a batch behind another', () => {
    const { bytes } = vector('one record, none');
    const second = rawBatch(rawRecord(), { magic: 1 });
    expect(refusal(() => [...batchHeaders(concatBytes([bytes, second]))])).toContain('at byte 76');
  });

  test('reads every field that was written', () => {
    const fields = fc.record({
      baseOffset: fc.maxSafeNat().map((offset) => Math.min(offset, Number.MAX_SAFE_INTEGER - 10)),
      leaderEpoch: fc.integer(),
      producerId: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      producerEpoch: fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }),
      baseSequence: fc.integer(),
      transactional: fc.boolean(),
      timestampType: fc.constantFrom('CreateTime' as const, 'LogAppendTime' as const),
    });
    const times = fc.array(fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fields, times, (options, timestamps) => {
        const batch = encodeBatch(
          timestamps.map((timestamp) => ({ timestamp, key: null, value: null, headers: [] })),
          options,
        );
        expect(readBatchHeader(concatBytes([new Uint8Array(3), batch]), 3)).toMatchObject({
          ...options,
          position: 3,
          sizeBytes: batch.length,
          magic: 2,
          compression: 'none',
          control: false,
          deleteHorizon: false,
          lastOffsetDelta: timestamps.length - 1,
          recordCount: timestamps.length,
          baseTimestamp: timestamps[0],
          maxTimestamp: Math.max(...timestamps),
        });
      }),
    );
  });

  const one = rawRecord();
  test.each([
    ['nothing', new Uint8Array(0), 'CORRUPT_MESSAGE: The record batch at byte 0: 0 bytes are left'],
    ['16 bytes', new Uint8Array(16), 'CORRUPT_MESSAGE: The record batch at byte 0: 16 bytes are left'],
    ['half a header', rawBatch(one).subarray(0, 60), 'CORRUPT_MESSAGE: The record batch at byte 0: its header has 61'],
    [
      'magic 0',
      rawBatch(one, { magic: 0 }),
      'UNSUPPORTED_FOR_MESSAGE_FORMAT: .* version 0 is not supported, only version 2',
    ],
    [
      'magic 1',
      rawBatch(one, { magic: 1 }),
      'UNSUPPORTED_FOR_MESSAGE_FORMAT: .* version 1 is not supported, only version 2',
    ],
    ['magic 3', rawBatch(one, { magic: 3 }), 'CORRUPT_MESSAGE: .* magic byte is 3, it must be 2'],
    ['magic -1', rawBatch(one, { magic: -1 }), 'CORRUPT_MESSAGE: .* magic byte is 255, it must be 2'],
    ['a length of 48', rawBatch(one, { length: 48 }), 'CORRUPT_MESSAGE: .* length field is 48, it must be at least 49'],
    ['a negative length', rawBatch(one, { length: -1 }), 'CORRUPT_MESSAGE: .* length field is -1'],
    [
      'compression 5',
      rawBatch(one, { attributes: 5 }),
      'UNSUPPORTED_COMPRESSION_TYPE: .* type 5 is not one of 0 none, 1 gzip',
    ],
    ['compression 7', rawBatch(one, { attributes: 7 }), 'UNSUPPORTED_COMPRESSION_TYPE'],
    [
      'attribute bit 7',
      rawBatch(one, { attributes: 0x80 }),
      'INVALID_RECORD: .* attributes are 0x0080, bits 7 to 15 must be 0',
    ],
    ['attribute bit 15', rawBatch(one, { attributes: 0x8000 }), 'INVALID_RECORD: .* attributes are 0x8000'],
    ['a base offset below 0', rawBatch(one, { baseOffset: -1n }), 'CORRUPT_MESSAGE: .* base offset'],
    ['a base offset of 2^53', rawBatch(one, { baseOffset: 2n ** 53n }), 'CORRUPT_MESSAGE: .* base offset'],
    [
      'a last offset of 2^53',
      rawBatch(one, { baseOffset: 2n ** 53n - 1n, lastOffsetDelta: 1 }),
      'CORRUPT_MESSAGE: .* base offset',
    ],
    ['a last offset delta below 0', rawBatch(one, { lastOffsetDelta: -1 }), 'INVALID_RECORD: .* delta is -1'],
    ['a record count below 0', rawBatch(one, { recordCount: -1 }), 'INVALID_RECORD: .* record count is -1'],
    ['more records than offsets', rawBatch(one, { recordCount: 2 }), 'INVALID_RECORD: .* record count is 2'],
    ['a base timestamp of -2', rawBatch(one, { baseTimestamp: -2n }), 'INVALID_TIMESTAMP: .* base timestamp'],
    ['a base timestamp of 2^53', rawBatch(one, { baseTimestamp: 2n ** 53n }), 'INVALID_TIMESTAMP: .* base timestamp'],
    [
      'a max timestamp of 2^63 - 1',
      rawBatch(one, { maxTimestamp: 2n ** 63n - 1n }),
      'INVALID_TIMESTAMP: .* max timestamp',
    ],
  ])('refuses %s', (_, bytes, reason) => {
    expect(refusal(() => readBatchHeader(bytes))).toMatch(new RegExp(`^${reason}`));
  });
});

describe('batchHeaders', () => {
  test('goes through concatenated batches', () => {
    const all = [...batchHeaders(concatBytes(vectors.map(({ bytes }) => bytes)))];
    expect(all.map((header) => ({ ...header, position: 0 }))).toEqual(vectors.map(({ header }) => header));
    let position = 0;
    for (const header of all) {
      expect(header.position).toBe(position);
      position += header.sizeBytes;
    }
  });

  test('gives none for no bytes', () => {
    expect([...batchHeaders(new Uint8Array(0))]).toEqual([]);
  });

  test('refuses a last batch that is cut off, at whichever byte', () => {
    const { bytes } = vector('one record, none');
    for (let cut = 1; cut < bytes.length; cut++) {
      const headers = batchHeaders(concatBytes([bytes, bytes.subarray(0, cut)]));
      expect(headers.next().done).toBe(false);
      expect(refusal(() => headers.next())).toMatch(/^CORRUPT_MESSAGE: The record batch at byte 76: /);
    }
  });
});

describe('patchBatch', () => {
  test('sets base offset and leader epoch and leaves the CRC right', () => {
    const { bytes, header } = vector('a mix, none');
    const shifted = concatBytes([new Uint8Array(5), bytes]);
    patchBatch(shifted, 5, { baseOffset: 2 ** 52 + 1, leaderEpoch: 9 });
    expect(readBatchHeader(shifted, 5)).toEqual({ ...header, position: 5, baseOffset: 2 ** 52 + 1, leaderEpoch: 9 });
    checkBatchChecksum(shifted, 5);
    expect(shifted.subarray(21)).toEqual(concatBytes([new Uint8Array(5), bytes]).subarray(21));
  });
});

describe('setLogAppendTime', () => {
  test('makes of a produced batch byte for byte what a Kafka broker makes of it', () => {
    const made = vector('made log append time by the broker');
    // The same gzip stream, as the producer sent it.
    const produced = rawBatch(made.bytes.subarray(61), {
      attributes: 1,
      lastOffsetDelta: 1,
      recordCount: 2,
      maxTimestamp: BigInt(TIME + 1),
    });
    setLogAppendTime(produced, 0, TIME + 5000);
    patchBatch(produced, 0, { baseOffset: 1000, leaderEpoch: 12 });
    expect(produced).toEqual(made.bytes);
  });

  test('touches one batch of several', () => {
    const { bytes } = vector('one record, none');
    const batches = concatBytes([bytes, bytes, bytes]);
    setLogAppendTime(batches, bytes.length, TIME + 1);
    const headers = [...batchHeaders(batches)];
    for (const { position } of headers) checkBatchChecksum(batches, position);
    expect(headers.map(({ timestampType }) => timestampType)).toEqual(['CreateTime', 'LogAppendTime', 'CreateTime']);
    expect(headers.map(({ maxTimestamp }) => maxTimestamp)).toEqual([TIME, TIME + 1, TIME]);
  });
});

describe('checkBatchChecksum', () => {
  test('tells the stored from the computed', () => {
    const { bytes, header } = vector('one record, none');
    bytes[75] = (bytes[75] as number) ^ 1;
    expect(refusal(() => checkBatchChecksum(bytes))).toMatch(`its checksum is ${header.crc}, its bytes have`);
  });
});

describe('storedChecksum', () => {
  test('is the checksum of the whole batch, wherever it lies in a chunk', () => {
    fc.assert(
      fc.property(fc.array(newRecords, { minLength: 1, maxLength: 3 }), (batches) => {
        const chunk = concatBytes(batches.map((records) => encodeBatch(records)));
        for (const header of batchHeaders(chunk)) {
          const end = header.position + header.sizeBytes;
          expect(storedChecksum(chunk, header)).toBe(crc32c(chunk, header.position, end));
        }
      }),
    );
  });
});
