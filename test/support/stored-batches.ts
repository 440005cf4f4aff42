/** Record batches as merged segments hold them: with base offset and leader epoch in place. */
import * as fc from 'fast-check';
import { readBatchHeader } from '../../lib/log/record-batch/header.ts';
import { rawBatch } from '../log/record-batch/raw-batch.ts';

export interface StoredBatch {
  bytes: Uint8Array;
  base: number;
  /** One past its last offset. */
  end: number;
  records: number;
  /** −1 where its records carry none. */
  newestMs: number;
  oldestMs: number;
  horizonMs?: number;
}

const DELETE_HORIZON = 0x40;
const LOG_APPEND_TIME = 0x08;

const shape = fc.record({
  gap: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 1_000_000 }) }),
  span: fc.integer({ min: 1, max: 500 }),
  removed: fc.nat({ max: 3 }),
  payloadBytes: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 50_000 }), fc.constantFrom(65_536 - 61, 140_000)),
  fill: fc.nat({ max: 255 }),
  baseMs: fc.integer({ min: -1, max: 100_000 }),
  laterMs: fc.nat({ max: 1_000 }),
  kind: fc.constantFrom(0, 0, 0, DELETE_HORIZON, LOG_APPEND_TIME),
});

type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;

/** Batches from an offset on, in the order of their offsets, with gaps as compaction leaves them. */
export const storedBatches: fc.Arbitrary<{ from: number; batches: StoredBatch[] }> = fc
  .tuple(fc.oneof(fc.constant(0), fc.nat({ max: 2 ** 40 })), fc.array(shape, { maxLength: 25 }))
  .map(([from, shapes]) => {
    let next = from;
    const batches: StoredBatch[] = [];
    for (const each of shapes) {
      const batch = storedBatch(next + each.gap, each);
      next = batch.end;
      batches.push(batch);
    }
    return { from, batches };
  });

function storedBatch(base: number, { span, removed, payloadBytes, fill, baseMs, laterMs, kind }: Shape): StoredBatch {
  const records = Math.max(1, span - removed);
  const newestMs = baseMs + laterMs;
  const bytes = rawBatch(new Uint8Array(payloadBytes).fill(fill), {
    attributes: kind,
    baseOffset: BigInt(base),
    lastOffsetDelta: span - 1,
    recordCount: records,
    baseTimestamp: BigInt(baseMs),
    maxTimestamp: BigInt(newestMs),
  });
  const { deleteHorizon, timestampType } = readBatchHeader(bytes);
  const known = !deleteHorizon && timestampType === 'CreateTime' && baseMs >= 0;
  return {
    bytes,
    base,
    end: base + span,
    records,
    newestMs,
    oldestMs: known ? baseMs : newestMs,
    ...(deleteHorizon && baseMs >= 0 && { horizonMs: baseMs }),
  };
}
