import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packProducer, unpackProducer } from '../../../lib/coordination/producers/producer-state.ts';
import { judge, nextSequence, type Sequences, withBatch } from '../../../lib/coordination/producers/sequences.ts';
import { rollBackProducers } from '../../../lib/coordination/replication/roll-back-producers.ts';
import { producerLimits } from '../../../lib/kernel/limits/producers.ts';

const idOf = (commit: number) => Uint8Array.of(commit, 0, 0, 0, 0, 0, 0, 0, 0);

/** After batches of so many records, each in a commit of its own, numbered from 0. */
function after(batches: readonly number[], from?: Sequences): Sequences {
  let sequences = from;
  for (const [commit, records] of batches.entries()) {
    const firstSequence = sequences === undefined ? 0 : nextSequence(sequences);
    const place = { at: 'commit', id: idOf(commit), seen: 0, before: 0 } as const;
    sequences = withBatch(sequences, { epoch: 1, firstSequence, records }, place);
  }
  if (sequences === undefined) throw new Error('there is a batch');
  return sequences;
}

function rolledBack(sequences: Sequences, cutOff: readonly number[]): Sequences | undefined {
  const packed = packProducer({ lastMs: 5, slots: new Map([[3, sequences]]) });
  const changed = rollBackProducers(new Map([['producer', packed]]), cutOff.map(idOf)).get('producer');
  return changed && unpackProducer(changed).slots.get(3);
}

const from = (first: number, end: number) => Array.from({ length: end - first }, (_, index) => first + index);

describe('sequences without what was cut off', () => {
  test('are those from before, as far as they are still kept', () => {
    const batches = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(batches, fc.nat(), (sizes, choice) => {
        const cut = 1 + (choice % producerLimits.producerBatchesKept);
        fc.pre(cut < sizes.length);
        const was = after(sizes.slice(0, -cut));
        const now = rolledBack(after(sizes), from(sizes.length - cut, sizes.length));
        if (now === undefined) throw new Error('something was cut off');
        expect([now.epoch, nextSequence(now)]).toEqual([1, nextSequence(was)]);
        expect(was.batches.slice(was.batches.length - now.batches.length)).toEqual(now.batches);
      }),
    );
  });

  test('begin where the oldest of them began, where none is left', () => {
    const now = rolledBack(after([4, 5]), [0, 1]);
    expect(now).toEqual({ epoch: 1, firstSequence: 0, batches: [] });
    expect(judge(now, { epoch: 1, firstSequence: 0, records: 4 })).toEqual({ verdict: 'accepted' });
    expect(judge(now, { epoch: 1, firstSequence: 4, records: 5 })).toEqual({
      verdict: 'out-of-order',
      expected: 0,
      ahead: 4,
    });
  });

  test('take the batch once more that was cut off, and not the one before it', () => {
    const now = rolledBack(after([4, 5, 6]), [2]);
    expect(judge(now, { epoch: 1, firstSequence: 9, records: 6 })).toEqual({ verdict: 'accepted' });
    expect(judge(now, { epoch: 1, firstSequence: 4, records: 5 })).toMatchObject({ verdict: 'duplicate' });
    expect(judge(now, { epoch: 0, firstSequence: 0, records: 5 })).toMatchObject({ verdict: 'fenced' });
  });

  test('are not mentioned where nothing of the producer was cut off', () => {
    expect(rolledBack(after([4, 5]), [7])).toBeUndefined();
  });
});
