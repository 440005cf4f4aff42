import { describe, expect, it } from 'vitest';
import { type Delivery, judge } from './delivery-log.ts';

const EXPECTED = { ends: [6], isPoison: (_partition: number, offset: number) => offset === 3 };

/** One after the other, unless it says otherwise. */
function deliveries(...steps: (Partial<Delivery> & { offsets: number[]; doneBefore: number })[]): Delivery[] {
  return steps.map((step, index) => {
    const usual = { id: String(index), partition: 0, startedMs: index * 10, endedMs: index * 10 + 5 };
    return Object.assign(usual, step);
  });
}

const GOOD = deliveries(
  { offsets: [0, 1, 2, 3, 4, 5], doneBefore: 3 },
  { offsets: [3, 4, 5], doneBefore: 3 },
  { offsets: [3], doneBefore: -1 },
  { offsets: [4, 5], doneBefore: 6 },
);

describe('the judge of deliveries', () => {
  it('finds nothing in a delivery that is right', () => {
    expect(judge(GOOD, EXPECTED)).toEqual({ faults: [], repeated: 0, concurrent: 1 });
  });

  it('counts what is processed again', () => {
    const again = [...GOOD, ...deliveries({ offsets: [0, 1, 2, 3], doneBefore: 3, startedMs: 50, endedMs: 51 })];
    expect(judge(again, EXPECTED)).toMatchObject({ faults: [], repeated: 3 });
  });

  it.each([
    ['a record that was skipped', deliveries({ offsets: [0, 1], doneBefore: 2 }, { offsets: [4, 5], doneBefore: 6 })],
    [
      'poison that was never tried',
      deliveries({ offsets: [0, 1, 2], doneBefore: 3 }, { offsets: [4, 5], doneBefore: 6 }),
    ],
    ['a batch with a gap', deliveries({ offsets: [0, 1, 2, 4, 5], doneBefore: 6 })],
    ['an end that is missing', GOOD.slice(0, -1)],
    ['a failure that is passed over', deliveries({ offsets: [0, 1, 2], doneBefore: 1 }, ...GOOD.slice(1))],
    [
      'two invocations at once',
      GOOD.map((delivery) => Object.assign({}, delivery, { endedMs: delivery.startedMs + 11 })),
    ],
  ])('finds %s', (_name, wrong) => {
    expect(judge(wrong, EXPECTED).faults).not.toEqual([]);
  });
});
