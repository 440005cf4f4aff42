import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isSequence,
  judge,
  nextSequence,
  type Place,
  type SequencedRecords,
  type Sequences,
  sequenceAfter,
  type Verdict,
  withBatch,
} from '../../../lib/coordination/producers/sequences.ts';
import { producerLimits } from '../../../lib/kernel/limits/producers.ts';

const LAST = 2 ** 31 - 1;
const KEPT = producerLimits.producerBatchesKept;

const at = (offset: number): Place => ({ at: 'offset', offset });
const records = (firstSequence: number, count: number, epoch = 0): SequencedRecords => ({
  epoch,
  firstSequence,
  records: count,
});

/** Appends batches of these sizes, from `first` on, at offsets 0, 100, 200 … */
function after(first: number, ...sizes: number[]): Sequences {
  let sequences: Sequences | undefined;
  let sequence = first;
  for (const [index, size] of sizes.entries()) {
    sequences = withBatch(sequences, records(sequence, size), at(index * 100));
    sequence = sequenceAfter(sequence, size);
  }
  return sequences as Sequences;
}

describe('sequences', () => {
  it('go on at 0 after 2^31 − 1', () => {
    expect(sequenceAfter(LAST, 1)).toBe(0);
    expect(sequenceAfter(LAST - 4, 10)).toBe(5);
    expect(sequenceAfter(0, LAST)).toBe(LAST);
    expect([0, LAST].every(isSequence)).toBe(true);
    expect([-1, LAST + 1, 0.5, Number.NaN].some(isSequence)).toBe(false);
  });
});

describe('a batch with a sequence', () => {
  it.each([
    ['is accepted as the next one', after(0, 10, 5), records(15, 3), { verdict: 'accepted' }],
    ['is accepted across the wrap', after(LAST - 4, 5), records(0, 3), { verdict: 'accepted' }],
    ['is accepted when it wraps itself', after(LAST - 4, 3), records(LAST - 1, 3), { verdict: 'accepted' }],
    ['is a duplicate of the newest', after(0, 10, 5), records(10, 5), { verdict: 'duplicate', place: at(100) }],
    [
      'is a duplicate of the oldest kept',
      after(0, 1, 1, 1, 1, 1),
      records(0, 1),
      { verdict: 'duplicate', place: at(0) },
    ],
    ['is a duplicate across the wrap', after(LAST, 2, 3), records(LAST, 2), { verdict: 'duplicate', place: at(0) }],
    [
      'is too old before those kept',
      after(0, 1, 1, 1, 1, 1, 1),
      records(0, 1),
      { verdict: 'too-old', oldest: at(100) },
    ],
    [
      'is too old across the wrap',
      after(LAST, 2, 1, 1, 1, 1, 1),
      records(LAST, 2),
      { verdict: 'too-old', oldest: at(100) },
    ],
    [
      'is not said to be written before those kept where none is left',
      { epoch: 0, firstSequence: 7, batches: [] },
      records(0, 1),
      { verdict: 'out-of-order', expected: 7 },
    ],
    ['is ahead by what is missing', after(0, 10), records(12, 1), { verdict: 'out-of-order', expected: 10, ahead: 2 }],
    [
      'is ahead across the wrap',
      after(LAST - 2, 2),
      records(3, 1),
      { verdict: 'out-of-order', expected: LAST, ahead: 4 },
    ],
    ['goes back into a kept batch', after(0, 10, 5), records(5, 5), { verdict: 'out-of-order', expected: 15 }],
    ['ends beyond the next sequence', after(0, 10, 5), records(10, 8), { verdict: 'out-of-order', expected: 15 }],
    ['is a part of a kept batch', after(0, 10, 5), records(10, 4), { verdict: 'out-of-order', expected: 15 }],
    ['spans two kept batches', after(0, 10, 5), records(0, 15), { verdict: 'out-of-order', expected: 15 }],
    ['reaches from before those kept into them', after(3, 5), records(0, 5), { verdict: 'out-of-order', expected: 8 }],
  ])('%s', (_, known, given, verdict) => {
    expect(judge(known, given)).toEqual(verdict);
  });

  it('may begin anywhere where nothing is known of the producer', () => {
    for (const first of [0, 1, 77, LAST])
      expect(judge(undefined, records(first, 1, 9))).toEqual({ verdict: 'accepted' });
  });

  it('of an older epoch is fenced, and of a newer one begins at 0', () => {
    const known = withBatch(undefined, records(40, 2, 3), at(0));
    expect(judge(known, records(42, 1, 2))).toEqual({ verdict: 'fenced', epoch: 3 });
    expect(judge(known, records(40, 2, 2))).toEqual({ verdict: 'fenced', epoch: 3 });
    expect(judge(known, records(0, 1, 4))).toEqual({ verdict: 'accepted' });
    expect(judge(known, records(42, 1, 4))).toEqual({ verdict: 'out-of-order', expected: 0, ahead: 42 });
    expect(withBatch(known, records(0, 1, 4), at(9))).toEqual({
      epoch: 4,
      firstSequence: 0,
      batches: [{ records: 1, place: at(9) }],
    });
  });

  it('has fewer records than half of all sequences', () => {
    expect(() => judge(undefined, records(0, 0))).toThrow('records');
    expect(() => judge(undefined, records(0, 2 ** 30))).toThrow('records');
  });
});

