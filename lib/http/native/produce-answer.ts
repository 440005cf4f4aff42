/** What a produce request is answered: every record's outcome, and the status that sums them up. */
import type { RecordOutcome } from '../../broker/produce/produce.ts';
import type { MillraceError } from '../../kernel/errors.ts';
import { problemOf } from '../problems.ts';
import { someFailed } from './failures.ts';
import { DUPLICATE_HEADER } from './producer-headers.ts';

/** One outcome as JSON: an entry of `records`, or a line. Written by hand, since a request may have 10,000. */
export function outcomeText(outcome: RecordOutcome): string {
  switch (outcome.outcome) {
    case 'written':
      return `{"partition":${outcome.partition},"offset":${outcome.offset},"timestamp":${outcome.timestamp}}`;
    case 'duplicate': {
      const { partition, offset, timestamp } = outcome;
      return JSON.stringify({ partition, offset, timestamp });
    }
    case 'accepted':
      return `{"partition":${outcome.partition}}`;
    case 'failed':
      return JSON.stringify({ error: problemOf(outcome.error) });
  }
}

/** Says that the records were there before; a request with a sequence is all or nothing. */
export function duplicateHeaders(outcomes: readonly RecordOutcome[]): Record<string, string> {
  return outcomes[0]?.outcome === 'duplicate' ? { [DUPLICATE_HEADER]: 'true' } : {};
}

/**
 * 200 where all are written and 202 where all are accepted unwritten; 207 where some failed, or all for different
 * reasons. Throws where all failed for one reason: that is the answer then.
 */
export function statusOf(outcomes: readonly RecordOutcome[]): 200 | 202 | 207 {
  const errors: MillraceError[] = [];
  for (const outcome of outcomes) if (outcome.outcome === 'failed') errors.push(outcome.error);
  if (someFailed(errors, outcomes.length)) return 207;
  return outcomes.some(({ outcome }) => outcome === 'accepted') ? 202 : 200;
}
