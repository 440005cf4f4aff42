import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AttemptResult,
  begun,
  done,
  isExhausted,
  paused,
  type RetryPolicy,
  settle,
} from '../../../lib/coordination/triggers/attempt.ts';
import { boundOf, type Lane, newLane } from '../../../lib/coordination/triggers/lanes.ts';
import { triggerLimits } from '../../../lib/kernel/limits/triggers.ts';

const policy = { retryAttempts: 2, bisectBatchOnError: false };
const bisecting = { retryAttempts: 2, bisectBatchOnError: true };
const at = { nowMs: 1_000, fraction: 0.5 };
const ten = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19];

function after(result: AttemptResult, { lane = newLane(10), offsets = ten, with: by = policy } = {}) {
  return settle({ lane: begun(lane, offsets, 1_000), offsets, result, policy: by, ...at });
}

describe("an attempt of a lane's first batch", () => {
  it('is counted when it begins, with its end', () => {
    expect(begun(newLane(10), ten, 1_000)).toEqual({ ...newLane(10), ends: [20], unheard: 1, sinceMs: 1_000 });
  });

  it('moves the lane behind the batch when all is done', () => {
    expect(after({ result: 'done' })).toEqual({ outcome: 'done', lane: newLane(20) });
  });

  it('that failed is followed by another of the same batch, after a pause', () => {
    const { outcome, lane } = after({ result: 'failed' });
    expect(outcome).toBe('retry');
    expect(lane).toMatchObject({ next: 10, ends: [20], attempts: 1, unheard: 0, sinceMs: 1_000 });
    expect(lane.dueMs).toBe(1_000 + triggerLimits.triggerRetryPauseMsMin / 2);
  });

  it('that was the last one exhausts the batch', () => {
    const { outcome, lane } = after({ result: 'failed' }, { lane: { ...newLane(10), ends: [20], attempts: 2 } });
    expect(outcome).toBe('exhausted');
    expect(isExhausted(lane, policy)).toBe(true);
    expect(done(lane, ten)).toEqual(newLane(20));
  });

  it('halves the batch where that is wished, without counting it', () => {
    const first = after({ result: 'failed' }, { with: bisecting });
    expect(first).toEqual({ outcome: 'split', lane: { ...newLane(10), ends: [20, 15] } });
    const half = settle({
      lane: begun(first.lane, [10, 11, 12, 13, 14], 1_000),
      offsets: [10, 11, 12, 13, 14],
      result: { result: 'done' },
      policy: bisecting,
      ...at,
    });
    expect(half.lane).toEqual({ ...newLane(15), ends: [20] });
  });

  it('does not halve what is one record, but counts', () => {
    const { outcome, lane } = after({ result: 'failed' }, { offsets: [10], with: bisecting });
    expect(outcome).toBe('retry');
    expect(lane.attempts).toBe(1);
  });

  it('that failed in part leaves the rest, whose first record has failed once', () => {
    const { outcome, lane } = after({ result: 'partial', firstFailedOffset: 14 });
    expect(outcome).toBe('retry');
    expect(lane).toMatchObject({ next: 14, ends: [20], attempts: 1, unheard: 0 });
  });

  it('that failed in part and may be split is split at the first that failed', () => {
    expect(after({ result: 'partial', firstFailedOffset: 14 }, { with: bisecting })).toEqual({
      outcome: 'split',
      lane: { ...newLane(14), ends: [20] },
    });
  });

  it('that failed at its first record is split behind it', () => {
    expect(after({ result: 'partial', firstFailedOffset: 10 }, { with: bisecting })).toEqual({
      outcome: 'split',
      lane: { ...newLane(10), ends: [20, 11] },
    });
  });

  it('is not counted where nothing has run, and the pauses grow', () => {
    for (const result of ['throttled', 'refused'] as const) {
      let lane: Lane = newLane(10);
      const pauses: number[] = [];
      for (let round = 0; round < 20; round++) {
        const settled = after({ result }, { lane });
        expect(settled.outcome).toBe('paused');
        ({ lane } = settled);
        expect(lane).toMatchObject({ next: 10, attempts: 0, unheard: 0 });
        pauses.push((lane.dueMs ?? 0) - 1_000);
      }
      expect(pauses[1]).toBe(2 * (pauses[0] as number));
      const max = result === 'refused' ? triggerLimits.triggerRefusalPauseMsMax : triggerLimits.triggerRetryPauseMsMax;
      expect(Math.max(...pauses)).toBe(max / 2);
    }
  });

  it('whose end nobody heard waits until the function has ended for certain', () => {
    const { outcome, lane } = after({ result: 'unknown', untilMs: 90_000 });
    expect(outcome).toBe('retry');
    expect(lane).toMatchObject({ attempts: 0, unheard: 1, dueMs: 90_000 });
  });

  it('does not give a batch up for one whose end nobody heard', () => {
    const none = { retryAttempts: 0, bisectBatchOnError: false };
    expect(isExhausted({ ...newLane(0), unheard: 1 }, none)).toBe(false);
    expect(isExhausted({ ...newLane(0), unheard: 1 + triggerLimits.triggerUnheardAttemptsMax }, none)).toBe(true);
  });

  it('ends a window without moving the lane', () => {
    const lane = { ...newLane(10), ends: [20] };
    expect(after({ result: 'done' }, { lane, offsets: [] }).lane).toEqual(lane);
    expect(after({ result: 'failed' }, { lane, offsets: [] }).lane).toMatchObject({ next: 10, attempts: 1 });
  });

  it('keeps the place of a batch whose destination fails', () => {
    const exhausted = { ...newLane(10), ends: [20], attempts: 3 };
    const lane = paused(exhausted, 'destination', at);
    expect(isExhausted(lane, policy)).toBe(true);
    expect(lane).toMatchObject({ next: 10, pauses: 1, attempts: 3 });
  });
});

