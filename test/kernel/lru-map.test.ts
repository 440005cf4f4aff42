import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LruMap } from '../../lib/kernel/lru-map.ts';

describe('LruMap', () => {
  it('holds what was used last, up to its size, like a list that everything used moves to the end of', () => {
    const action = fc.tuple(fc.constantFrom('get', 'set', 'delete'), fc.nat({ max: 9 }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(action, { maxLength: 60 }), (entriesMax, actions) => {
        const map = new LruMap<number, number>(entriesMax);
        let model: [number, number][] = [];
        for (const [at, [what, key]] of actions.entries()) {
          const found = model.find(([known]) => known === key);
          model = model.filter((entry) => entry !== found);
          const expected = what === 'get' ? found?.[1] : undefined;
          if (what === 'set') {
            map.set(key, at);
            model = [...model, [key, at] as [number, number]].slice(-entriesMax);
          } else if (what === 'delete') {
            map.delete(key);
          } else if (found !== undefined) {
            model.push(found);
          }
          expect(what === 'get' ? map.get(key) : undefined).toBe(expected);
        }
        // Looking changes the order, so only once at the end.
        for (const key of Array.from({ length: 10 }, (_, i) => i)) {
          expect(map.get(key)).toBe(model.find(([known]) => known === key)?.[1]);
        }
      }),
    );
  });

  it('holds what is not too heavy together, and never what is by itself', () => {
    const weightMax = 10;
    const values = fc.array(fc.tuple(fc.nat({ max: 9 }), fc.integer({ min: 1, max: 12 })), { maxLength: 60 });
    fc.assert(
      fc.property(values, (sets) => {
        const map = new LruMap<number, number>(weightMax, { weigh: (weight) => weight });
        let model: [number, number][] = [];
        for (const [key, weight] of sets) {
          map.set(key, weight);
          model = [...model.filter(([known]) => known !== key), [key, weight]];
          while (model.reduce((sum, [, each]) => sum + each, 0) > weightMax) model.shift();
          for (const [known, each] of model) expect(map.get(known)).toBe(each);
        }
        const kept = Array.from({ length: 10 }, (_, key) => map.get(key)).filter((weight) => weight !== undefined);
        expect(kept).toHaveLength(model.length);
      }),
    );
  });
});
