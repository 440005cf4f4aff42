import { expect, it } from 'vitest';
import { graveKey, isGrave, planGrave } from '../../../lib/log/ledger/grave.ts';
import { encodeHead, headKey, initialHead } from '../../../lib/log/ledger/head.ts';
import { lifecycleKey } from '../../../lib/log/merged/lifecycle-item.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { LEDGER } from '../../support/ledger-arbitraries.ts';

it('takes the head as it was read, and the lifecycle item, or nothing', async () => {
  const store = openSqliteMetadataStore({ path: ':memory:' });
  const head = { ...encodeHead({ ...initialHead(), version: 3 }), wake: 7 };
  await store.write([{ kind: 'put', key: headKey(LEDGER), attributes: head }]);
  await store.write([{ kind: 'put', key: lifecycleKey(LEDGER), attributes: { v: 1 } }]);
  expect(await store.write(planGrave(LEDGER, { ...head, v: 2 }))).toEqual({ outcome: 'refused', index: 0, item: head });
  expect(await store.write(planGrave(LEDGER, head))).toMatchObject({ outcome: 'applied' });
  const { items } = await store.query({ pk: headKey(LEDGER).pk, limit: 10, consistency: 'strong' });
  expect(items).toEqual([{ key: graveKey(LEDGER), attributes: head }]);
  expect(items.map(({ key }) => isGrave(key))).toEqual([true]);
  await store.close();
});
