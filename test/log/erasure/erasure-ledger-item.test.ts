import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Attributes, Item, Write } from '../../../lib/kernel/items.ts';
import { erasureKey } from '../../../lib/log/erasure/erasure-item.ts';
import {
  decodeErasureLedger,
  planErasureLedger,
  planErasureOutcome,
  planErasureStep,
} from '../../../lib/log/erasure/erasure-ledger-item.ts';

const ID = '0123456789abcdef0123';
const LEDGER = { topicId: 'AAAAAAAAAAAAAAAAAAAAAA', index: 12 };
const offset = fc.integer({ min: 0, max: 2 ** 53 - 1 });

function planned(ends: readonly number[]): Item {
  const [put, check] = planErasureLedger({ id: ID, version: 3 }, LEDGER, { topic: 't', firstPartition: 48, ends });
  const asRead = [{ clause: 'equals', attribute: 'v', value: 3 }];
  expect(check).toEqual({ kind: 'check', key: erasureKey(ID), conditions: asRead });
  const { key, attributes } = put as Extract<Write, { kind: 'put' }>;
  return { key, attributes };
}

/** As a store does it. */
function apply({ key, attributes }: Item, write: Write): Item {
  const { changes, conditions, key: at } = write as Extract<Write, { kind: 'update' }>;
  expect([at, conditions]).toEqual([key, [{ clause: 'item-exists' }]]);
  const next: Attributes = { ...attributes, ...changes.set };
  for (const [name, by] of Object.entries(changes.add ?? {})) next[name] = ((attributes[name] ?? 0) as number) + by;
  for (const name of changes.remove ?? []) delete next[name];
  return { key, attributes: next };
}

it('is read as it was fixed', () => {
  fc.assert(
    fc.property(fc.array(offset, { minLength: 1, maxLength: 16 }), (ends) => {
      expect(decodeErasureLedger(planned(ends))).toEqual({
        ledger: LEDGER,
        topic: 't',
        slots: ends.map((end, slot) => ({ slot, partition: 48 + slot, end, erasedTo: 0, removed: 0, segments: 0 })),
        done: false,
      });
    }),
  );
});

it('adds up what several have done, each in its slot', () => {
  const steps = [
    { slot: 1, erasedTo: 5, removed: 2, segments: 1 },
    { slot: 1, erasedTo: 9, removed: 1, segments: 3 },
    { slot: 0, erasedTo: 4, removed: 0, segments: 0 },
  ];
  const item = steps.reduce((before, step) => apply(before, planErasureStep(ID, LEDGER, step)), planned([4, 9]));
  expect(decodeErasureLedger(item).slots).toMatchObject([
    { end: 4, erasedTo: 4, removed: 0, segments: 0 },
    { end: 9, erasedTo: 9, removed: 3, segments: 4 },
  ]);
});

it('has a problem until it is done', () => {
  const stuck = apply(planned([1]), planErasureOutcome(ID, LEDGER, { problem: 'a problem' }));
  expect(decodeErasureLedger(stuck)).toMatchObject({ done: false, problem: 'a problem' });
  const done = decodeErasureLedger(apply(stuck, planErasureOutcome(ID, LEDGER, {})));
  expect(done.done).toBe(true);
  expect(done).not.toHaveProperty('problem');
});