interface Delivered {
  attempts: number[][];
  deliveredOk: Set<number>;
  givenUp: Set<number>;
  lane: Lane;
}

/** Delivers records 0 … n − 1 as the dispatcher would, while chance and poison decide what becomes of each attempt. */
function deliver(given: {
  records: number;
  batchSize: number;
  policy: RetryPolicy;
  poison: ReadonlySet<number>;
  draws: readonly number[];
}): Delivered {
  const { records, batchSize, policy: by, poison, draws } = given;
  const attempts: number[][] = [];
  const deliveredOk = new Set<number>();
  const givenUp = new Set<number>();
  let lane = newLane(0);
  let nowMs = 0;
  for (let step = 0; lane.next < records; step++) {
    expect(step).toBeLessThan(20_000);
    nowMs = Math.max(nowMs, lane.dueMs ?? 0);
    const end = Math.min(records, lane.next + batchSize, boundOf(lane) ?? records);
    const offsets = Array.from({ length: end - lane.next }, (_, index) => lane.next + index);
    if (isExhausted(lane, by)) {
      for (const offset of offsets) givenUp.add(offset);
      lane = done(lane, offsets);
      continue;
    }
    lane = begun(lane, offsets, nowMs);
    const draw = draws[step % draws.length] as number;
    if (draw === 1) continue; // the dispatcher dies before the function has the event
    attempts.push(offsets);
    if (draw === 2) continue; // … or after it
    const bad = offsets.find((offset) => poison.has(offset));
    const failure: AttemptResult =
      bad !== undefined && draw % 2 === 0 ? { result: 'partial', firstFailedOffset: bad } : { result: 'failed' };
    const result: AttemptResult =
      draw === 3 ? { result: 'throttled' } : bad === undefined ? { result: 'done' } : failure;
    if (result.result === 'done') for (const offset of offsets) deliveredOk.add(offset);
    if (result.result === 'partial') for (const o of offsets) if (o < result.firstFailedOffset) deliveredOk.add(o);
    const before = lane.next;
    ({ lane } = settle({ lane, offsets, result, policy: by, nowMs, fraction: 0.5 }));
    expect(lane.next).toBeGreaterThanOrEqual(before);
  }
  return { attempts, deliveredOk, givenUp, lane };
}

const runs = fc.record({
  records: fc.integer({ min: 1, max: 60 }),
  batchSize: fc.integer({ min: 1, max: 20 }),
  policy: fc.record({ retryAttempts: fc.integer({ min: 0, max: 4 }), bisectBatchOnError: fc.boolean() }),
  poison: fc.array(fc.nat(59), { maxLength: 6 }).map((list) => new Set(list)),
  draws: fc
    .array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 40 })
    .filter((list) => list.some((n) => n > 3)),
});

describe('the attempts of a lane', () => {
  it('skip nothing, and come to an end', () => {
    fc.assert(
      fc.property(runs, (run) => {
        const { deliveredOk, givenUp, lane } = deliver(run);
        for (let offset = 0; offset < run.records; offset++) {
          expect(deliveredOk.has(offset) || givenUp.has(offset)).toBe(true);
        }
        expect(lane.next).toBe(run.records);
      }),
    );
  });

  it('are bounded for a batch that fails', () => {
    fc.assert(
      fc.property(runs, (run) => {
        const { attempts } = deliver(run);
        const counts = new Map<string, number>();
        for (const offsets of attempts) {
          const name = `${offsets[0]}-${offsets.at(-1)}`;
          counts.set(name, (counts.get(name) ?? 0) + 1);
        }
        // Throttled attempts are among those made here, and each draw of them is at most once in a round of draws.
        const throttles = run.draws.filter((draw) => draw === 3).length;
        const unheard = triggerLimits.triggerUnheardAttemptsMax;
        for (const count of counts.values()) {
          expect(count).toBeLessThanOrEqual((run.policy.retryAttempts + 1 + unheard) * (1 + throttles));
        }
      }),
    );
  });

  it('begin in order: never behind a record that is not done', () => {
    fc.assert(
      fc.property(runs, (run) => {
        const { attempts } = deliver(run);
        const firsts = attempts.map((offsets) => offsets[0] as number);
        expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
      }),
    );
  });

  it('give up nothing but poison where batches are split and every end is heard', () => {
    fc.assert(
      fc.property(runs, fc.constantFrom([4], [5], [4, 5]), (run, draws) => {
        const { givenUp } = deliver({ ...run, draws, policy: { ...run.policy, bisectBatchOnError: true } });
        const poison = [...run.poison].filter((offset) => offset < run.records);
        expect([...givenUp].sort((a, b) => a - b)).toEqual(poison.sort((a, b) => a - b));
      }),
    );
  });

  it('find a poison record among many by about as many halvings as its batch has halves', () => {
    const { attempts } = deliver({
      records: 10_000,
      batchSize: 10_000,
      policy: { retryAttempts: 0, bisectBatchOnError: true },
      poison: new Set([7_777]),
      draws: [5],
    });
    expect(attempts.length).toBeLessThanOrEqual(2 * 14 + 2);
  });
});
