import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pauseMs } from '../../../lib/coordination/triggers/backoff.ts';
import { advanced, asOf, committable, laneOf, newLane, newLanes } from '../../../lib/coordination/triggers/lanes.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';

describe('lanes', () => {
  it('have equal keys together, wherever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat(), fc.nat(), fc.integer({ min: 1, max: 10 }), (key, a, b, count) => {
        const lane = laneOf({ key, offset: a }, count);
        expect(lane).toBe(laneOf({ key, offset: b }, count));
        expect(lane).toBeGreaterThanOrEqual(0);
        expect(lane).toBeLessThan(count);
      }),
    );
  });

  it('have about as much each, of keys and of records without one', () => {
    for (const keyed of [true, false]) {
      const counts = [0, 0, 0, 0];
      for (let offset = 0; offset < 4_000; offset++) {
        const lane = laneOf({ key: keyed ? utf8(`k${offset}`) : null, offset }, 4);
        counts[lane] = (counts[lane] ?? 0) + 1;
      }
      for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
    }
  });

  it('let the group commit what is done in all of them', () => {
    expect(committable([newLane(7), newLane(3), newLane(9)])).toBe(3);
    expect(newLanes(5, 3).map(({ next }) => next)).toEqual([5, 5, 5]);
  });

  it('go on with fresh counters, and keep the ends that lie ahead', () => {
    const lane = { ...newLane(10), ends: [40, 20], attempts: 2, sinceMs: 5, dueMs: 6 };
    expect(advanced(lane, 20)).toEqual({ ...newLane(20), ends: [40] });
    expect(advanced(lane, 10)).toBe(lane);
    expect(advanced(lane, 3)).toBe(lane);
  });

  it('wait with what follows for an attempt that may still be running', () => {
    const lane = { ...newLane(10), unheard: 1, sinceMs: 5, dueMs: 6 };
    expect(advanced(lane, 20)).toEqual({ ...newLane(20), dueMs: 6 });
    const { dueMs: _, ...undue } = lane;
    expect(advanced(undue, 20)).toEqual(newLane(20));
  });

  it('wait for no time that is past', () => {
    const lane = { ...newLane(10), attempts: 1, dueMs: 6 };
    expect(asOf(lane, 5)).toBe(lane);
    expect(asOf(lane, 6)).toEqual({ ...newLane(10), attempts: 1 });
    expect(asOf(newLane(10), 6)).toEqual(newLane(10));
  });

  it('all wait for what other lanes may have running, where they begin', () => {
    expect(newLanes(5, 2, 7)).toEqual([
      { ...newLane(5), dueMs: 7 },
      { ...newLane(5), dueMs: 7 },
    ]);
    expect(newLanes(5, 1)).toEqual([newLane(5)]);
  });
});

describe('a pause', () => {
  it('is anywhere below a bound that doubles up to a limit', () => {
    const by = { minMs: 100, maxMs: 1_000, fraction: 1 };
    expect([0, 1, 2, 3, 4, 5, 1_000].map((count) => pauseMs(count, by))).toEqual([
      100, 100, 200, 400, 800, 1_000, 1_000,
    ]);
    expect(pauseMs(3, { ...by, fraction: 0 })).toBe(0);
    expect(pauseMs(3, { ...by, fraction: 0.5 })).toBe(200);
  });
});
