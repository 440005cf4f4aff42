import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { concatBytes } from '../../../lib/kernel/bytes.ts';
import { COMPRESSION_TYPES } from '../../../lib/log/record-batch/compression.ts';
import { decodeBatch } from '../../../lib/log/record-batch/decode.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { type BatchHeader, readBatchHeader, setLogAppendTime } from '../../../lib/log/record-batch/header.ts';
import type { LogRecord } from '../../../lib/log/record-batch/record.ts';
import { type RecordFilter, type Rewrite, rewriteBatch } from '../../../lib/log/record-batch/rewrite.ts';
import { newRecords } from './arbitraries.ts';
import { rawBatch } from './raw-batch.ts';

const KEPT: RecordFilter = { keeps: () => true };

/** Of each record, whether it is kept; beyond the list all are. */
function byIndex(kept: readonly boolean[]): RecordFilter {
  return { keeps: ({ index }) => kept[index] ?? true };
}

function rewrite(bytes: Uint8Array, filter: RecordFilter, position = 0): Rewrite {
  return rewriteBatch(bytes, readBatchHeader(bytes, position), nodeCompression, filter);
}

function rewritten(outcome: Rewrite): Uint8Array {
  if (outcome.kind !== 'rewritten') throw new Error(`it is ${outcome.kind}`);
  return outcome.batch;
}

function decoded(batch: Uint8Array): LogRecord[] {
  return decodeBatch(batch, 0, nodeCompression);
}

/** What a rewritten batch has in common with the one it was. */
function identity(header: BatchHeader) {
  const { baseOffset, lastOffsetDelta, leaderEpoch, compression, timestampType, transactional } = header;
  const { producerId, producerEpoch, baseSequence } = header;
  const place = { baseOffset, lastOffsetDelta, leaderEpoch };
  return { ...place, compression, timestampType, transactional, producerId, producerEpoch, baseSequence };
}

const someBatch = fc
  .record({
    records: newRecords,
    codec: fc.constantFrom(...COMPRESSION_TYPES),
    baseOffset: fc.nat(),
    logAppendTime: fc.option(fc.nat()),
    transactional: fc.boolean(),
  })
  .map(({ records, codec, baseOffset, logAppendTime, transactional }) => {
    const batch = encodeBatch(records, {
      compressionType: codec,
      compression: nodeCompression,
      baseOffset,
      leaderEpoch: 9,
      producerId: 2n ** 40n,
      producerEpoch: 5,
      baseSequence: 123,
      transactional,
    });
    if (logAppendTime !== null) setLogAppendTime(batch, 0, logAppendTime);
    return batch;
  });

/** The newest time of `left`, or of the whole batch where it has one time. */
function maxTimestampOf(left: readonly LogRecord[], { timestampType, maxTimestamp }: BatchHeader): number {
  return timestampType === 'LogAppendTime' ? maxTimestamp : Math.max(...left.map(({ timestamp }) => timestamp));
}

const partsOfBatches = fc.tuple(someBatch, fc.array(fc.boolean(), { maxLength: 80 })).map(([batch, kept]) => {
  const records = decoded(batch);
  return { batch, kept, records, left: records.filter((_, index) => kept[index] ?? true) };
});

test('leaves the kept records of any batch as they were, and what else it is known by', () => {
  const parts = partsOfBatches.filter(({ records, left }) => left.length > 0 && left.length < records.length);
  fc.assert(
    fc.property(parts, ({ batch, kept, records, left }) => {
      const original = batch.slice();
      const outcome = rewrite(batch, byIndex(kept));
      expect(batch).toEqual(original);
      expect(outcome).toMatchObject({ kind: 'rewritten', removed: records.length - left.length });
      const result = rewritten(outcome);
      expect(decoded(result)).toEqual(left);
      const [before, after] = [readBatchHeader(batch), readBatchHeader(result)];
      expect(identity(after)).toEqual(identity(before));
      expect(after.baseTimestamp).toBe(before.baseTimestamp);
      expect(after.maxTimestamp).toBe(maxTimestampOf(left, before));
    }),
  );
});

test('says so of a batch that keeps all of its records, and of one that keeps none', () => {
  fc.assert(
    fc.property(someBatch, (batch) => {
      const none: RecordFilter = { keeps: () => false, deleteHorizonMs: () => 1 };
      expect(rewrite(batch, KEPT)).toEqual({ kind: 'unchanged' });
      expect(rewrite(batch, none)).toEqual({ kind: 'gone', removed: decoded(batch).length });
    }),
  );
});

test('sets any delete horizon on a batch that keeps tombstones, without changing a record’s own time', () => {
  const horizons = fc.oneof(fc.nat(), fc.constantFrom(0, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());
  const parts = partsOfBatches.filter(({ left }) => left.length > 1 && left.some(({ value }) => value === null));
  fc.assert(
    fc.property(parts, horizons, ({ batch, kept, left }, horizonMs) => {
      const result = rewritten(rewrite(batch, { ...byIndex(kept), deleteHorizonMs: () => horizonMs }));
      expect(decoded(result)).toEqual(left);
      const [before, after] = [readBatchHeader(batch), readBatchHeader(result)];
      expect(after).toMatchObject({ deleteHorizon: true, baseTimestamp: horizonMs });
      expect(after.maxTimestamp).toBe(maxTimestampOf(left, before));
      expect(identity(after)).toEqual(identity(before));
      // What was rewritten once can be again, and its horizon stays.
      expect(rewrite(result, { ...KEPT, deleteHorizonMs: () => 1 })).toEqual({ kind: 'unchanged' });
      const more = rewritten(
        rewrite(concatBytes([result, result]), { keeps: ({ index }) => index > 0 }, result.length),
      );
      expect(decoded(more)).toEqual(left.slice(1));
    }),
  );
});

test('sets none on a batch that keeps no tombstone', () => {
  const parts = partsOfBatches.filter(({ left }) => left.length > 0 && left.every(({ value }) => value !== null));
  fc.assert(
    fc.property(parts, ({ batch, kept }) => {
      const withHorizon = rewrite(batch, { ...byIndex(kept), deleteHorizonMs: () => 1 });
      expect(withHorizon).toEqual(rewrite(batch, byIndex(kept)));
    }),
  );
});

test('rewrites a batch in the midst of others', () => {
  const record = { key: null, value: Uint8Array.of(1), timestamp: 7, headers: [] };
  const [first, second] = [encodeBatch([record]), encodeBatch([record, record, record], { baseOffset: 1 })];
  const bytes = concatBytes([first, second, first]);
  const batch = rewritten(rewrite(bytes, byIndex([true, false]), first.length));
  expect(batch).toEqual(rewritten(rewrite(second, byIndex([true, false]))));
  expect(decoded(batch).map(({ offset }) => offset)).toEqual([1, 3]);
});

test('finds nothing left of an empty batch', () => {
  expect(rewrite(rawBatch(new Uint8Array(0), { recordCount: 0 }), KEPT)).toEqual({ kind: 'gone', removed: 0 });
});

test('refuses a batch whose checksum is wrong, also where every record would be kept', () => {
  const batch = encodeBatch([{ key: null, value: Uint8Array.of(1, 2, 3), timestamp: 7, headers: [] }]);
  batch[batch.length - 2] = 9;
  expect(() => rewrite(batch, KEPT)).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }));
});
