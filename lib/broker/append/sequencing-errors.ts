/** What callers are told of sequencing that failed. */
import { MillraceError, withEffect } from '../../kernel/errors.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';

interface Attempted {
  /** Whether an attempt's fate is not known. */
  unknown: boolean;
}

export function timedOut({ unknown }: Attempted, cause?: MillraceError): MillraceError {
  return new MillraceError('REQUEST_TIMED_OUT', 'The records could not be sequenced in time; try again.', {
    effect: unknown ? 'unknown' : 'none',
    facts: { retryAfterMs: requestLimits.retryAfterMsDefault },
    cause,
  });
}

/**
 * Offsets only go up: an attempt that is still on its way, or comes again, can pass only if the partition is not there
 * yet.
 */
export function offsetMismatch(expected: number, nextOffset: number): MillraceError {
  const detail = `The partition's next offset is ${nextOffset}, not the expected ${expected}.`;
  const effect = nextOffset < expected ? 'unknown' : 'none';
  return new MillraceError('OFFSET_MISMATCH', detail, { effect, facts: { nextOffset } });
}

/** A fault that ends the sequencing says what is known of its attempts. */
export function fault(error: unknown, { unknown }: Attempted): MillraceError {
  if (!(error instanceof MillraceError)) throw error;
  return unknown ? withEffect(error, 'unknown') : error;
}
