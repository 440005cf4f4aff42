import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePage, encodePage, PAGES_END, PAGES_START, pageKey, pageSortKey } from '../../../lib/log/ledger/page.ts';
import { decodeAttributes, encodeAttributes } from '../../../lib/storage/metadata/item-codec.ts';
import { LEDGER, page } from '../../support/ledger-arbitraries.ts';

const sequence = fc.maxSafeNat().map((n) => n % 10 ** 12);

describe('pages', () => {
  it('survive their item and its bytes in a store', () => {
    fc.assert(
      fc.property(page, (any) => {
        const stored = decodeAttributes(encodeAttributes(encodePage(any)));
        expect(decodePage(any.sequence, stored)).toEqual(any);
      }),
    );
  });

  it('have keys that sort as they follow each other, between the bounds of a query', () => {
    fc.assert(
      fc.property(sequence, sequence, (a, b) => {
        expect(pageSortKey(a) < pageSortKey(b)).toBe(a < b);
        expect(pageSortKey(a) > PAGES_START && pageSortKey(a) < PAGES_END).toBe(true);
        expect(PAGES_START > 'head').toBe(true); // the head is not among them
      }),
    );
    expect(pageKey(LEDGER, 7)).toEqual({ pk: `ledger#${LEDGER.topicId}#0`, sk: 'page#000000000007' });
  });

  it.each([-1, 0.5, 10 ** 12])('assert that there is no page %d', (number) => {
    expect(() => pageSortKey(number)).toThrow(`page ${number}`);
  });

  it.each(['c', 'o', 'e'])('are not read without the attribute %s', (name) => {
    const [any] = fc.sample(page, 1);
    const { [name]: _, ...rest } = encodePage(any as NonNullable<typeof any>);
    expect(() => decodePage(1, rest)).toThrow('page 1 has c, o and e');
  });
});
