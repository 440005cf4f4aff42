import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotsOf, takeFlush } from '../../../lib/broker/append/flush.ts';
import type { Unit } from '../../../lib/broker/append/unit.ts';
import { ledgerName } from '../../../lib/kernel/ids.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { producerLimits } from '../../../lib/kernel/limits/producers.ts';

function unitOf(fields: { index?: number; slot?: number; bytes?: number; expectedOffset?: number } = {}): Unit {
  const { index = 0, slot = 0, bytes = 1, expectedOffset } = fields;
  return {
    ledger: { topicId: 'AAAAAAAAQACAAAAAAAAAAA', index },
    slot,
    run: { chunks: [], bytes, records: 1, maxTimestamp: 0, crc32c: 0 },
    expectedOffset,
    deadlineMs: 0,
    resolve: () => {},
    reject: () => {},
  };
}

const unit = fc
  .record({
    index: fc.nat({ max: 3 }),
    slot: fc.nat({ max: 15 }),
    bytes: fc.oneof(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: produceLimits.flushBytesMax })),
    expectedOffset: fc.option(fc.nat(), { nil: undefined, freq: 3 }),
  })
  .map(unitOf);

const ledgersOf = (units: readonly Unit[]) => Map.groupBy(units, ({ ledger }) => ledgerName(ledger));

describe('takeFlush', () => {
  it('takes from the front, each unit once, in the order of each ledger', () => {
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 30 }), (units) => {
        const queue = [...units];
        const batches = takeFlush(queue);
        const taken = units.slice(0, units.length - queue.length);
        expect(taken.length).toBeGreaterThan(0);
        expect(queue).toEqual(units.slice(taken.length));
        // A ledger's batches are sequenced in this order, and a batch's units in theirs.
        expect(ledgersOf(batches.flatMap((batch) => batch.units))).toEqual(ledgersOf(taken));
        for (const { units: together } of batches) expect(ledgersOf(together).size).toBe(1);
      }),
    );
  });

  it('gives a unit with an expected offset a commit of its own, and the others as few as that allows', () => {
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 30 }), (units) => {
        const batches = takeFlush([...units]);
        for (const { units: together, conditional } of batches) {
          expect(together.filter(({ expectedOffset }) => expectedOffset !== undefined)).toHaveLength(
            conditional ? 1 : 0,
          );
          expect(conditional && together.length > 1).toBe(false);
        }
        // Two commits of one ledger follow each other only with a conditional one among them.
        for (const inLedger of Map.groupBy(batches, ({ units: [first] }) =>
          ledgerName((first as Unit).ledger),
        ).values()) {
          const pairs = inLedger.slice(1).map((batch, before) => [inLedger[before]?.conditional, batch.conditional]);
          expect(pairs.every(([one, next]) => one === true || next === true)).toBe(true);
        }
      }),
    );
  });

  it('stays within the size of a flush, but always takes one unit', () => {
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 30 }), (units) => {
        const queue = [...units];
        const taken = takeFlush(queue).flatMap((batch) => batch.units);
        const bytes = taken.reduce((sum, { run }) => sum + run.bytes, 0);
        expect(taken.length === 1 || bytes <= produceLimits.flushBytesMax).toBe(true);
        // It stops only where the next one does not fit.
        const next = queue[0]?.run.bytes ?? Number.POSITIVE_INFINITY;
        expect(bytes + next).toBeGreaterThan(produceLimits.flushBytesMax);
      }),
    );
    expect(takeFlush([unitOf({ bytes: produceLimits.flushBytesMax * 2 })])).toHaveLength(1);
    expect(takeFlush([])).toEqual([]);
  });

  it('makes no more parts than an object can number', () => {
    const queue = Array.from({ length: 300 }, (_, i) => unitOf({ expectedOffset: i }));
    expect(takeFlush(queue)).toHaveLength(produceLimits.partsPerObjectMax);
    expect(takeFlush(queue)).toHaveLength(300 - produceLimits.partsPerObjectMax);
    // The limit is of parts: more units of a ledger that has one still fit.
    const ledgers = Array.from({ length: produceLimits.partsPerObjectMax }, (_, index) => unitOf({ index }));
    const full = [...ledgers, unitOf({ index: 5 }), unitOf({ index: 1_000 }), unitOf({ index: 6 })];
    expect(takeFlush(full)).toHaveLength(produceLimits.partsPerObjectMax);
    expect(full.map(({ ledger }) => ledger.index)).toEqual([1_000, 6]);
  });
});

describe('slotsOf', () => {
  it('groups the runs by slot in the order of the units', () => {
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 20 }), (units) => {
        const slots = slotsOf({ units, conditional: false });
        for (const [slot, runs] of slots) {
          expect(runs).toEqual(units.filter((one) => one.slot === slot).map(({ run }) => run));
        }
        expect([...slots.values()].flat()).toHaveLength(units.length);
      }),
    );
  });
});

describe('units with sequences', () => {
  const sequenced = (producer: string): Unit => ({ ...unitOf(), sequence: { producer, epoch: 0, firstSequence: 0 } });

  it('share a commit up to so many producers, each with as many units as there are', () => {
    const producers = Array.from({ length: producerLimits.producersPerCommitMax + 1 }, (_, i) => `p${i}`);
    const queue = producers.flatMap((producer) => [sequenced(producer), sequenced(producer), unitOf()]);
    const batches = takeFlush(queue);
    expect(batches.map(({ units }) => units.length)).toEqual([3 * producerLimits.producersPerCommitMax, 3]);
    expect(queue).toEqual([]);
  });
});
