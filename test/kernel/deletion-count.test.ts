import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countDeletion,
  decodeDeletionCount,
  deletionCountKey,
  noDeletionSince,
} from '../../lib/kernel/deletion-count.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';

describe('the count of deletions', () => {
  it('has one of 256 keys, always the same for a name', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const { pk, sk } = deletionCountKey(name);
        const shard = /^deletions#(0|[1-9]\d{0,2})$/.exec(pk)?.[1];
        expect(Number(shard)).toBeLessThan(256);
        expect(sk).toBe('count');
        expect(deletionCountKey(name)).toEqual({ pk, sk });
      }),
    );
    // The CRC-32C of this text is the algorithm's check value, 0xe3069283; 0x83 is 131.
    expect(deletionCountKey('123456789').pk).toBe('deletions#131');
  });

  it('is 0 before the first deletion, and then one more with each', async () => {
    const store = openSqliteMetadataStore({ path: ':memory:' });
    const count = async () => decodeDeletionCount(await store.get(deletionCountKey('a'), 'strong'));
    for (let deletions = 0; deletions < 3; deletions++) {
      expect(await count()).toBe(deletions);
      for (let guess = 0; guess < 4; guess++) {
        const { outcome } = await store.write([noDeletionSince('a', guess)]);
        expect(outcome, `${guess} of ${deletions}`).toBe(guess === deletions ? 'applied' : 'refused');
      }
      await store.write([countDeletion('a')]);
    }
    await store.close();
  });

  it('is refused as corrupt where it is not a number', () => {
    expect(() => decodeDeletionCount({ n: '1' })).toThrow('count of deletions');
    expect(() => decodeDeletionCount({})).toThrow('count of deletions');
  });
});
