/**
 * The ledger as a whole: appends, seals and sweeps by anyone, in any order, late and repeated (see ledger-model.ts for
 * what is checked after every step).
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Condition, Write } from '../../../lib/kernel/items.ts';
import { LedgerModel, type Sabotage, type Step } from '../../support/ledger-model.ts';

const someSlots = fc
  .uniqueArray(fc.nat({ max: 15 }), { minLength: 1, maxLength: 4 })
  .map((slots) => slots.sort((a, b) => a - b));

/** Mostly something recent, at times something old. */
const choice = fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 2 }) }, { weight: 1, arbitrary: fc.nat({ max: 60 }) });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      step: fc.constant('begin' as const),
      slots: someSlots,
      records: fc.integer({ min: 1, max: 3 }),
      view: choice,
      expected: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined, freq: 4 }),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({ step: fc.constant('deliver' as const), attempt: choice, answered: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ step: fc.constant('settle' as const), writer: choice }) },
  { weight: 3, arbitrary: fc.constant({ step: 'seal' as const }) },
  { weight: 5, arbitrary: fc.record({ step: fc.constant('turn' as const), slot: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('put page' as const), view: choice }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('trim' as const), view: choice }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('late' as const), write: choice }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant('fence' as const), writer: choice }) },
);

const schedule = fc.array(step, { minLength: 20, maxLength: 100, size: 'max' });

describe('the ledger', () => {
  it('gives dense offsets in commit order, commits nothing twice and hides nothing, whatever the interleaving', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(schedule, (steps) => {
        const { refusals } = new LedgerModel().run(steps);
        for (const [reason, count] of refusals) seen.set(reason, (seen.get(reason) ?? 0) + count);
      }),
      { numRuns: 250 },
    );
    // The schedules are worth something only if they reach these.
    for (const reason of ['committed', 'swept', 'stale', 'offset-mismatch'])
      expect(seen.get(reason)).toBeGreaterThan(0);
  });

  it('refuses what does not fit the tail until a seal, and never holds more', () => {
    const begin: Step = { step: 'begin', slots: [0], records: 1, view: 0 };
    const deliver: Step = { step: 'deliver', attempt: 0, answered: true };
    const full = Array.from({ length: 70 }, () => [begin, deliver]).flat();
    const model = new LedgerModel().run(full);
    expect(model.refusals.get('full')).toBe(6);
    expect(model.head.tail).toHaveLength(64);
    model.run([{ step: 'seal' }, deliver]);
    expect(model.applied).toHaveLength(65);
  });
});

const without = (write: Write, drop: (condition: Condition) => boolean): Write =>
  write.kind === 'update' && write.changes.append !== undefined
    ? { ...write, conditions: (write.conditions ?? []).filter((condition) => !drop(condition)) }
    : write;

/** Rules of the protocol that are there for a reason, each taken out. */
const SABOTAGE: Record<string, Sabotage> = {
  'the commit id is not looked at': (write) => without(write, ({ clause }) => clause === 'lacks'),
  'ids leave the head but late attempts may pass': (write) => without(write, ({ clause }) => clause === 'at-most'),
  'the fence is not looked at': (write) =>
    without(write, (condition) => 'attribute' in condition && condition.attribute === 'w'),
  'a page may replace one that is there': (write) => (write.kind === 'put' ? { ...write, conditions: [] } : write),
  'a trim does not look at the seal count': (write) =>
    write.kind === 'update' && write.changes.dropFirst !== undefined ? { ...write, conditions: [] } : write,
  'a trim takes the whole tail, whatever the page holds': (write, model) =>
    write.kind === 'update' && write.changes.dropFirst !== undefined
      ? {
          ...write,
          changes: { ...write.changes, dropFirst: { ...write.changes.dropFirst, t: model.head.tail.length } },
        }
      : write,
  'ids leave the head with their seal': (write) =>
    write.kind === 'update' && write.changes.dropFirst !== undefined
      ? {
          ...write,
          changes: {
            ...write.changes,
            dropFirst: { ...write.changes.dropFirst, r: write.changes.dropFirst['t'] ?? 0 },
          },
        }
      : write,
};

describe('the checks', () => {
  it.each(Object.entries(SABOTAGE))('notice where %s', (_, sabotage) => {
    const property = fc.property(schedule, (steps) => void new LedgerModel(sabotage).run(steps));
    expect(fc.check(property, { numRuns: 400, endOnFailure: true }).failed).toBe(true);
  });
});
