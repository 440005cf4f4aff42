import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunked, mapBounded } from '../../lib/kernel/map-bounded.ts';
import { ShortTurns } from '../support/short-turns.ts';

describe('mapBounded', () => {
  it('keeps the order of the items whatever order the work ends in, and its bound', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        async (s, items, bound) => {
          let inFlight = 0;
          let most = 0;
          const work = s.scheduleFunction(async (item: number) => item * 2);
          const doubled = mapBounded(items, bound, async (item) => {
            most = Math.max(most, ++inFlight);
            const result = await work(item);
            inFlight--;
            return result;
          });
          await s.waitFor(doubled);
          expect(await doubled).toEqual(items.map((item) => item * 2));
          expect(most).toBe(Math.min(bound, items.length));
        },
      ),
    );
  });

  it('begins nothing after a failure, waits for what is under way, and throws the first failure', async () => {
    const ended: number[] = [];
    const gate = Promise.withResolvers<void>();
    const mapped = mapBounded([0, 1, 2, 3], 2, async (item) => {
      if (item === 0) throw new Error('first');
      await gate.promise;
      ended.push(item);
      throw new Error('second');
    });
    let settled = false;
    const outcome = mapped.catch((error: unknown) => error).finally(() => (settled = true));
    await new Promise(setImmediate);
    expect(settled).toBe(false);
    gate.resolve();
    expect(await outcome).toEqual(new Error('first'));
    expect(ended).toEqual([1]);
  });

  it('tells a failure with undefined from no failure', async () => {
    await expect(mapBounded([1], 1, () => Promise.reject(undefined))).rejects.toBeUndefined();
  });

  it('has breaks between items, where there are more than are in flight', async () => {
    const turns = new ShortTurns();
    const items = Array.from({ length: 100 }, (_, at) => at);
    const begun: number[] = [];
    const work = async (item: number) => {
      begun.push(item);
      return -item;
    };
    const mapped = mapBounded(items, 4, work, turns);
    // All that goes on without a break.
    for (let step = 0; step < 1_000; step++) await Promise.resolve();
    expect(begun.length).toBeLessThan(10);
    expect(await mapped).toEqual(items.map((item) => -item));
    expect(begun).toEqual(items);
    expect(turns.breaks).toBeGreaterThan(20);
  });

  it('asks for no break where all items are in flight at once', async () => {
    const turns = new ShortTurns();
    await mapBounded([1, 2, 3, 4], 4, async (item) => item, turns);
    expect(turns.breaks).toBe(0);
  });

  it('begins nothing in or after a break once something has failed', async () => {
    const begun: number[] = [];
    const mapped = mapBounded(
      [0, 1, 2, 3, 4, 5],
      2,
      async (item) => {
        begun.push(item);
        if (item > 1) throw new Error(String(item));
      },
      new ShortTurns(),
    );
    await expect(mapped).rejects.toThrow('2');
    expect(begun.length).toBeLessThan(5);
  });
});

describe('chunked', () => {
  it('cuts into full runs and a rest, losing nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), fc.integer({ min: 1, max: 10 }), (items, length) => {
        const chunks = chunked(items, length);
        expect(chunks.flat()).toEqual(items);
        expect(chunks.slice(0, -1).every((chunk) => chunk.length === length)).toBe(true);
        expect(chunks.every((chunk) => chunk.length > 0)).toBe(true);
      }),
    );
  });
});
