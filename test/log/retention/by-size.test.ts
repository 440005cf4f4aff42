import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SizeProgress, weigh } from '../../../lib/log/retention/by-size.ts';
import type { LogPiece } from '../../../lib/log/retention/piece.ts';
import { pieces } from '../../support/log-pieces.ts';

const fresh = (end: number): SizeProgress => ({ bytes: 0, reached: end, enough: false });
const bytesOf = (list: readonly LogPiece[]) => list.reduce((sum, { bytes }) => sum + bytes, 0);
const piece = (base: number, end: number, bytes: number): LogPiece => ({ base, end, bytes, newestMs: 0 });

describe('retention by size', () => {
  it('keeps at least as many bytes as it is to keep, or all there are, and no piece more than that takes', () => {
    fc.assert(
      fc.property(pieces, fc.nat({ max: 200 }), fc.nat({ max: 12 }), (list, retentionBytes, cut) => {
        const end = list.at(-1)?.end ?? 0;
        const bounds = { retentionBytes, highWatermark: end };
        const newestFirst = list.toReversed();
        const { reached, enough } = weigh(fresh(end), newestFirst, bounds);
        const kept = list.filter(({ base }) => base >= reached);
        expect(enough).toBe(bytesOf(list) >= retentionBytes);
        expect(bytesOf(kept)).toBeGreaterThanOrEqual(Math.min(retentionBytes, bytesOf(list)));
        expect(kept.length === 0 || bytesOf(kept.slice(1)) < retentionBytes).toBe(true);
        const first = weigh(fresh(end), newestFirst.slice(0, cut), bounds);
        expect(weigh(first, newestFirst.slice(cut), bounds)).toMatchObject({ reached, enough });
      }),
    );
  });

  it('lets nothing go that is above the high watermark', () => {
    fc.assert(
      fc.property(pieces, fc.nat({ max: 100 }), fc.nat({ max: 100 }), (list, retentionBytes, watermark) => {
        const end = list.at(-1)?.end ?? 0;
        const highWatermark = Math.min(watermark, end);
        const { reached, enough } = weigh(fresh(end), list.toReversed(), { retentionBytes, highWatermark });
        expect(!enough || reached <= highWatermark).toBe(true);
      }),
    );
  });

  it('lets all go where nothing is to be kept', () => {
    expect(weigh(fresh(9), [], { retentionBytes: 0, highWatermark: 9 })).toMatchObject({ reached: 9, enough: true });
  });

  it('weighs nothing twice that a piece has together with those behind it', () => {
    const list = [piece(6, 9, 2), piece(4, 8, 5), piece(0, 4, 1)];
    expect(weigh(fresh(9), list, { retentionBytes: 4, highWatermark: 9 })).toEqual({
      bytes: 3,
      reached: 0,
      enough: false,
    });
  });

  it('does not know what lies behind a piece that is missing', () => {
    const bounds = { retentionBytes: 3, highWatermark: 9 };
    const list = [piece(6, 9, 2), piece(0, 4, 9)];
    expect(weigh(fresh(9), list, bounds)).toEqual({ bytes: 2, reached: 6, enough: false });
  });
});
