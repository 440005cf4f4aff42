import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Homes, settleHomes } from '../../../lib/coordination/producers/homes.ts';
import { producerLimits } from '../../../lib/kernel/limits/producers.ts';

const NOW = 1_000_000_000;
const DAY = 86_400_000;
const MOST = producerLimits.producersInHeadMax;
const IDLE = producerLimits.producerIdleInHeadMs;

/** `count` producers of 60 bytes in the head, p0 the one that has not appended for longest. */
function full(count: number, newestAgoMs: number): Homes['inHead'] {
  return new Map(
    Array.from({ length: count }, (_, i) => [`p${i}`, { bytes: 60, lastMs: NOW - newestAgoMs - (count - i) }]),
  );
}

const settle = (inHead: Homes['inHead'], appending: Record<string, number>) =>
  settleHomes({ inHead, appending: new Map(Object.entries(appending)), nowMs: NOW, expirationMs: DAY });

describe('homes', () => {
  it('are in the head while there is room', () => {
    expect(settle(full(MOST - 1, 0), { new: 60 })).toEqual({ stay: new Set(['new']), out: [], forgotten: [] });
  });

  it('stay in the head for those that are there', () => {
    expect(settle(full(MOST, 0), { p5: 61 })).toEqual({ stay: new Set(['p5']), out: [], forgotten: [] });
  });

  it('are their own items where the others in the head append too', () => {
    expect(settle(full(MOST, 0), { new: 60 })).toEqual({ stay: new Set(), out: [], forgotten: [] });
  });

  it('in the head are given up by the one that has not appended for longest, once that is a while', () => {
    expect(settle(full(MOST, IDLE), { a: 60, b: 60 })).toEqual({
      stay: new Set(['a', 'b']),
      out: ['p0', 'p1'],
      forgotten: [],
    });
  });

  it('are not kept for the expired', () => {
    expect(settle(full(MOST, DAY), { new: 60 })).toMatchObject({ out: [], stay: new Set(['new']) });
    expect(settle(full(3, DAY), { p1: 60 }).forgotten).toEqual(['p0', 'p2']);
  });

  it('are given up, least recent first, to one that is there and has grown', () => {
    const inHead = new Map(full(20, 0)).set('big', { bytes: 2_000, lastMs: NOW });
    const { stay, out } = settle(inHead, { p3: 1_000 });
    expect(stay).toEqual(new Set(['p3']));
    expect(out).toEqual(['p0']);
  });

  it('are bounded by count and bytes, one for each producer, whatever comes', () => {
    const sizes = fc.integer({ min: 20, max: 3_000 });
    const any = fc.record({
      inHead: fc.dictionary(
        fc.nat({ max: 60 }).map(String),
        fc.record({ bytes: sizes, lastMs: fc.integer({ min: NOW - 2 * DAY, max: NOW }) }),
        {
          maxKeys: MOST,
        },
      ),
      appending: fc.dictionary(fc.nat({ max: 60 }).map(String), sizes, {
        minKeys: 1,
        maxKeys: producerLimits.producersPerCommitMax,
      }),
    });
    fc.assert(
      fc.property(any, (given) => {
        const inHead = new Map(Object.entries(given.inHead));
        const appending = new Map(Object.entries(given.appending));
        const { stay, out, forgotten } = settleHomes({ inHead, appending, nowMs: NOW, expirationMs: DAY });
        const gone = new Set([...out, ...forgotten, ...appending.keys()]);
        const others = [...inHead].filter(([key]) => !gone.has(key));
        const bytes = others.reduce((sum, [, { bytes: size }]) => sum + size, 0);
        const added = [...stay].reduce((sum, key) => sum + (appending.get(key) as number), 0);
        const before = [...inHead.values()].reduce((sum, { bytes: size }) => sum + size, 0);
        expect(stay.size + others.length).toBeLessThanOrEqual(MOST);
        // Nobody is thrown out for bytes that nobody adds.
        const after = stay.size > 0 ? bytes + added : 0;
        expect(after).toBeLessThanOrEqual(Math.max(producerLimits.producerBytesInHeadMax, before));
        for (const key of [...out, ...forgotten]) expect(inHead.has(key) && !appending.has(key)).toBe(true);
        for (const key of stay) expect(appending.has(key)).toBe(true);
        for (const key of forgotten) expect(NOW - (inHead.get(key)?.lastMs as number)).toBeGreaterThanOrEqual(DAY);
      }),
    );
  });
});
