import { describe, expect, it } from 'vitest';
import { encodeHead, headKey, initialHead } from '../../../lib/log/ledger/head.ts';
import { planLease, planSegmentFence } from '../../../lib/log/merged/fence.ts';
import { decodeLifecycle, lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { ItemTable } from '../../support/item-table.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';

const NOTHING = decodeLifecycle(undefined);

describe('the fence of segments', () => {
  async function storeWithHead() {
    const store = openSqliteMetadataStore({ path: ':memory:' });
    await store.write([{ kind: 'put', key: headKey(LEDGER), attributes: encodeHead(initialHead()) }]);
    const lifecycle = async () => decodeLifecycle(await store.get(lifecycleKey(LEDGER), 'strong'));
    return { store, lifecycle };
  }

  it('is raised from nothing, and then only up', async () => {
    const { store, lifecycle } = await storeWithHead();
    expect((await store.write(planSegmentFence(LEDGER, NOTHING, 500))).outcome).toBe('applied');
    expect(await lifecycle()).toEqual({ ...NOTHING, swept: 500 });
    expect((await store.write(planSegmentFence(LEDGER, NOTHING, 600))).outcome).toBe('refused');
    const read = await lifecycle();
    expect((await store.write(planSegmentFence(LEDGER, read, 700))).outcome).toBe('applied');
    expect((await store.write(planSegmentFence(LEDGER, read, 600))).outcome).toBe('refused');
    expect(() => planSegmentFence(LEDGER, { ...read, swept: 700 }, 700)).toThrow('the fence is at 700 already');
  });

  it('does not bring the item of a deleted topic back', async () => {
    const { store, lifecycle } = await storeWithHead();
    await store.write(planSegmentFence(LEDGER, NOTHING, 500));
    const read = await lifecycle();
    await store.write([
      { kind: 'delete', key: headKey(LEDGER) },
      { kind: 'delete', key: lifecycleKey(LEDGER) },
    ]);
    expect((await store.write(planSegmentFence(LEDGER, NOTHING, 500))).outcome).toBe('refused');
    expect((await store.write(planSegmentFence(LEDGER, read, 600))).outcome).toBe('refused');
    expect(await store.get(lifecycleKey(LEDGER), 'strong')).toBeUndefined();
  });
});

describe('the lease', () => {
  it('is taken by one of two, renewed, and taken over by who has read it', () => {
    const table = new ItemTable();
    table.apply({ kind: 'put', key: lifecycleKey(LEDGER), attributes: { v: 1 } });
    const read = () => decodeLifecycle(table.get(lifecycleKey(LEDGER)));
    const take = (lifecycle: ReturnType<typeof read>, holder: string, untilMs: number) => {
      const write = planLease(LEDGER, lifecycle, { holder, untilMs });
      return write && table.apply(write).outcome;
    };
    const free = read();
    expect(take(free, 'a', 10)).toBe('applied');
    expect(take(free, 'b', 11)).toBe('refused');
    expect(take(read(), 'a', 20)).toBe('applied');
    expect(read().lease).toEqual({ holder: 'a', untilMs: 20 });
    const seen = read();
    expect(take(seen, 'b', 40)).toBe('applied');
    expect(take(seen, 'a', 50)).toBe('refused');
    expect(read().version).toBe(1);
  });

  it('is not there to be taken before the first merge, nor after the topic is gone', () => {
    expect(planLease(LEDGER, NOTHING, { holder: 'a', untilMs: 10 })).toBeUndefined();
    const write = planLease(LEDGER, { ...NOTHING, version: 3 }, { holder: 'a', untilMs: 10 });
    expect(write && new ItemTable().apply(write).outcome).toBe('refused');
  });
});
