import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePart, encodePart, partKey, partPrefix } from '../../../lib/coordination/transactions/part-item.ts';
import { parts } from './arbitraries.ts';

describe('the item of a part', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(parts, (part) => {
        expect(decodePart(encodePart(part))).toEqual(part);
      }),
    );
  });

  it('has a key that sorts after the parts before it, among those of its transaction', () => {
    const transaction = { id: 'x', epoch: 2, number: 10 };
    const keys = [0, 1, 9, 10, 31, 100, 999].map((part) => partKey(transaction, part).sk);
    expect(keys).toEqual([...keys].sort());
    for (const key of keys) expect(key.startsWith(partPrefix(transaction))).toBe(true);
    expect(partKey({ ...transaction, number: 1 }, 0).sk.startsWith(partPrefix(transaction))).toBe(false);
    expect(partKey(transaction, 0)).toEqual({
      pk: 'transactional#x',
      sk: 'part#0000000000000002#0000000000000010#0000',
    });
  });

  it.each(['c', 'p', 'r', 'o'])('is refused as corrupt without %s', (name) => {
    const attributes = encodePart({ commits: [], places: [], records: [], offsets: [] });
    delete attributes[name];
    expect(() => decodePart(attributes)).toThrow('part');
  });
});
