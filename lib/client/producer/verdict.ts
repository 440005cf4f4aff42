/**
 * What a failed attempt to write a batch means, as Kafka's producer decides it (KIP-98, KIP-360), with the `retriable`
 * and `effect` of the API's problems.
 *
 * A partition has one request in flight, so a batch's sequence is always the next one that the server can expect. What
 * is left of Kafka's cases:
 *
 * - A gap where there can be none: the server has forgotten this producer, or lost what it had acked. If no attempt of
 *   this batch can have been written, it goes again in a new epoch, from sequence 0; else it may be in the log already,
 *   and only its caller can know whether twice is better than not at all.
 * - A duplicate too old to be remembered: this batch, if an earlier attempt can have been written. If none can, another
 *   producer uses this id.
 * - An old epoch: another producer has taken the id over. Nothing that this one does can help.
 */
import type { MillraceClientError } from '../errors.ts';

export type Verdict =
  | 'retry'
  /** It is written, where is not known. */
  | 'written'
  /** The batch is given up; so is its sequence, if it may have been written. */
  | 'fail'
  /** One of its records is at fault: try them apart. */
  | 'split'
  /** In a new epoch, from sequence 0. */
  | 'renumber'
  /** This producer can write nothing any more. */
  | 'fence';

export interface BatchState {
  idempotent: boolean;
  records: number;
  /** An attempt, this one included, may have been written. */
  maybeWritten: boolean;
  renumbered: boolean;
}

/** Faults of a single record, for which the server refuses all that came with it. */
const RECORD_FAULTS: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'REQUEST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
]);

export function verdictOf(error: MillraceClientError, batch: BatchState): Verdict {
  const { code, retriable } = error;
  const { idempotent, maybeWritten } = batch;
  if (idempotent) {
    if (code === 'INVALID_PRODUCER_EPOCH') return 'fence';
    if (code === 'DUPLICATE_SEQUENCE_NUMBER') return maybeWritten ? 'written' : 'fence';
    if (code === 'OUT_OF_ORDER_SEQUENCE_NUMBER') return maybeWritten || batch.renumbered ? 'fail' : 'renumber';
  }
  if (retriable && (idempotent || !maybeWritten)) return 'retry';
  if (!maybeWritten && batch.records > 1 && RECORD_FAULTS.has(code)) return 'split';
  return 'fail';
}
