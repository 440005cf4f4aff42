import { describe, expect, it } from 'vitest';
import {
  isWindowOver,
  windowAfter,
  windowEnded,
  windowEndMs,
  windowOf,
} from '../../../lib/coordination/triggers/window.ts';

const span = { spanMs: 10_000, graceMs: 1_000 };
const open = windowAfter(20_000, '{"n":1}');

describe('a tumbling window', () => {
  it('begins at a multiple of its span', () => {
    expect(windowOf(undefined, 25_000, 10_000)).toBe(20_000);
    expect(windowOf(undefined, 30_000, 10_000)).toBe(30_000);
    expect(windowOf(undefined, -1, 10_000)).toBe(-10_000);
  });

  it('takes what is late, as long as it is open and afterwards', () => {
    expect(windowOf(open, 12_000, 10_000)).toBe(20_000);
    expect(windowOf(windowEnded(20_000, { spanMs: 10_000, early: false }), 25_000, 10_000)).toBe(30_000);
  });

  it('is over when a record of a later one comes', () => {
    expect(isWindowOver(open, { timestampMs: 29_999 }, span)).toBe(false);
    expect(isWindowOver(open, { timestampMs: 30_000 }, span)).toBe(true);
  });

  it('is over when its time is, and a while for what is late', () => {
    expect(windowEndMs(open, span)).toBe(31_000);
    expect(isWindowOver(open, { endedMs: 30_999 }, span)).toBe(false);
    expect(isWindowOver(open, { endedMs: 31_000 }, span)).toBe(true);
  });

  it('that has had no record needs no end', () => {
    const ended = windowEnded(20_000, { spanMs: 10_000, early: false });
    expect(isWindowOver(ended, { endedMs: 90_000 }, span)).toBe(false);
    expect(isWindowOver(undefined, { timestampMs: 1 }, span)).toBe(false);
  });

  it('that ended early begins again with records of its time', () => {
    const again = windowEnded(20_000, { spanMs: 10_000, early: true });
    expect(again).toEqual({ startMs: 20_000, hasBegun: false });
    expect(windowOf(again, 25_000, 10_000)).toBe(20_000);
  });
});
