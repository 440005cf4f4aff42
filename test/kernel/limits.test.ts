import { describe, expect, it } from 'vitest';
import { limits } from '../../lib/kernel/limits.ts';

describe('limits', () => {
  it.each(Object.entries(limits))('%s is a positive safe integer', (_, value) => {
    expect(Number.isSafeInteger(value)).toBe(true);
    expect(value).toBeGreaterThan(0);
  });

  it('fit each other', () => {
    // A seal begins well before the tail is full.
    expect(limits.tailEntriesSeal).toBeLessThanOrEqual(limits.tailEntriesMax / 2);
    // One request always fits a flush, and a flush what may wait.
    expect(limits.requestBodyBytesMax).toBeLessThanOrEqual(limits.flushBytesMax);
    expect(limits.flushBytesMax).toBeLessThanOrEqual(limits.pendingBytesMax);
    expect(limits.messageBytesMax).toBeLessThanOrEqual(limits.requestBodyBytesMax);
    // A part's number is a byte, a slot's bit one of 16.
    expect(limits.partsPerObjectMax).toBeLessThanOrEqual(256);
    expect(limits.partitionsPerLedgerMax).toBeLessThanOrEqual(16);
    // Two puts that hang end a produce request, and not long after its time.
    expect(2 * limits.objectCallMsMax).toBeGreaterThan(limits.produceDeadlineMs);
    expect(2 * limits.objectCallMsMax).toBeLessThan(1.1 * limits.produceDeadlineMs);
    // An orphan's writer has given up long before its object counts as one.
    expect(limits.orphanAgeMs).toBeGreaterThan(10 * limits.produceDeadlineMs);
  });
});
