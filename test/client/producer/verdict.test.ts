import { describe, expect, it } from 'vitest';
import { type ClientErrorCode, MillraceClientError } from '../../../lib/client/errors.ts';
import { type BatchState, type Verdict, verdictOf } from '../../../lib/client/producer/verdict.ts';

const BATCH: BatchState = { idempotent: true, records: 2, maybeWritten: false, renumbered: false };

function verdict(code: ClientErrorCode, retriable: boolean, batch: Partial<BatchState> = {}): Verdict {
  return verdictOf(new MillraceClientError(code, code, { retriable, effect: 'none' }), { ...BATCH, ...batch });
}

describe('an error that time may cure', () => {
  it('is a reason to try again, and without idempotence only where nothing was written', () => {
    expect(verdict('KAFKA_STORAGE_ERROR', true)).toBe('retry');
    expect(verdict('NETWORK_ERROR', true, { maybeWritten: true })).toBe('retry');
    expect(verdict('KAFKA_STORAGE_ERROR', true, { idempotent: false })).toBe('retry');
    expect(verdict('NETWORK_ERROR', true, { idempotent: false, maybeWritten: true })).toBe('fail');
  });
});

describe('an error of one record', () => {
  it('splits what has several, unless some may be written', () => {
    expect(verdict('MESSAGE_TOO_LARGE', false)).toBe('split');
    expect(verdict('MESSAGE_TOO_LARGE', false, { records: 1 })).toBe('fail');
    expect(verdict('MESSAGE_TOO_LARGE', false, { maybeWritten: true })).toBe('fail');
    expect(verdict('FORBIDDEN', false)).toBe('fail');
  });
});

describe('an error of the sequence', () => {
  it('is for a new epoch once, where nothing was written', () => {
    expect(verdict('OUT_OF_ORDER_SEQUENCE_NUMBER', false)).toBe('renumber');
    expect(verdict('OUT_OF_ORDER_SEQUENCE_NUMBER', false, { renumbered: true })).toBe('fail');
    expect(verdict('OUT_OF_ORDER_SEQUENCE_NUMBER', false, { maybeWritten: true })).toBe('fail');
  });

  it('is success for a duplicate of one’s own, and the end for somebody else’s', () => {
    expect(verdict('DUPLICATE_SEQUENCE_NUMBER', false, { maybeWritten: true })).toBe('written');
    expect(verdict('DUPLICATE_SEQUENCE_NUMBER', false)).toBe('fence');
    expect(verdict('INVALID_PRODUCER_EPOCH', false, { maybeWritten: true })).toBe('fence');
  });

  it('means nothing to a producer without sequences', () => {
    expect(verdict('OUT_OF_ORDER_SEQUENCE_NUMBER', false, { idempotent: false })).toBe('fail');
    expect(verdict('INVALID_PRODUCER_EPOCH', false, { idempotent: false })).toBe('fail');
  });
});
