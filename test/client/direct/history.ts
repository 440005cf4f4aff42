/** A partition's history in memory: who plans it, and who gives its ranges, as the test says. */
import type { Plan, PlannedRange, Planner } from '../../../lib/client/direct/plan.ts';
import type { RangeReader } from '../../../lib/client/direct/range-reader.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { crc32c } from '../../../lib/kernel/crc32c.ts';
import { encodeBatch } from '../../../lib/log/record-batch/encode.ts';
import { patchBatch } from '../../../lib/log/record-batch/header.ts';

/** Above what makes a plan worth it. */
const RANGE_BYTES = 600_000;
export const RECORDS_PER_RANGE = 10;

/** A batch whose values are its offsets, padded to a size; its own base offset is 0, as a producer's. */
export function batchOf(baseOffset: number, records: number, bytes = 0): Uint8Array<ArrayBuffer> {
  const value = (index: number) => utf8(String(baseOffset + index).padEnd(Math.ceil(bytes / records)));
  const batch = encodeBatch(
    Array.from({ length: records }, (_, index) => ({ timestamp: 7, key: null, value: value(index), headers: [] })),
  );
  return new Uint8Array(batch);
}

export function absolute(batch: Uint8Array<ArrayBuffer>, baseOffset: number): Uint8Array<ArrayBuffer> {
  patchBatch(batch, 0, { baseOffset, leaderEpoch: 0 });
  return batch;
}

export function rangeOf(
  bytes: Uint8Array,
  span: { baseOffset: number; lastOffset: number },
  more: Partial<PlannedRange> = {},
): PlannedRange {
  const url = `https://bucket.test/${span.baseOffset}`;
  const common = { source: 'url' as const, url, headers: {}, bytes: bytes.length, crc32c: crc32c(bytes) };
  return { ...common, offsets: 'relative', ...span, ...more };
}

/** `ranges` ranges of one batch each, from offset 0 on. */
export class History {
  readonly stored: Uint8Array<ArrayBuffer>[];
  readonly plans: { topic: string; offset: number }[] = [];
  /** By the order of their requests. */
  readonly read: number[] = [];
  inFlight = 0;
  inFlightMost = 0;
  /** Ranges that one plan names. */
  rangesPerPlan = 4;
  /** What the n-th request of all for a range waits for, and what it then throws. */
  onRange: (range: number, request: number) => Promise<unknown> = () => Promise.resolve();
  onPlan: (offset: number, request: number) => unknown = () => undefined;

  constructor(ranges: number, rangeBytes = RANGE_BYTES) {
    this.stored = Array.from({ length: ranges }, (_, index) =>
      batchOf(index * RECORDS_PER_RANGE, RECORDS_PER_RANGE, rangeBytes),
    );
  }

  get end(): number {
    return this.stored.length * RECORDS_PER_RANGE;
  }

  readonly planner: Planner = async ({ topic, offset }) => {
    await Promise.resolve();
    const error = this.onPlan(offset, this.plans.push({ topic, offset }) - 1);
    if (error !== undefined) throw error as Error;
    const first = Math.floor(offset / RECORDS_PER_RANGE);
    const last = Math.min(first + this.rangesPerPlan, this.stored.length);
    const segments: Plan['segments'] = [];
    for (let range = first; range < last; range++) {
      const baseOffset = range * RECORDS_PER_RANGE;
      const lastOffset = baseOffset + RECORDS_PER_RANGE - 1;
      segments.push(rangeOf(this.stored[range] as Uint8Array, { baseOffset, lastOffset }));
    }
    return { segments, nextOffset: last * RECORDS_PER_RANGE };
  };

  readonly ranges: RangeReader = async ({ baseOffset }, signal) => {
    const range = baseOffset / RECORDS_PER_RANGE;
    this.inFlightMost = Math.max(this.inFlightMost, ++this.inFlight);
    try {
      await this.onRange(range, this.read.push(range) - 1);
      signal.throwIfAborted();
      return new Uint8Array(this.stored[range] as Uint8Array);
    } finally {
      this.inFlight--;
    }
  };
}