/** What a broker of Kafka's does, told plainly: the whole history of a partition, and rules that look at it. */
class History {
  private readonly batches: (SequencedRecords & { offset: number })[] = [];
  private next = 0;

  get size(): number {
    return this.next;
  }

  /** The base offset, or why not. */
  append(given: SequencedRecords): { offset: number; duplicate: boolean } | 'too-old' | 'out-of-order' | 'fenced' {
    const newest = this.batches.at(-1);
    if (newest !== undefined) {
      if (given.epoch < newest.epoch) return 'fenced';
      if (given.epoch > newest.epoch && given.firstSequence !== 0) return 'out-of-order';
      if (given.epoch === newest.epoch) {
        const sameEpoch = this.batches.filter(({ epoch }) => epoch === newest.epoch);
        const kept = sameEpoch.slice(-KEPT);
        const twin = kept.find((one) => one.firstSequence === given.firstSequence && one.records === given.records);
        if (twin !== undefined) return { offset: twin.offset, duplicate: true };
        if (given.firstSequence !== sequenceAfter(newest.firstSequence, newest.records)) {
          const forgotten = numbered(sameEpoch.slice(0, -KEPT));
          const isForgotten = numbered([given]).every((sequence) => forgotten.includes(sequence));
          return isForgotten ? 'too-old' : 'out-of-order';
        }
      }
    }
    const offset = this.next;
    this.batches.push({ ...given, offset });
    this.next += given.records;
    return { offset, duplicate: false };
  }
}

/** As `History` says it; `next` is the offset that an accepted batch gets. */
function answerOf(verdict: Verdict, next: number): ReturnType<History['append']> {
  if (verdict.verdict === 'accepted') return { offset: next, duplicate: false };
  if (verdict.verdict !== 'duplicate') return verdict.verdict;
  return { offset: verdict.place.at === 'offset' ? verdict.place.offset : Number.NaN, duplicate: true };
}

function numbered(batches: readonly SequencedRecords[]): number[] {
  return batches.flatMap((batch) =>
    Array.from({ length: batch.records }, (_, i) => sequenceAfter(batch.firstSequence, i)),
  );
}

describe('any interleaving of retries, reorderings and epochs', () => {
  /** A producer that begins near the wrap, and requests that are its batches in any order, any number of times. */
  const requests = fc
    .tuple(
      fc.constantFrom(0, LAST - 10),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 14 }),
      fc.array(
        fc.record({ batch: fc.nat({ max: 13 }), epoch: fc.nat({ max: 1 }), shift: fc.constantFrom(0, 0, 0, 0, 1) }),
        {
          maxLength: 60,
        },
      ),
      fc.boolean(),
    )
    .map(([start, sizes, picks, inOrder]) => {
      const batchesOf = (epoch: number) => {
        let sequence = epoch === 0 ? start : 0;
        return sizes.map((size) => {
          const batch = records(sequence, size, epoch);
          sequence = sequenceAfter(sequence, size);
          return batch;
        });
      };
      const epochs = [batchesOf(0), batchesOf(1)];
      const picked = picks.map(({ batch, epoch, shift }) => {
        const one = (epochs[epoch] as SequencedRecords[])[batch % sizes.length] as SequencedRecords;
        return records(one.firstSequence, one.records + shift, one.epoch);
      });
      const [first = [], second = []] = epochs;
      return inOrder ? first.concat(picked.slice(0, 20), second, picked) : first.slice(0, 1).concat(picked);
    });

  it('is answered as by a broker that remembers everything and looks at the last five', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(requests, (list) => {
        const history = new History();
        let known: Sequences | undefined;
        for (const given of list) {
          const offset = history.size;
          const expected = history.append(given);
          const verdict = judge(known, given);
          seen.set(verdict.verdict, (seen.get(verdict.verdict) ?? 0) + 1);
          expect(answerOf(verdict, offset)).toEqual(expected);
          if (verdict.verdict === 'accepted') known = withBatch(known, given, at(offset));
          expect(known?.batches.length).toBeLessThanOrEqual(KEPT);
        }
      }),
      { numRuns: 500 },
    );
    for (const verdict of ['accepted', 'duplicate', 'too-old', 'out-of-order', 'fenced']) {
      expect(seen.get(verdict), verdict).toBeGreaterThan(100);
    }
  });

  it('keeps the newest batches, each beginning where the one before it ends', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: LAST }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (first, sizes) => {
          const sequences = after(first, ...sizes);
          expect(sequences.batches.map((batch) => batch.records)).toEqual(sizes.slice(-KEPT));
          const all = sizes.reduce((sum, size) => sum + size, 0);
          expect(nextSequence(sequences)).toBe(sequenceAfter(first, all));
        },
      ),
    );
  });
});
