import { afterEach, describe, expect, it } from 'vitest';
import { type Call, Meter, meteredTable } from '../../../bench/counted/triggers-stores.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import type { ItemChange } from '../../../lib/triggers/route.ts';

const opened: MetadataStore[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

const KIB = 1_024;
const KEY = { pk: 'p', sk: 's' };
const call: Call = (_, work) => work();

function world() {
  const meter = new Meter();
  const changes: ItemChange[] = [];
  const store = openSqliteMetadataStore({ path: ':memory:' });
  opened.push(store);
  const table = meteredTable(store, { call, meter, onChange: (change) => void changes.push(change) });
  const put = (bytes: number, sk = KEY.sk) =>
    table.write([{ kind: 'put', key: { ...KEY, sk }, attributes: { a: new Uint8Array(bytes) } }]);
  return { meter, changes, table, put };
}

describe('counting what a table bills', () => {
  it('counts a write by the larger of before and after', async () => {
    const { meter, put } = world();
    await put(3 * KIB);
    expect(meter.counts).toMatchObject({ writeUnits: 4, tableCalls: 1 });
    await put(1);
    expect(meter.counts).toMatchObject({ writeUnits: 8, tableCalls: 2 });
    await put(1);
    expect(meter.counts).toMatchObject({ writeUnits: 9, tableCalls: 3 });
  });

  it('counts what is written in a transaction twice, and what is only checked with it', async () => {
    const { meter, table } = world();
    await table.write([
      { kind: 'put', key: KEY, attributes: {} },
      { kind: 'check', key: { ...KEY, sk: 'other' }, conditions: [{ clause: 'item-absent' }] },
    ]);
    expect(meter.counts).toMatchObject({ writeUnits: 4, tableCalls: 1 });
  });

  it('counts a read by its 4 KiB, half of it where it is eventually consistent, and one of nothing as one', async () => {
    const { meter, table, put } = world();
    await put(5 * KIB);
    await table.get(KEY, 'strong');
    expect(meter.counts.readUnits).toBe(2);
    await table.get(KEY, 'eventual');
    expect(meter.counts.readUnits).toBe(3);
    await table.get({ ...KEY, sk: 'none' }, 'strong');
    expect(meter.counts.readUnits).toBe(4);
  });

  it('counts a query by all of its items together', async () => {
    const { meter, table, put } = world();
    for (const sk of ['a', 'b', 'c']) await put(1.5 * KIB, sk);
    await table.query({ pk: KEY.pk, limit: 10, consistency: 'strong' });
    expect(meter.counts.readUnits).toBe(2);
  });

  it('tells what a write has made of an item', async () => {
    const { changes, put } = world();
    await put(1);
    await put(2);
    expect(changes).toMatchObject([
      { key: KEY, after: { a: new Uint8Array(1) } },
      { key: KEY, before: { a: new Uint8Array(1) }, after: { a: new Uint8Array(2) } },
    ]);
  });
});
