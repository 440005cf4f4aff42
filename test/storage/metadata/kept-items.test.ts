import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { KeptItems } from '../../../lib/storage/metadata/kept-items.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';

const key = { pk: 'p', sk: 's' };
const other = { pk: 'p', sk: 't' };

describe('what is kept', () => {
  test('is told apart by both keys', () => {
    const items = new KeptItems();
    items.keep({ pk: 'a', sk: 'bc' }, { n: 1 });
    items.keep({ pk: 'ab', sk: 'c' }, { n: 2 });
    expect(items.get({ pk: 'a', sk: 'bc' })).toEqual({ n: 1 });
    expect(items.get({ pk: 'ab', sk: 'c' })).toEqual({ n: 2 });
    expect(items.get({ pk: 'abc', sk: '' })).toBeUndefined();
  });

  test('is bounded; what was used goes last', () => {
    const items = new KeptItems();
    const name = (index: number) => ({ pk: 'p', sk: String(index) });
    for (let index = 0; index < storageLimits.keptItemsMax; index++) items.keep(name(index), { index });
    items.get(name(0));
    items.keep(key, {});
    expect(items.get(name(0))).toEqual({ index: 0 });
    expect(items.get(name(1))).toBeUndefined();
  });
});

describe('the store', () => {
  let store: MetadataStore;
  beforeEach(() => {
    store = openSqliteMetadataStore({ path: ':memory:' });
  });
  afterEach(() => store.close());

  const add = (at = key) => store.write([{ kind: 'update', key: at, changes: { add: { n: 1 } } }]);

  test('gives the same object for an item that has not changed since it was updated', async () => {
    const { item } = await add();
    expect(await store.get(key, 'strong')).toBe(item);
    await add(other);
    expect(await store.get(key, 'strong')).toBe(item);
  });

  test.each([
    ['updated', { kind: 'update', key, changes: { add: { n: 1 } } }, { n: 2 }],
    ['put', { kind: 'put', key, attributes: { n: 7 } }, { n: 7 }],
    ['deleted', { kind: 'delete', key }, undefined],
  ] as const)('gives what there is after it was %s', async (_, write, expected) => {
    await add();
    await store.write([write]);
    expect(await store.get(key, 'strong')).toEqual(expected);
    expect(
      (await store.query({ pk: 'p', limit: 9, consistency: 'strong' })).items.map(({ attributes }) => attributes),
    ).toEqual(expected === undefined ? [] : [expected]);
  });

  test('gives nothing of a transaction that was refused after some of its writes', async () => {
    await add();
    const refused = await store.write([
      { kind: 'update', key, changes: { add: { n: 1 } } },
      { kind: 'check', key: other, conditions: [{ clause: 'item-exists' }] },
    ]);
    expect(refused).toMatchObject({ outcome: 'refused', index: 1 });
    expect(await store.get(key, 'strong')).toEqual({ n: 1 });
    await add();
    expect(await store.get(key, 'strong')).toEqual({ n: 2 });
  });

  test('gives an item whole that has become too large to be kept', async () => {
    await add();
    const large = new Uint8Array(storageLimits.keptItemBytesMax).fill(5);
    await store.write([{ kind: 'update', key, changes: { set: { large } } }]);
    expect(await store.get(key, 'strong')).toEqual({ n: 1, large });
  });
});
