/**
 * Sequences of an idempotent producer in one partition: what is kept, and what a batch with a sequence is.
 *
 * A producer numbers its records per partition, from 0 in each epoch, and goes on at 0 after 2^31 − 1. Kept are its
 * epoch and its newest batches, `producerLimits.producerBatchesKept` of them. A batch is then one of
 *
 * - the next one: accepted;
 * - exactly one of those kept: a duplicate, which is answered with the offset it has;
 * - older than those kept: a duplicate too, but nobody knows where it is any more;
 * - ahead of the next one: a gap;
 * - anything else in the past (it ends or begins within a kept batch, or in several): out of order, like a gap;
 * - of an older epoch: fenced; of a newer one: the first of its epoch, which must begin at 0.
 *
 * A producer of which nothing is kept may begin at any sequence, as in Kafka: it may have been forgotten for not having
 * written for long, and it cannot know that (docs/decisions has why).
 *
 * The rules are those of Kafka's ProducerAppendInfo and ProducerStateEntry, and of DefaultRecordBatch for the wrapping;
 * the answer for batches older than those kept is Millrace's own, where Kafka says "out of order".
 */
import { assert } from '../../kernel/assert.ts';
import { producerLimits } from '../../kernel/limits/producers.ts';

/** Sequences are numbers below this, and then begin again. */
const SEQUENCES = 2 ** 31;

/** Records of one producer for one partition that are written together: `records` sequences from `firstSequence` on. */
export interface SequencedRecords {
  epoch: number;
  firstSequence: number;
  records: number;
}

/** Where a batch is: at its base offset, or, as long as that was not looked up, in a commit. */
export type Place =
  | { at: 'offset'; offset: number }
  /**
   * In this commit, `before` records after where the commit's records of the partition begin. `seen` is the number of
   * seals that its writer knew of: the commit is in the tail, or in one of the few pages from that number on.
   */
  | { at: 'commit'; id: Uint8Array; seen: number; before: number };

export interface KeptBatch {
  records: number;
  place: Place;
}

/** A producer's sequences in one partition. */
export interface Sequences {
  epoch: number;
  /** Of the oldest kept batch. Each batch begins where the one before it ends. */
  firstSequence: number;
  /** Oldest first. None where an election cut all of them off; then the next one begins at `firstSequence`. */
  batches: readonly KeptBatch[];
}

export type Verdict =
  | { verdict: 'accepted' }
  | { verdict: 'duplicate'; place: Place }
  /** Written before what is kept, of which the oldest is here. */
  | { verdict: 'too-old'; oldest: Place }
  /** `expected` is the sequence that would be accepted; `ahead`, how many records are missing, where it is a gap. */
  | { verdict: 'out-of-order'; expected: number; ahead?: number }
  | { verdict: 'fenced'; epoch: number };

/** The sequence that comes `records` after `sequence`. */
export function sequenceAfter(sequence: number, records: number): number {
  return (sequence + records) % SEQUENCES;
}

export function isSequence(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < SEQUENCES;
}

/** What follows the newest batch. */
export function nextSequence({ firstSequence, batches }: Sequences): number {
  return batches.reduce((sequence, { records }) => sequenceAfter(sequence, records), firstSequence);
}

/** `known` is `undefined` for a producer of which nothing is kept. */
export function judge(known: Sequences | undefined, given: SequencedRecords): Verdict {
  assert(
    given.records > 0 && given.records < SEQUENCES / 2,
    'a batch has records, and far fewer than there are sequences',
  );
  if (known === undefined) return { verdict: 'accepted' };
  if (given.epoch < known.epoch) return { verdict: 'fenced', epoch: known.epoch };
  if (given.epoch > known.epoch) {
    if (given.firstSequence === 0) return { verdict: 'accepted' };
    return { verdict: 'out-of-order', expected: 0, ahead: given.firstSequence };
  }
  const expected = nextSequence(known);
  const ahead = distance(expected, given.firstSequence);
  if (ahead === 0) return { verdict: 'accepted' };
  if (ahead > 0) return { verdict: 'out-of-order', expected, ahead };
  return judgePast(known, given, expected);
}

/** A batch that begins before the next sequence. */
function judgePast(known: Sequences, given: SequencedRecords, expected: number): Verdict {
  const end = sequenceAfter(given.firstSequence, given.records);
  const [oldest] = known.batches;
  // Where an election cut all of them off, it may have been more than were kept.
  if (oldest === undefined) return { verdict: 'out-of-order', expected };
  if (distance(known.firstSequence, end) <= 0) return { verdict: 'too-old', oldest: oldest.place };
  let sequence = known.firstSequence;
  for (const { records, place } of known.batches) {
    if (sequence === given.firstSequence && records === given.records) return { verdict: 'duplicate', place };
    sequence = sequenceAfter(sequence, records);
  }
  return { verdict: 'out-of-order', expected };
}

/** The sequences after an accepted batch. */
export function withBatch(known: Sequences | undefined, given: SequencedRecords, place: Place): Sequences {
  const batch = { records: given.records, place };
  const follows = known !== undefined && known.epoch === given.epoch && nextSequence(known) === given.firstSequence;
  if (!follows) return { epoch: given.epoch, firstSequence: given.firstSequence, batches: [batch] };
  const dropped = Math.max(0, known.batches.length + 1 - producerLimits.producerBatchesKept);
  const firstSequence = known.batches
    .slice(0, dropped)
    .reduce((sequence, { records }) => sequenceAfter(sequence, records), known.firstSequence);
  return { epoch: known.epoch, firstSequence, batches: [...known.batches.slice(dropped), batch] };
}

/** How far `to` is ahead of `from`, going the shorter way round: negative where it is behind. */
function distance(from: number, to: number): number {
  const ahead = (to - from + SEQUENCES) % SEQUENCES;
  return ahead < SEQUENCES / 2 ? ahead : ahead - SEQUENCES;
}
