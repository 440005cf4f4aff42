import * as fc from 'fast-check';
import type { Trigger } from '../../../lib/coordination/triggers/trigger.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import type { EventBatch, TriggerRecord } from '../../../lib/triggers/ports.ts';

export function sampleTrigger(parts: Partial<Trigger> = {}): Trigger {
  return {
    name: 'ship',
    topics: { names: ['orders'] },
    group: 'shipping',
    target: 'arn:aws:lambda:eu-central-1:123456789012:function:ship',
    startingPosition: { position: 'TRIM_HORIZON' },
    batchSize: 100,
    batchingWindowMs: 0,
    filters: [],
    bisectBatchOnError: false,
    retryAttempts: 2,
    maxRecordAgeMs: -1,
    reportBatchItemFailures: true,
    parallelizationFactor: 1,
    tumblingWindowMs: 0,
    eventShape: 'msk',
    timeoutMs: 60_000,
    enabled: true,
    ...parts,
  };
}

export function sampleRecord(parts: Partial<TriggerRecord> = {}): TriggerRecord {
  return {
    topic: 'orders',
    partition: 3,
    offset: 15,
    timestamp: 1_545_084_650_987,
    timestampType: 'CREATE_TIME',
    key: utf8('customer-7'),
    value: utf8('{"order":1}'),
    headers: [{ key: 'trace', value: Uint8Array.of(0, 9, 10, 99, 100, 255) }],
    ...parts,
  };
}

export function sampleBatch(parts: Partial<EventBatch> = {}): EventBatch {
  return { trigger: sampleTrigger(), topic: 'orders', partition: 3, records: [sampleRecord()], ...parts };
}

const bytes = fc.uint8Array({ maxLength: 40 });

export const arbitraryRecord: fc.Arbitrary<TriggerRecord> = fc.record({
  topic: fc.constant('orders'),
  partition: fc.constant(3),
  offset: fc.maxSafeNat(),
  timestamp: fc.oneof(fc.maxSafeNat(), fc.constant(-1)),
  timestampType: fc.constantFrom('CREATE_TIME' as const, 'LOG_APPEND_TIME' as const),
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'binary' }), value: fc.option(bytes) }), { maxLength: 4 }),
});
