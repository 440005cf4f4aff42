import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CutInput, cutBatch, type QueuedRecord } from '../../../lib/coordination/triggers/batch.ts';

const nowMs = 1_000_000;
const trigger = { batchSize: 5, maxRecordAgeMs: -1, tumblingWindowMs: 0 };
const input: CutInput = { trigger, bound: undefined, bytesMax: 100, window: undefined, nowMs };

function queue(count: number, of: Partial<QueuedRecord> = {}): QueuedRecord[] {
  return Array.from({ length: count }, (_, offset) => ({ offset, timestamp: nowMs, eventBytes: 10, ...of }));
}

describe("a lane's first batch", () => {
  it('is nothing of nothing', () => {
    expect(cutBatch([], input)).toBeUndefined();
  });

  it('has what there is, and is full at its size', () => {
    expect(cutBatch(queue(4), input)).toEqual({ count: 4, isExpired: false, isFull: false });
    expect(cutBatch(queue(5), input)).toEqual({ count: 5, isExpired: false, isFull: true });
    expect(cutBatch(queue(9), input)).toEqual({ count: 5, isExpired: false, isFull: true });
  });

  it('has no more bytes than an event, but for one record', () => {
    expect(cutBatch(queue(4, { eventBytes: 40 }), input)).toMatchObject({ count: 2, isFull: true });
    expect(cutBatch(queue(4, { eventBytes: 400 }), input)).toMatchObject({ count: 1, isFull: true });
  });

  it('ends where halving has left an end', () => {
    expect(cutBatch(queue(4), { ...input, bound: 3 })).toMatchObject({ count: 3, isFull: true });
    expect(cutBatch(queue(3), { ...input, bound: 3 })).toMatchObject({ count: 3, isFull: true });
  });

  it('is either too old or not', () => {
    const aged = [...queue(2, { timestamp: 0 }), ...queue(2), ...queue(1, { timestamp: 0 })];
    const old = { ...input, trigger: { ...trigger, maxRecordAgeMs: 60_000 } };
    expect(cutBatch(aged, old)).toMatchObject({ count: 2, isExpired: true });
    expect(cutBatch(aged.slice(2), old)).toMatchObject({ count: 2, isExpired: false, isFull: true });
    expect(cutBatch(queue(1, { timestamp: -1 }), old)).toMatchObject({ isExpired: false });
  });

  it('is of one window, to which what is late belongs', () => {
    const times = [25_000, 12_000, 29_999, 30_000];
    const records = times.map((timestamp, offset) => ({ offset, timestamp, eventBytes: 1 }));
    const windowed = { ...input, trigger: { ...trigger, tumblingWindowMs: 10_000 } };
    const window = { startMs: 20_000, hasBegun: true };
    expect(cutBatch(records, { ...windowed, window })).toMatchObject({ count: 3, isFull: true });
  });

  it('is never empty, never longer than allowed, and always from the front', () => {
    const records = fc.array(
      fc.record({ timestamp: fc.integer({ min: -1, max: nowMs }), eventBytes: fc.integer({ min: 1, max: 60 }) }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(records, fc.option(fc.integer({ min: 1, max: 25 }), { nil: undefined }), (drawn, bound) => {
        const list = drawn.map((record, offset) => ({ offset, ...record }));
        const by = { batchSize: 5, maxRecordAgeMs: 500_000, tumblingWindowMs: 100_000 };
        const cut = cutBatch(list, { ...input, trigger: by, bound });
        const count = cut?.count ?? 0;
        expect(count).toBeGreaterThan(0);
        expect(count).toBeLessThanOrEqual(Math.min(5, list.length));
        const isWithin = bound === undefined || count === 1 || count <= bound;
        expect(isWithin).toBe(true);
        const bytes = list.slice(0, count).reduce((sum, { eventBytes }) => sum + eventBytes, 0);
        expect(count === 1 || cut?.isExpired === true || bytes <= 100).toBe(true);
      }),
    );
  });
});
