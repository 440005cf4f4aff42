import { describe, expect, it } from 'vitest';
import { ObjectPartsCache } from '../../../lib/broker/lifecycle/object-parts.ts';
import { newObjectId } from '../../../lib/kernel/ids.ts';
import { limits } from '../../../lib/kernel/limits.ts';
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

  it('is bounded by their parts; what was not used for longest goes first', () => {
    const cache = new ObjectPartsCache();
    const half = limits.objectPartsRemembered / 2;
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
