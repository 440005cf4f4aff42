import { describe, expect, it } from 'vitest';
import { ObjectPartsCache } from '../../../lib/broker/lifecycle/object-parts.ts';
import { newObjectId } from '../../../lib/kernel/ids.ts';
import { retiringLimits } from '../../../lib/kernel/limits/retiring.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';

const object = newObjectId(1, seededRandom(1));

const partsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ ledger: { ...LEDGER, index }, part: index, seen: 7, runs: [] }));

describe('what is remembered of objects', () => {
  it('is their ledgers, and nothing of their records', () => {
    const cache = new ObjectPartsCache();
    cache.keep('a', { object, parts: partsOf(1) });
    expect(cache.get('a')).toEqual({ object, parts: [{ ledger: { ...LEDGER, index: 0 }, seen: 7 }] });
    expect(cache.get('b')).toBeUndefined();
    cache.forget('a');
    expect(cache.get('a')).toBeUndefined();
  });

  it('is read once for all who ask meanwhile, and again where it failed or there was nothing', async () => {
    const cache = new ObjectPartsCache();
    const outcomes = [undefined, new Error('slow down'), { object, parts: partsOf(1) }];
    let reads = 0;
    const read = async () => {
      const outcome = outcomes[reads++];
      await Promise.resolve();
      if (outcome instanceof Error) throw outcome;
      return outcome;
    };
    const both = () => Promise.allSettled([cache.find('a', read), cache.find('a', read)]);
    expect(await both()).toMatchObject([{ value: undefined }, { value: undefined }]);
    expect(await both()).toMatchObject([{ reason: outcomes[1] }, { reason: outcomes[1] }]);
    expect(await both()).toMatchObject([{ value: outcomes[2] }, { value: outcomes[2] }]);
    expect(reads).toBe(3);
    expect(await cache.find('a', read)).toMatchObject({ object });
    expect(reads).toBe(3);
  });

  it('is bounded by their parts; what was not used for longest goes first', () => {
    const cache = new ObjectPartsCache();
    const half = retiringLimits.objectPartsRemembered / 2;
    cache.keep('a', { object, parts: partsOf(half) });
    cache.keep('b', { object, parts: partsOf(1) });
    // Kept again, it counts once.
    cache.keep('b', { object, parts: partsOf(half) });
    cache.get('a');
    cache.keep('c', { object, parts: partsOf(1) });
    expect(['a', 'b', 'c'].filter((name) => cache.get(name) !== undefined)).toEqual(['a', 'c']);
    cache.forget('b');
    cache.keep('d', { object, parts: partsOf(half - 1) });
    expect(['a', 'c', 'd'].filter((name) => cache.get(name) !== undefined)).toEqual(['a', 'c', 'd']);
  });
});
