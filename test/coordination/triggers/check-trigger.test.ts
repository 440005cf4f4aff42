import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changedTrigger, newTrigger, type TriggerInput } from '../../../lib/coordination/triggers/check-trigger.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { anyTrigger } from '../../support/trigger-arbitraries.ts';

const FUNCTION = 'arn:aws:lambda:eu-central-1:123456789012:function:orders';
const least: TriggerInput = {
  name: 'orders',
  topics: { names: ['orders'] },
  target: FUNCTION,
  startingPosition: { position: 'LATEST' },
};

function fault(change: Partial<TriggerInput>): { code: string; message: string; field?: string } {
  try {
    newTrigger({ ...least, ...change });
  } catch (error) {
    if (error instanceof MillraceError) {
      const { code, message, facts } = error;
      return { code, message, ...(facts.field !== undefined && { field: facts.field }) };
    }
    throw error;
  }
  throw new Error('it was accepted');
}

describe('checking a trigger', () => {
  it('gives what is not said its default', () => {
    expect(newTrigger(least)).toEqual({
      ...least,
      group: 'orders',
      batchSize: 100,
      batchingWindowMs: 0,
      filters: [],
      bisectBatchOnError: false,
      retryAttempts: -1,
      maxRecordAgeMs: -1,
      reportBatchItemFailures: false,
      parallelizationFactor: 1,
      tumblingWindowMs: 0,
      eventShape: 'msk',
      timeoutMs: 60_000,
      enabled: true,
    });
  });

  it('leaves any trigger that is allowed as it is', () => {
    fc.assert(
      fc.property(anyTrigger, (trigger) => {
        expect(newTrigger(trigger)).toEqual(trigger);
        expect(changedTrigger(trigger, {})).toEqual(trigger);
      }),
    );
  });

  it.each([
    ['name', { name: 'with space' }],
    ['name', { name: 'x'.repeat(65) }],
    ['topics', { topics: { names: [] } }],
    ['topics', { topics: { names: ['a', 'a'] } }],
    ['topics', { topics: { names: Array.from({ length: 101 }, (_, i) => `t${i}`) } }],
    ['topic_pattern', { topics: { pattern: '(' } }],
    ['target', { target: 'orders' }],
    ['target', { target: 'arn:aws:sqs:eu-central-1:123456789012:queue' }],
    ['target', { target: `./${'x'.repeat(600)}.handler` }],
    ['on_failure.arn', { onFailure: { kind: 'sqs', arn: FUNCTION } }],
    ['on_failure.topic', { onFailure: { kind: 'topic', topic: 'orders' } }],
    ['on_failure.topic', { topics: { pattern: 'ord.*' }, onFailure: { kind: 'topic', topic: 'orders' } }],
    ['batch_size', { batchSize: 0 }],
    ['batch_size', { batchSize: 10_001 }],
    ['batch_size', { batchSize: 1.5 }],
    ['batching_window_ms', { batchingWindowMs: 300_001 }],
    ['retry_attempts', { retryAttempts: -2 }],
    ['max_record_age_ms', { maxRecordAgeMs: 59_999 }],
    ['parallelization_factor', { parallelizationFactor: 11 }],
    ['parallelization_factor', { parallelizationFactor: 2, tumblingWindowMs: 1_000 }],
    ['tumbling_window_ms', { tumblingWindowMs: 900_001 }],
    ['timeout_ms', { timeoutMs: 720_001 }],
    ['starting_timestamp', { startingPosition: { position: 'AT_TIMESTAMP', timestampMs: -1 } }],
    ['filters', { filters: Array<string>(11).fill('{}') }],
    ['filters[1]', { filters: ['{"key":["a"]}', ' '.repeat(4_097)] }],
    ['tenant_id', { tenantId: 'a#b' }],
  ] satisfies [string, Partial<TriggerInput>][])('refuses a bad %s and names it (%j)', (field, change) => {
    expect(fault(change).field).toBe(field);
  });

  it('says of a timeout why it is too long', () => {
    expect(fault({ timeoutMs: 720_001 }).message).toBe(
      'timeout_ms is 720001, and must be a whole number from 1 to 720000, since the dispatcher must outlive it.',
    );
  });

  it('takes a version or an alias, and a local handler', () => {
    for (const target of [`${FUNCTION}:live`, `${FUNCTION}:$LATEST`, './handlers/orders.handler']) {
      expect(newTrigger({ ...least, target }).target).toBe(target);
    }
  });

  it('takes away what is set to null', () => {
    const trigger = newTrigger({ ...least, tenantId: 'a', onFailure: { kind: 'topic', topic: 'poison' } });
    expect(changedTrigger(trigger, { tenantId: null, onFailure: null })).toEqual(newTrigger(least));
  });
});
