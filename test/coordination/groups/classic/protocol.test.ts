/** Random schedules of a classic group (test/support/classic-model.ts), and the same with a rule taken out. */
import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { ClassicModel, type ClassicSabotage, type ClassicStep } from '../../../support/classic-model.ts';

/** Many schedules, on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000 });

const client = fc.nat({ max: 3 });
const late = fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
const is = <T extends string>(...names: T[]) => ({ step: fc.constantFrom(...names) });
const ms = fc.constantFrom(500, 3_100, 3_100, 13_000);

const step: fc.Arbitrary<ClassicStep> = fc.oneof(
  { weight: 40, arbitrary: fc.record({ ...is('turn'), client }) },
  { weight: 2, arbitrary: fc.record({ ...is('join'), client, late }) },
  { weight: 4, arbitrary: fc.record({ ...is('answer'), client, late }) },
  { weight: 6, arbitrary: fc.record({ ...is('sync'), client, late }) },
  { weight: 3, arbitrary: fc.record({ ...is('heartbeat'), client, late }) },
  { weight: 10, arbitrary: fc.record({ ...is('commit'), client, late }) },
  { weight: 1, arbitrary: fc.record({ ...is('leave'), client, late }) },
  { weight: 1, arbitrary: fc.record({ ...is('crash'), client }) },
  { weight: 2, arbitrary: fc.record({ ...is('round'), late }) },
  { weight: 2, arbitrary: fc.record({ ...is('look'), late }) },
  { weight: 5, arbitrary: fc.record({ ...is('tick'), ms }) },
  { weight: 6, arbitrary: fc.record({ ...is('late'), write: fc.nat({ max: 9 }) }) },
);
const schedules = fc.array(step, { minLength: 40, maxLength: 160, size: 'max' });

function holds(runs: number, sabotage?: ClassicSabotage) {
  const seen = new Map<string, number>();
  const property = fc.property(schedules, (steps) => {
    const { done } = new ClassicModel(sabotage).run(steps);
    for (const [what, times] of done) seen.set(what, (seen.get(what) ?? 0) + times);
  });
  fc.assert(property, { numRuns: runs, seed: 19, endOnFailure: true });
  return seen;
}

const EVERYTHING = [
  'join: id-required',
  'join: wait',
  'join: current',
  'answer: in',
  'answer: ask-again',
  'sync: close',
  'assign',
  'sync: assigned',
  'heartbeat: rebalance',
  'commit',
  'commit refused',
  'to preparing',
  'to completing',
  'raise',
  'remove',
  'leave',
];

test('a classic group takes no commit of a generation that another one has followed', () => {
  const seen = holds(800);
  for (const what of EVERYTHING) expect(seen.get(what) ?? 0, what).toBeGreaterThan(10);
});

test('a classic group whose members go on is one generation in the end, with an owner for every partition', () => {
  const property = fc.property(schedules, (steps) => {
    new ClassicModel().run(steps).settle();
  });
  fc.assert(property, { numRuns: 200, seed: 2 });
  expect.assertions(0);
});

describe('random schedules come upon', () => {
  test.each<[string, ClassicSabotage]>([
    ['assignments that are handed out before earlier generations are closed', { neverClose: true }],
    ['commits without a fence', { unfenced: true }],
  ])('%s', (_rule, sabotage) => {
    expect(() => holds(3_000, sabotage)).toThrow(/Property failed/);
  });
});
