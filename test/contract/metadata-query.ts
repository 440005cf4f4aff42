/** The part of the contract of `MetadataStore` that is about queries. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import type { Query } from '../../lib/storage/metadata/port.ts';
import { compareText } from '../../lib/storage/metadata/text-order.ts';
import type { Fixture } from './metadata-store.ts';

export function querySuite(fixture: Fixture, numRuns: number): void {
  const { put } = fixture;
  describe('a query', () => {
    const sortKeys = ['B', 'a', 'a\0', 'aa', 'ab', 'b', 'é', '\u{e000}', '\u{10000}'];
    const fill = async (sks: readonly string[]) => {
      for (const sk of sks) await put({ at: sk }, { pk: 'p', sk });
      await put({ other: true }, { pk: 'p2', sk: 'a' });
      await put({ other: true }, { pk: 'o', sk: 'a' });
    };
    /** Follows the pages; bounded, so that a `next` that does not advance is found. */
    const all = async (query: Query): Promise<string[]> => {
      const found: string[] = [];
      let page = query;
      for (let pages = 0; pages < 50; pages++) {
        const { items, next } = await fixture.store.query(page);
        expect(items.length).toBeLessThanOrEqual(query.limit);
        found.push(...items.map((item) => item.key.sk));
        if (next === undefined) return found;
        page = query.descending ? { ...page, to: next } : { ...page, from: next };
      }
      throw new Error('a query does not come to its end');
    };

    test('returns the items of one partition key with their keys, in the order of UTF-8 bytes', async () => {
      await fill(sortKeys.toReversed());
      const { items } = await fixture.store.query({ pk: 'p', limit: 100, consistency: 'strong' });
      expect(items).toEqual(sortKeys.map((sk) => ({ key: { pk: 'p', sk }, attributes: { at: sk } })));
      const eventual = await fixture.store.query({ pk: 'p', limit: 100, consistency: 'eventual' });
      expect(eventual.items.every((item) => sortKeys.includes(item.key.sk))).toBe(true);
    });

    test('of a partition key without items is empty', async () => {
      expect(await fixture.store.query({ pk: 'none', limit: 10, consistency: 'strong' })).toEqual({ items: [] });
    });

    test('returns exactly the range, in either direction, however small its pages are', async () => {
      await fill(sortKeys);
      const bound = fc.option(
        fc.oneof(
          fc.constantFrom('', 'A', 'a', 'a\0', 'a\0\0', 'aaa', 'b', 'b\0', '\u{e000}', '\u{ffff}', '\u{10ffff}'),
          fc.constantFrom(...sortKeys),
        ),
        { nil: undefined },
      );
      const property = fc.asyncProperty(
        bound,
        bound,
        fc.boolean(),
        fc.integer({ min: 1, max: 10 }),
        async (...args) => {
          const [from, to, descending, limit] = args;
          const inRange = sortKeys.filter(
            (sk) => (from === undefined || compareText(sk, from) >= 0) && (to === undefined || compareText(sk, to) < 0),
          );
          const found = await all({ pk: 'p', from, to, descending, limit, consistency: 'strong' });
          expect(found).toEqual(descending ? inRange.toReversed() : inRange);
        },
      );
      await fc.assert(property, { numRuns: numRuns * 2 });
    });

    test('continues after a sort key of the greatest length', async () => {
      const longest = 's'.repeat(storageLimits.sortKeyBytesMax);
      await fill(['a', longest, 't']);
      expect(await all({ pk: 'p', limit: 1, consistency: 'strong' })).toEqual(['a', longest, 't']);
      const bounded: Query = { pk: 'p', from: 'a', to: 'z', limit: 1, consistency: 'strong' };
      expect(await all(bounded)).toEqual(['a', longest, 't']);
      expect(await all({ ...bounded, descending: true })).toEqual(['t', longest, 'a']);
    });

    test('of more than a megabyte comes in pages of whole items', async () => {
      const sks = Array.from({ length: 9 }, (_, index) => `${index}`);
      for (const sk of sks) await put({ a: new Uint8Array(300_000).fill(Number(sk)) }, { pk: 'p', sk });
      const { items, next } = await fixture.store.query({ pk: 'p', limit: 100, consistency: 'strong' });
      expect(items.length).toBeLessThan(9);
      expect(next).toBeDefined();
      expect(items[0]?.attributes).toEqual({ a: new Uint8Array(300_000) });
      expect(await all({ pk: 'p', limit: 100, consistency: 'strong' })).toEqual(sks);
      const descending: Query = { pk: 'p', limit: 100, descending: true, consistency: 'strong' };
      expect(await all(descending)).toEqual(sks.toReversed());
    });
  });
}
