import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AgeProgress, passByAge } from '../../../lib/log/retention/by-age.ts';
import type { LogPiece } from '../../../lib/log/retention/piece.ts';
import { pieces } from '../../support/log-pieces.ts';

const fresh = (reached: number): AgeProgress => ({ reached, ended: false });
const piece = (base: number, end: number, newestMs: number): LogPiece => ({ base, end, newestMs, bytes: 1 });

const log = fc.record({
  list: pieces,
  at: fc.nat({ max: 100 }),
  watermark: fc.nat({ max: 100 }),
  retentionMs: fc.nat({ max: 60 }),
  nowMs: fc.nat({ max: 100 }),
  cuts: fc.array(fc.nat({ max: 20 }), { maxLength: 3 }),
});

describe('retention by age', () => {
  it('passes what is older, up to the first piece that is not, however the pieces are handed over', () => {
    fc.assert(
      fc.property(log, ({ list, at, watermark, retentionMs, nowMs, cuts }) => {
        const end = list.at(-1)?.end ?? 0;
        const start = Math.min(at, end);
        const highWatermark = Math.max(start, Math.min(watermark, end));
        const bounds = { retentionMs, nowMs, highWatermark };
        const { reached } = passByAge(fresh(start), list, bounds);
        expect(reached).toBeGreaterThanOrEqual(start);
        expect(reached).toBeLessThanOrEqual(highWatermark);
        const gone = list.filter((one) => one.end > start && one.end <= reached);
        expect(gone.every(({ newestMs }) => nowMs - newestMs > retentionMs)).toBe(true);
        expect([start, ...list.map((one) => one.end)]).toContain(reached);
        let progress = fresh(start);
        let from = 0;
        for (const to of [...cuts.toSorted((a, b) => a - b), list.length]) {
          progress = passByAge(progress, list.slice(from, to), bounds);
          from = Math.max(from, to);
        }
        expect(progress.reached).toBe(reached);
      }),
    );
  });

  it('leaves nothing that could go', () => {
    fc.assert(
      fc.property(log, ({ list, retentionMs, nowMs }) => {
        const end = list.at(-1)?.end ?? 0;
        const { reached } = passByAge(fresh(0), list, { retentionMs, nowMs, highWatermark: end });
        const next = list.find((one) => one.end > reached);
        expect(next === undefined || nowMs - next.newestMs <= retentionMs).toBe(true);
      }),
    );
  });

  it('is strict, as in Kafka: a record that is exactly as old stays', () => {
    const bounds = { retentionMs: 10, highWatermark: 5 };
    expect(passByAge(fresh(0), [piece(0, 5, 100)], { ...bounds, nowMs: 110 })).toEqual({ reached: 0, ended: true });
    expect(passByAge(fresh(0), [piece(0, 5, 100)], { ...bounds, nowMs: 111 })).toEqual({ reached: 5, ended: false });
  });

  it('is held up by a record of the future, by what is above the high watermark, and by what is missing', () => {
    const bounds = { retentionMs: 10, nowMs: 100, highWatermark: 20 };
    const old = [piece(0, 5, 1), piece(5, 10, 1)];
    expect(passByAge(fresh(0), [piece(0, 5, 1_000), ...old.slice(1)], bounds).reached).toBe(0);
    expect(passByAge(fresh(0), old, { ...bounds, highWatermark: 9 }).reached).toBe(5);
    expect(passByAge(fresh(0), [piece(0, 5, 1), piece(6, 10, 1)], bounds)).toEqual({ reached: 5, ended: true });
  });

  it('looks past what a log start within a piece has left of it', () => {
    const bounds = { retentionMs: 10, nowMs: 100, highWatermark: 20 };
    expect(passByAge(fresh(7), [piece(0, 5, 1_000), piece(5, 10, 1)], bounds).reached).toBe(10);
    expect(passByAge(fresh(7), [piece(5, 10, 99)], bounds).reached).toBe(7);
  });
});
