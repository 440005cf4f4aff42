import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ledgerLimits } from '../../lib/kernel/limits/ledger.ts';
import { produceLimits } from '../../lib/kernel/limits/produce.ts';
import { requestLimits } from '../../lib/kernel/limits/requests.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { sweeperLimits } from '../../lib/kernel/limits/sweeper.ts';
import { topicLimits } from '../../lib/kernel/limits/topics.ts';

const folder = new URL('../../lib/kernel/limits/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.ts') && name !== 'sizes.ts');
const limits = await Promise.all(
  files.map(async (file) =>
    Object.values((await import(new URL(file, folder).href)) as Record<string, Record<string, number>>),
  ),
);
const named = limits.flat().flatMap((subject) => Object.entries(subject));

describe('limits', () => {
  it.each(named)('%s is a positive safe integer', (_, value) => {
    expect(Number.isSafeInteger(value)).toBe(true);
    expect(value).toBeGreaterThan(0);
  });

  it('have names of their own', () => {
    expect(named.length).toBeGreaterThan(300);
    expect(new Set(named.map(([name]) => name)).size).toBe(named.length);
  });

  it('fit each other', () => {
    // A seal begins well before the tail is full.
    expect(ledgerLimits.tailEntriesSeal).toBeLessThanOrEqual(ledgerLimits.tailEntriesMax / 2);
    // One request always fits a flush, and a flush what may wait.
    expect(requestLimits.requestBodyBytesMax).toBeLessThanOrEqual(produceLimits.flushBytesMax);
    expect(produceLimits.flushBytesMax).toBeLessThanOrEqual(produceLimits.pendingBytesMax);
    expect(topicLimits.messageBytesMax).toBeLessThanOrEqual(requestLimits.requestBodyBytesMax);
    // A part's number is a byte, a slot's bit one of 16.
    expect(produceLimits.partsPerObjectMax).toBeLessThanOrEqual(256);
    expect(topicLimits.partitionsPerLedgerMax).toBeLessThanOrEqual(16);
    // Two puts that hang end a produce request, and not long after its time.
    expect(2 * storageLimits.objectCallMsMax).toBeGreaterThan(produceLimits.produceDeadlineMs);
    expect(2 * storageLimits.objectCallMsMax).toBeLessThan(1.1 * produceLimits.produceDeadlineMs);
    // An orphan's writer has given up long before its object counts as one.
    expect(sweeperLimits.orphanAgeMs).toBeGreaterThan(10 * produceLimits.produceDeadlineMs);
  });
});
