/**
 * Random schedules of a replicated ledger (test/support/replication-model.ts): writers with both kinds of acks,
 * replicas that fail and come back, copiers, sealers, elections on any belief of who is alive. And the same with a rule
 * taken out, which the checks must notice.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coveredCommits } from '../../../lib/coordination/replication/ledger-view.ts';
import { ReplicationModel } from '../../support/replication-model.ts';
import { sabotages } from '../../support/replication-sabotage.ts';
import type { Sabotage, Step } from '../../support/replication-steps.ts';

const replica = fc.integer({ min: 0, max: 2 });
const slot = fc.integer({ min: 0, max: 2 });
const acks = fc.constantFrom('leader' as const, 'all' as const);
const age = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 6 }) },
);
const late = fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
const which = fc.integer({ min: 0, max: 3 });
const at = { view: age, late };

function step(unclean: boolean): fc.Arbitrary<Step> {
  const is = <T extends string>(name: T) => ({ step: fc.constant(name) });
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        ...is('begin'),
        acks,
        slot,
        records: fc.integer({ min: 1, max: 5 }),
        inline: fc.boolean(),
        view: age,
      }),
    },
    { weight: 8, arbitrary: fc.record({ ...is('upload'), writer: which, replica }) },
    { weight: 4, arbitrary: fc.record({ ...is('append'), writer: which, late }) },
    { weight: 4, arbitrary: fc.record({ ...is('produce'), acks, slot }) },
    { weight: 3, arbitrary: fc.record({ ...is('look'), writer: which, view: age }) },
    { weight: 2, arbitrary: fc.record({ ...is('raise'), writer: which, replica, ...at }) },
    { weight: 5, arbitrary: fc.record({ ...is('copy'), replica, commits: fc.integer({ min: 1, max: 20 }), ...at }) },
    { weight: 2, arbitrary: fc.record({ ...is('leave'), replica, ...at }) },
    { weight: 3, arbitrary: fc.record({ ...is('start-joining'), replica, ...at }) },
    { weight: 4, arbitrary: fc.record({ ...is('join'), replica, ...at }) },
    {
      weight: 2,
      arbitrary: fc.record({
        ...is('elect'),
        alive: fc.integer({ min: 0, max: 7 }),
        unclean: fc.constant(unclean),
        ...at,
      }),
    },
    { weight: 3, arbitrary: fc.record({ ...is('prefer'), ...at }) },
    { weight: 2, arbitrary: fc.record({ ...is('seal'), ...at }) },
    { weight: 4, arbitrary: fc.record({ ...is('late'), write: fc.integer({ min: 0, max: 9 }) }) },
    { weight: 1, arbitrary: fc.record({ ...is('fail'), replica }) },
    { weight: 1, arbitrary: fc.record(is('heal')) },
    { weight: 2, arbitrary: fc.record({ ...is('restore'), replica }) },
  );
}

const schedules = (unclean: boolean) => fc.array(step(unclean), { minLength: 20, maxLength: 120, size: 'max' });

function holds(runs: number, { unclean = false, sabotage }: { unclean?: boolean; sabotage?: Sabotage } = {}) {
  const seen = new Map<string, number>();
  const property = fc.property(schedules(unclean), (steps) => {
    const { done } = new ReplicationModel(sabotage).run(steps);
    for (const [what, times] of done) seen.set(what, (seen.get(what) ?? 0) + times);
  });
  fc.assert(property, { numRuns: runs, seed: 11, endOnFailure: true });
  return seen;
}

const EVERYTHING = [
  'acked all',
  'acked leader',
  'append',
  'cursor',
  'leave',
  'start-joining',
  'join',
  'elect',
  'clean',
  'preferred',
  'page',
  'trim',
  'append refused',
  'cursor refused',
  'join refused',
  'elect refused',
];

describe('a replicated ledger', () => {
  test('keeps what it answered, and all that was readable, under any schedule', () => {
    const seen = holds(1_000);
    for (const what of EVERYTHING) expect(seen.get(what) ?? 0, what).toBeGreaterThan(20);
    expect(seen.get('unclean')).toBeUndefined();
  });

  test('keeps the same, and every offset, where any replica may be elected', () => {
    expect(holds(600, { unclean: true }).get('unclean') ?? 0).toBeGreaterThan(100);
  });
});

test('a replicated ledger whose replicas are all well again is whole again, whatever happened', () => {
  const property = fc.property(schedules(true), (steps) => {
    const { state, cursors, paged, tail, ...view } = new ReplicationModel().run(steps).heal();
    expect(state).toMatchObject({ leader: 0, inSync: 7, joining: 0 });
    expect(coveredCommits({ ...view, state, cursors, paged, tail })).toBe(paged + tail.length);
  });
  fc.assert(property, { numRuns: 300, seed: 5 });
});

/** Those that random schedules come upon within some seconds; schedules.test.ts has all. */
const FOUND_BY_CHANCE = [
  'acks=all answered above a gap that acks=leader left',
  'an append of an old epoch',
  'a cursor of an old epoch',
  'an election on an old look at the head',
  'a seal above the high watermark',
  'a leaver whose cursor is not kept',
  'cursors that an election does not lower',
] as const;

describe('random schedules come upon', () => {
  test.each(FOUND_BY_CHANCE)('%s', (rule) => {
    expect(() => holds(3_000, { sabotage: sabotages[rule] })).toThrow(/Property failed/);
  });
});
