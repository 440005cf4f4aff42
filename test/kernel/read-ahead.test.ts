import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAhead } from '../../lib/kernel/read-ahead.ts';

const items = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 20 });

describe('readAhead', () => {
  it('answers in order and within its bounds, whatever order the reads end in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        items,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 20 }),
        async (s, sizes, inFlightMax, bytesMax) => {
          const held: number[] = [];
          const read = s.scheduleFunction(async (size: number) => size * 2);
          const bounds = { inFlightMax, bytesMax, bytesOf: (size: number) => size };
          const all = (async () => {
            const found: number[] = [];
            const reading = readAhead(sizes, bounds, (size) => {
              held.push(size);
              expect(held.length).toBeLessThanOrEqual(inFlightMax);
              const bytes = held.reduce((sum, one) => sum + one, 0);
              expect(held.length === 1 || bytes <= bytesMax).toBe(true);
              return read(size);
            });
            for await (const { item, result } of reading) {
              expect(result).toBe(item * 2);
              found.push(held.shift() as number);
            }
            return found;
          })();
          await s.waitFor(all);
          expect(await all).toEqual(sizes);
        },
      ),
    );
  });

  it('throws a failure in its turn', async () => {
    const seen: number[] = [];
    const bounds = { inFlightMax: 4, bytesMax: 100, bytesOf: () => 1 };
    const all = async () => {
      for await (const { item } of readAhead([1, 2, 3, 4], bounds, async (item) => {
        if (item === 3) throw new Error('not now');
      })) {
        seen.push(item);
      }
    };
    await expect(all()).rejects.toThrow('not now');
    expect(seen).toEqual([1, 2]);
  });

  it('reads no more, and waits for what is being read, when it is left early', async () => {
    const gate = Promise.withResolvers<void>();
    const begun: number[] = [];
    let left = false;
    const leave = (async () => {
      const bounds = { inFlightMax: 2, bytesMax: 100, bytesOf: () => 1 };
      for await (const { item } of readAhead([1, 2, 3], bounds, async (item) => {
        begun.push(item);
        if (item === 2) await gate.promise;
      })) {
        if (item === 1) break;
      }
      left = true;
    })();
    await new Promise(setImmediate);
    expect({ begun, left }).toEqual({ begun: [1, 2], left: false });
    gate.resolve();
    await leave;
    expect(begun).toEqual([1, 2]);
  });
});
