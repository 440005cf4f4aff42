import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { AssertionError } from '../../../lib/kernel/assert.ts';
import { COMPRESSION_TYPES } from '../../../lib/log/record-batch/compression.ts';
import { decodeBatch } from '../../../lib/log/record-batch/decode.ts';
import { encodeBatch, encodeBatches } from '../../../lib/log/record-batch/encode.ts';
import { checkBatchChecksum, readBatchHeader } from '../../../lib/log/record-batch/header.ts';
import { newRecords } from './arbitraries.ts';
import { refusal, TIME } from './raw-batch.ts';
import { vectors } from './vectors.ts';

const record = { timestamp: TIME, key: null, value: new Uint8Array(3), headers: [] };

/** What a producer can write: no control batches, nothing that compaction left. */
const produced = vectors.filter(({ header }) => !header.control && !header.deleteHorizon && header.recordCount > 0);
const uncompressed = produced.filter(({ header, name }) => header.compression === 'none' && name !== 'log append time');

describe('encodeBatches', () => {
  test('writes of each list what encodeBatch does', () => {
    const lists = fc.array(newRecords, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(lists, fc.constantFrom(...COMPRESSION_TYPES), (given, compressionType) => {
        const options = { compressionType, compression: nodeCompression };
        expect(encodeBatches(given, options)).toEqual(given.map((records) => encodeBatch(records, options)));
      }),
    );
  });
});

describe('encodeBatch', () => {
  test.each(uncompressed.map((made) => [made.name, made] as const))(
    'writes the bytes that Java wrote: %s',
    (_, made) => {
      const { baseOffset, leaderEpoch, producerId, producerEpoch, baseSequence, transactional } = made.header;
      const options = { baseOffset, leaderEpoch, producerId, producerEpoch, baseSequence, transactional };
      expect(encodeBatch(made.records, options)).toEqual(made.bytes);
    },
  );

  test.each(produced.map((made) => [made.name, made] as const))('writes the header that Java wrote: %s', (_, made) => {
    const options = { ...made.header, compressionType: made.header.compression, compression: nodeCompression };
    const header = readBatchHeader(encodeBatch(made.records, options));
    // Streams differ between implementations, base timestamps where Java took the time of its builder's start.
    const differing = { sizeBytes: 0, crc: 0, baseTimestamp: 0 };
    expect({ ...header, ...differing }).toEqual({ ...made.header, ...differing });
  });

  test('writes by default what a producer without idempotence does', () => {
    expect(readBatchHeader(encodeBatch([record, record]))).toMatchObject({
      baseOffset: 0,
      leaderEpoch: -1,
      compression: 'none',
      timestampType: 'CreateTime',
      transactional: false,
      producerId: -1n,
      producerEpoch: -1,
      baseSequence: -1,
    });
  });

  test('gives back any records through every compression', () => {
    fc.assert(
      fc.property(newRecords, fc.constantFrom(...COMPRESSION_TYPES), fc.nat(2 ** 31), (records, type, baseOffset) => {
        const batch = encodeBatch(records, { compressionType: type, compression: nodeCompression, baseOffset });
        checkBatchChecksum(batch);
        expect(readBatchHeader(batch).compression).toBe(type);
        expect(decodeBatch(batch, 0, nodeCompression)).toEqual(
          records.map((made, index) => ({ ...made, offset: baseOffset + index })),
        );
      }),
      { numRuns: 200 },
    );
  });

  test('writes the same bytes from views into larger buffers, and does not change them', () => {
    const shared = Buffer.from('..key..value..');
    const views = { timestamp: TIME, key: shared.subarray(2, 5), value: shared.subarray(7, 12), headers: [] };
    const copies = { ...views, key: Uint8Array.from(views.key), value: Uint8Array.from(views.value) };
    expect(encodeBatch([views])).toEqual(encodeBatch([copies]));
    expect(shared.toString()).toBe('..key..value..');
  });

  test('writes an unpaired surrogate in a header key as U+FFFD, as all of UTF-8 does', () => {
    const batch = encodeBatch([{ ...record, headers: [{ key: 'a\ud800b', value: null }] }]);
    expect(decodeBatch(batch, 0, nodeCompression)[0]?.headers).toEqual([{ key: 'a\ufffdb', value: null }]);
  });

  test('refuses to compress without a codec, by name', () => {
    expect(refusal(() => encodeBatch([record], { compressionType: 'zstd' }))).toBe(
      'UNSUPPORTED_COMPRESSION_TYPE: No codec for zstd was given.',
    );
  });

  test.each([
    ['no records', []],
    ['a timestamp of -2', [{ ...record, timestamp: -2 }]],
    ['a timestamp beyond 2^53', [record, { ...record, timestamp: 2 ** 53 }]],
    ['a timestamp that is no integer', [{ ...record, timestamp: 1.5 }]],
    ['a timestamp that is no number', [{ ...record, timestamp: Number.NaN }]],
  ])('holds %s for a bug of its caller', (_, records) => {
    expect(() => encodeBatch(records)).toThrow(AssertionError);
  });
});
