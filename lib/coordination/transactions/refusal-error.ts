/** The fault of each refusal of `decide.ts`, by Kafka's code for it. */
import { unreachable } from '../../kernel/assert.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import type { Refusal } from './decide.ts';

export function refusalError(id: string, refusal: Refusal): MillraceError {
  const name = `The transactional id "${id}"`;
  switch (refusal.reason) {
    case 'not-initialized':
      return new MillraceError('INVALID_PRODUCER_ID_MAPPING', `${name} was not initialized.`);
    case 'old-epoch':
      return new MillraceError(
        'INVALID_PRODUCER_EPOCH',
        `${name} has been taken over: its producer epoch is ${refusal.newest}, not ${refusal.epoch}.`,
      );
    case 'fenced':
      return new MillraceError(
        'PRODUCER_FENCED',
        `${name} has the producer epoch ${refusal.newest}, not ${refusal.epoch}; whoever initialized it last has that.`,
      );
    case 'gap':
      return new MillraceError(
        'OUT_OF_ORDER_SEQUENCE_NUMBER',
        `${name} expects ${refusal.what} ${refusal.expected} next.`,
        { facts: { expectedSequence: refusal.expected } },
      );
    case 'old-number':
      return new MillraceError(
        'DUPLICATE_SEQUENCE_NUMBER',
        `${name} is at transaction ${refusal.newest}; only the newest one's answer is kept.`,
      );
    case 'ongoing':
      return new MillraceError(
        'CONCURRENT_TRANSACTIONS',
        `${name} has transaction ${refusal.number} under way; commit or abort it first.`,
        { facts: { retryAfterMs: requestLimits.retryAfterMsDefault } },
      );
    case 'not-ongoing':
      return new MillraceError('INVALID_TXN_STATE', `${name}: transaction ${refusal.number} ${fateOf(refusal)}.`);
    case 'too-many-parts':
      return new MillraceError(
        'POLICY_VIOLATION',
        `${name}: a transaction has at most ${transactionLimits[refusal.limit]} parts (${refusal.limit}).`,
      );
    case 'timed-out': {
      const detail = `${name}: transaction ${refusal.number} took longer than its timeout and was aborted; initialize the id again.`;
      return new MillraceError('PRODUCER_FENCED', detail);
    }
    case 'too-many-partitions':
      return new MillraceError(
        'POLICY_VIOLATION',
        `${name}: a producer has at most ${transactionLimits.transactionPartitionsMax} partitions (transactionPartitionsMax).`,
      );
    default:
      return unreachable(refusal);
  }
}

function fateOf({ status, abortReason }: Extract<Refusal, { reason: 'not-ongoing' }>): string {
  if (status === 'none') return 'is not under way';
  if (status === 'committed') return 'is committed';
  return abortReason === 'timed-out' ? 'took longer than its timeout and was aborted' : 'was aborted';
}
