import { describe, expect, test } from 'vitest';
import { readResponse } from '../../../lib/triggers/event/read-response.ts';
import { sampleBatch, sampleRecord, sampleTrigger } from './event-samples.ts';

const batch = sampleBatch({ records: [15, 17, 20].map((offset) => sampleRecord({ offset })) });
const of = (...identifiers: unknown[]) => ({
  batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })),
});
const at = (offset: unknown, partition: unknown = 'orders-3') => ({ partition, offset });

describe('an answer', () => {
  test.each([
    [undefined],
    [null],
    [''],
    [{}],
    [{ batchItemFailures: null }],
    [{ batchItemFailures: [] }],
    [{ statusCode: 200 }],
  ])('of %j is success', (response) => {
    expect(readResponse(response, batch)).toEqual({ outcome: 'done' });
  });

  test.each([
    ['as mappings of Kafka name it', of(at(17)), 17],
    ['several of which the first counts', of(at(20), at(17)), 17],
    ['the whole batch', of(at(15), at(17), at(20)), 15],
    ['as @middy/event-batch-response names it', of('orders-3-20', 'orders-3-17'), 17],
  ])('with failures, %s', (_, response, firstFailedOffset) => {
    expect(readResponse(response, batch)).toEqual({ outcome: 'partial', firstFailedOffset });
  });

  test.each([
    ['an empty identifier', of('')],
    ['a null identifier', of(null)],
    ['another key', { batchItemFailures: [{ id: at(17) }] }],
    ['a null failure', { batchItemFailures: [null] }],
    ['an offset that was not delivered', of(at(16))],
    ['a good and a bad one', of(at(15), at(16))],
    ['another partition', of(at(17, 'orders-4'))],
    ['another partition in text', of('orders-4-17')],
    ['a partition by number', of(at(17, 3))],
    ['an offset as text', of(at('17'))],
    ['text without an offset', of('orders-3-')],
    ['text that goes on', of('orders-3-17x')],
    ['no list', { batchItemFailures: 'orders-3-17' }],
    ['text', 'ok'],
    ['a number', 0],
    ['a list', []],
  ])('with %s fails the whole batch', (_, response) => {
    expect(readResponse(response, batch)).toMatchObject({ outcome: 'unreadable' });
  });

  test('is success whatever it is where failures are not reported', () => {
    const trigger = sampleTrigger({ reportBatchItemFailures: false });
    for (const response of ['ok', 0, of(at(16)), [1]]) {
      expect(readResponse(response, { ...batch, trigger })).toEqual({ outcome: 'done' });
    }
  });

  test('brings the state of a window along, without which only its end is success', () => {
    const window = { startMs: 0, endMs: 1_000, state: {}, isFinal: false, isTerminatedEarly: false };
    const trigger = sampleTrigger({ reportBatchItemFailures: false, tumblingWindowMs: 1_000 });
    expect(readResponse({ state: { n: 2 } }, { ...batch, trigger, window })).toEqual({
      outcome: 'done',
      state: { n: 2 },
    });
    expect(readResponse({ state: null, ...of(at(17)) }, { ...batch, window })).toEqual({
      outcome: 'partial',
      firstFailedOffset: 17,
      state: null,
    });
    expect(readResponse({}, { ...batch, trigger, window })).toMatchObject({ outcome: 'unreadable' });
    expect(readResponse('ok', { ...batch, trigger, window })).toMatchObject({ outcome: 'unreadable' });
    const last = { ...window, isFinal: true };
    expect(readResponse(null, { ...batch, trigger, window: last })).toMatchObject({ outcome: 'done' });
  });
});
