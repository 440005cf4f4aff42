import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isExpired,
  lastAppendMs,
  type ProducerState,
  packProducer,
  unpackProducer,
  withOffsets,
} from '../../../lib/coordination/producers/producer-state.ts';
import type { Place } from '../../../lib/coordination/producers/sequences.ts';
import { producerLimits } from '../../../lib/kernel/limits/producers.ts';
import { topicLimits } from '../../../lib/kernel/limits/topics.ts';

const place: fc.Arbitrary<Place> = fc.oneof(
  fc.record({ at: fc.constant('offset' as const), offset: fc.maxSafeNat().map((offset) => Math.max(0, offset - 1)) }),
  fc.record({
    at: fc.constant('commit' as const),
    id: fc.uint8Array({ minLength: 9, maxLength: 9 }),
    seen: fc.nat(),
    before: fc.nat(),
  }),
);

const state: fc.Arbitrary<ProducerState> = fc.record({
  lastMs: fc.nat({ max: 2 ** 40 }),
  slots: fc
    .uniqueArray(
      fc.tuple(
        fc.nat({ max: topicLimits.partitionsPerLedgerMax - 1 }),
        fc.record({
          epoch: fc.nat({ max: 32_767 }),
          firstSequence: fc.nat({ max: 2 ** 31 - 1 }),
          batches: fc.array(fc.record({ records: fc.integer({ min: 1, max: 1_000_000 }), place }), {
            minLength: 1,
            maxLength: producerLimits.producerBatchesKept,
          }),
        }),
      ),
      { selector: ([slot]) => slot },
    )
    .map((entries) => new Map(entries)),
});

describe("a producer's state", () => {
  it('survives its bytes, whatever the order of its partitions', () => {
    fc.assert(
      fc.property(state, (any) => {
        const packed = packProducer(any);
        expect(unpackProducer(packed)).toEqual(any);
        expect(packProducer({ ...any, slots: new Map([...any.slots].reverse()) })).toEqual(packed);
        expect(lastAppendMs(packed)).toBe(any.lastMs);
      }),
    );
  });

  it('takes some 40 bytes a partition while commits are looked up in time', () => {
    const batches = Array.from({ length: 5 }, (_, i) => ({
      records: 100,
      place: { at: 'offset' as const, offset: 5_000_000 + i * 100 },
    }));
    const id = new Uint8Array(9);
    batches[4] = { records: 100, place: { at: 'commit', id, seen: 300_000, before: 0 } as never };
    const packed = packProducer({
      lastMs: 1_790_000_000_000,
      slots: new Map([[0, { epoch: 0, firstSequence: 1_000_000, batches }]]),
    });
    expect(packed.length).toBeLessThan(52);
  });

  it('is expired from the time on that is set', () => {
    expect(isExpired(1_000, 1_999, 1_000)).toBe(false);
    expect(isExpired(1_000, 2_000, 1_000)).toBe(true);
    expect(isExpired(5_000, 2_000, 1_000)).toBe(false); // another writer's clock is ahead
  });

  it('gets the offsets that can be told, and keeps the commits of the others', () => {
    const [known, unknown] = [new Uint8Array(9).fill(1), new Uint8Array(9).fill(2)];
    const inCommit = (id: Uint8Array, before: number): Place => ({ at: 'commit', id, seen: 4, before });
    const batches = [inCommit(known, 3), inCommit(unknown, 0), { at: 'offset' as const, offset: 9 }].map((one) => ({
      records: 1,
      place: one,
    }));
    const any: ProducerState = { lastMs: 5, slots: new Map([[7, { epoch: 1, firstSequence: 0, batches }]]) };
    const asked: unknown[] = [];
    const after = withOffsets(any, (slot, { id, seen, before }) => {
      asked.push([slot, seen]);
      return id === known ? 100 + before : undefined;
    });
    expect(after.slots.get(7)?.batches.map((batch) => batch.place)).toEqual([
      { at: 'offset', offset: 103 },
      inCommit(unknown, 0),
      { at: 'offset', offset: 9 },
    ]);
    expect(asked).toEqual([
      [7, 4],
      [7, 4],
    ]);
  });
});
