import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeTransactional,
  encodeTransactional,
  newTransactionalState,
  planTransactional,
  transactionalKey,
} from '../../../lib/coordination/transactions/transactional-item.ts';
import { ItemTable } from '../../support/item-table.ts';
import { states } from './arbitraries.ts';

describe('the item of a transactional id', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(decodeTransactional(encodeTransactional(state))).toEqual(state);
      }),
    );
  });

  it('has the key of the protocol', () => {
    expect(transactionalKey('a/b')).toEqual({ pk: 'transactional#a/b', sk: 'state' });
  });

  it('is replaced only by who read the newest version', () => {
    const table = new ItemTable();
    const first = { ...newTransactionalState(60_000), version: 1 };
    expect(table.apply(planTransactional('x', first)).outcome).toBe('applied');
    expect(table.apply(planTransactional('x', first)).outcome).toBe('refused');
    expect(table.apply(planTransactional('x', { ...first, version: 2, epoch: 1 })).outcome).toBe('applied');
    expect(table.apply(planTransactional('x', { ...first, version: 2, epoch: 7 })).outcome).toBe('refused');
    expect(decodeTransactional(table.get(transactionalKey('x')) ?? {}).epoch).toBe(1);
  });

  it.each(['v', 'e', 'n', 's', 'd', 'b', 'k', 'x'])('is refused as corrupt without %s', (name) => {
    const attributes = encodeTransactional(newTransactionalState(1));
    delete attributes[name];
    expect(() => decodeTransactional(attributes)).toThrow('transactional');
  });
});
