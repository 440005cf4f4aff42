/** What every adapter of `TableScan` keeps. */
import { describe, expect, test } from 'vitest';
import type { ItemKey } from '../../lib/kernel/items.ts';
import { checkLimits } from '../../lib/kernel/limits/check.ts';
import type { MetadataStore, TableScan } from '../../lib/storage/metadata/port.ts';

type Store = MetadataStore & TableScan;

export function tableScanContract(name: string, open: () => Promise<Store>): void {
  const allKeys = async (store: Store): Promise<ItemKey[]> => {
    const keys: ItemKey[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.scanKeys(cursor);
      expect(page.keys.length).toBeLessThanOrEqual(checkLimits.scanPageItems);
      keys.push(...page.keys);
      cursor = page.next;
    } while (cursor !== undefined);
    return keys;
  };
  const textOf = ({ pk, sk }: ItemKey) => JSON.stringify([pk, sk]);

  describe(`a scan of ${name}`, () => {
    test('of an empty table names nothing', async () => {
      expect(await (await open()).scanKeys()).toEqual({ keys: [] });
    });

    test('names every key once, over several pages and partition keys', { timeout: 60_000 }, async () => {
      const store = await open();
      const keys = Array.from({ length: checkLimits.scanPageItems * 2 + 5 }, (_, n) => ({
        pk: `p${n % 7}`,
        sk: `é${n}`,
      }));
      for (const key of keys) await store.write([{ kind: 'put', key, attributes: { n: 1 } }]);
      expect((await allKeys(store)).map(textOf).sort()).toEqual(keys.map(textOf).sort());
    });

    test('refuses a cursor that none has returned', async () => {
      const store = await open();
      for (const cursor of ['', '{}', '["a"]', '["a","b","c"]', '[1,2]', 'null']) {
        await expect(store.scanKeys(cursor)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
      }
    });
  });
}
