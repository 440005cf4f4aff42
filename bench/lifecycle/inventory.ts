/** What a stack has in table and bucket at a moment. */
import { decodeHead } from '../../lib/log/ledger/head.ts';
import { itemBytes } from '../../lib/storage/metadata/item-size.ts';
import type { StackStores } from './traffic.ts';

export const ITEM_KINDS = ['head', 'page', 'segment', 'condemned', 'lifecycle', 'other'] as const;
export type ItemKind = (typeof ITEM_KINDS)[number];

export interface Inventory {
  /** Of flushes, and merged ones. */
  objects: Record<'segments' | 'merged', { count: number; bytes: number }>;
  items: Record<ItemKind, { count: number; bytes: number }>;
  /** Pages that are sealed and not merged, and those that are merged and not deleted. */
  pagesWaiting: number;
  pagesKept: number;
}

export async function inventoryOf({ metadata, objects }: StackStores): Promise<Inventory> {
  const none = () => ({ count: 0, bytes: 0 });
  const inventory: Inventory = {
    objects: { segments: none(), merged: none() },
    items: { head: none(), page: none(), segment: none(), condemned: none(), lifecycle: none(), other: none() },
    pagesWaiting: 0,
    pagesKept: 0,
  };
  for (const tier of ['segments', 'merged'] as const) {
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await objects.list(`${tier}/`, cursor);
      for (const { bytes } of page.objects) add(inventory.objects[tier], bytes);
      cursor = page.next;
    }
  }
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const { keys, next } = await metadata.scanKeys(cursor);
    for (const key of keys) {
      const attributes = await metadata.get(key, 'strong');
      if (attributes === undefined) continue;
      const kind = kindOf(key.sk);
      add(inventory.items[kind], itemBytes(key, attributes));
      if (kind !== 'head' || !key.pk.startsWith('ledger#')) continue;
      const head = decodeHead(attributes);
      inventory.pagesWaiting += head.sealed - head.merged;
    }
    cursor = next;
  }
  inventory.pagesKept = inventory.items.page.count - inventory.pagesWaiting;
  return inventory;
}

function add(to: { count: number; bytes: number }, bytes: number): void {
  to.count++;
  to.bytes += bytes;
}

function kindOf(sk: string): ItemKind {
  const kind = sk.split('#')[0] as ItemKind;
  return ITEM_KINDS.includes(kind) ? kind : 'other';
}
