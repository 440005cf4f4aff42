import { describe, expect, it } from 'vitest';
import { type Lease, taken } from '../../../lib/coordination/triggers/lease-item.ts';
import { decideTake } from '../../../lib/coordination/triggers/take.ts';
import { triggerLimits } from '../../../lib/kernel/limits/triggers.ts';

const nowMs = 1_767_225_600_000;
const held = taken(undefined, { holder: 'a', untilMs: nowMs + 60_000, wanted: 7, nowMs, topic: 't', trigger: 'f' });
const { holder: _, ...rest } = held;
const free: Lease = { ...rest, untilMs: 0, committed: 100 };
const wish = { nowMs, wanted: 0, batchSize: 10 };

describe('a lease', () => {
  it('that nobody ever had is taken', () => {
    expect(decideTake(undefined, wish)).toEqual({ outcome: 'take', why: 'new' });
  });

  it('that is held is left, with what is wanted where its holder may not know', () => {
    expect(decideTake(held, { ...wish, wanted: 8 })).toEqual({ outcome: 'held', untilMs: nowMs + 60_000, leave: true });
    expect(decideTake(held, { ...wish, wanted: 7 })).toMatchObject({ outcome: 'held', leave: false });
    expect(decideTake(held, wish)).toMatchObject({ outcome: 'held', leave: false });
  });

  it('is taken from a holder only when its time is over by more than clocks differ', () => {
    const overMs = nowMs + 60_000 + triggerLimits.triggerClockSkewMsMax;
    expect(decideTake(held, { ...wish, nowMs: overMs - 1 })).toMatchObject({ outcome: 'held' });
    expect(decideTake(held, { ...wish, nowMs: overMs })).toEqual({ outcome: 'take', why: 'expired' });
  });

  it('is not held for ever by a clock that was years ahead', () => {
    const wrong = { ...held, untilMs: nowMs + 365 * 24 * 3_600_000 };
    expect(decideTake(wrong, wish)).toEqual({ outcome: 'take', why: 'expired' });
    expect(decideTake({ ...free, nextMs: wrong.untilMs }, wish)).toEqual({ outcome: 'take', why: 'free' });
  });

  it('that is free is taken for records above what is committed, and to look', () => {
    expect(decideTake(free, { ...wish, wanted: 101 })).toEqual({ outcome: 'take', why: 'free' });
    expect(decideTake(free, wish)).toEqual({ outcome: 'take', why: 'free' });
    expect(decideTake(free, { ...wish, wanted: 100 })).toEqual({ outcome: 'reached' });
  });

  it('that waits for its next attempt is not taken before, whatever comes in', () => {
    const waiting = { ...free, nextMs: nowMs + 5_000 };
    expect(decideTake(waiting, { ...wish, wanted: 500 })).toEqual({ outcome: 'not-due', dueMs: nowMs + 5_000 });
    expect(decideTake(waiting, { ...wish, nowMs: nowMs + 5_000, wanted: 100 })).toEqual({
      outcome: 'take',
      why: 'free',
    });
  });

  it('that waits for the end of a window is taken for records of it', () => {
    const lane = { next: 100, ends: [], attempts: 0, unheard: 0, pauses: 0 };
    const open: Lease = { ...free, nextMs: nowMs + 5_000, lanes: [lane], window: { startMs: nowMs, hasBegun: true } };
    expect(decideTake(open, { ...wish, wanted: 101 })).toEqual({ outcome: 'take', why: 'free' });
    expect(decideTake(open, { ...wish, wanted: 100 })).toMatchObject({ outcome: 'not-due' });
    const failing = { ...open, lanes: [{ ...lane, attempts: 1, dueMs: nowMs + 5_000 }] };
    expect(decideTake(failing, { ...wish, wanted: 101 })).toMatchObject({ outcome: 'not-due' });
  });

  it('whose window was left open without a time for its end is taken, whatever is committed', () => {
    const open: Lease = { ...free, window: { startMs: nowMs, hasBegun: true } };
    expect(decideTake(open, { ...wish, wanted: 100 })).toEqual({ outcome: 'take', why: 'free' });
    const ended: Lease = { ...free, window: { startMs: nowMs, hasBegun: false } };
    expect(decideTake(ended, { ...wish, wanted: 100 })).toEqual({ outcome: 'reached' });
  });

  it('that waits for a batch to fill is taken as soon as it would be full', () => {
    const filling = { ...free, nextMs: nowMs + 5_000, fillingSinceMs: nowMs - 1 };
    expect(decideTake(filling, { ...wish, wanted: 109 })).toMatchObject({ outcome: 'not-due' });
    expect(decideTake(filling, { ...wish, wanted: 110 })).toEqual({ outcome: 'take', why: 'free' });
  });
});
