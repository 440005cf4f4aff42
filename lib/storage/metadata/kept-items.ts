/**
 * Items as they are in the table, decoded: the newest of those that were updated, which are the ones that will be
 * again.
 */
import type { Attributes, ItemKey } from '../../kernel/items.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';

export class KeptItems {
  /** By partition key and sort key; least recently used first. */
  readonly #items = new Map<string, Attributes>();

  /** Not to be changed: whoever asks gets the same object. */
  get(key: ItemKey): Attributes | undefined {
    const name = nameOf(key);
    const item = this.#items.get(name);
    if (item === undefined) return undefined;
    this.#items.delete(name);
    this.#items.set(name, item);
    return item;
  }

  keep(key: ItemKey, item: Attributes): void {
    const name = nameOf(key);
    this.#items.delete(name);
    this.#items.set(name, item);
    if (this.#items.size > storageLimits.keptItemsMax) this.#items.delete(this.#items.keys().next().value as string);
  }

  delete(key: ItemKey): void {
    this.#items.delete(nameOf(key));
  }

  /** After a write that was taken back. */
  clear(): void {
    this.#items.clear();
  }
}

/** The length says where the one ends and the other begins. */
function nameOf({ pk, sk }: ItemKey): string {
  return `${pk.length}#${pk}${sk}`;
}
