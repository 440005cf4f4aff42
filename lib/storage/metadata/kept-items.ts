/**
 * Items as they are in the table, decoded: the newest of those that were updated, which are the ones that will be
 * again.
 */
import type { Attributes, ItemKey } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { LruMap } from '../../kernel/lru-map.ts';

export class KeptItems {
  #items = empty();

  /** Not to be changed: whoever asks gets the same object. */
  get(key: ItemKey): Attributes | undefined {
    return this.#items.get(nameOf(key));
  }

  keep(key: ItemKey, item: Attributes): void {
    this.#items.set(nameOf(key), item);
  }

  delete(key: ItemKey): void {
    this.#items.delete(nameOf(key));
  }

  /** After a write that was taken back. */
  clear(): void {
    this.#items = empty();
  }
}

/** By partition key and sort key. */
function empty(): LruMap<string, Attributes> {
  return new LruMap(storageLimits.keptItemsMax);
}

/** The length says where the one ends and the other begins. */
function nameOf({ pk, sk }: ItemKey): string {
  return `${pk.length}#${pk}${sk}`;
}
