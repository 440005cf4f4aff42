/**
 * The metadata store: every decision of the system is one conditional write here.
 *
 * Guarantees every adapter keeps, and the contract suite checks:
 * - one write is atomic; several are one atomic transaction: all of them or none;
 * - a write whose condition fails changes nothing and returns the item as it is;
 * - a strongly consistent read sees every write that was answered before it began; an eventually consistent one may see
 *   an older state of any item, and two such reads may go back in time;
 * - a query returns the items of one partition key in the order of their sort keys (by UTF-8 bytes).
 *
 * Faults are `MillraceError`s: `KAFKA_STORAGE_ERROR` or `THROTTLING_QUOTA_EXCEEDED` with `effect: 'none'` when nothing
 * can have happened, nor will (a request that was throttled is not delivered a second time), and with `effect:
 * 'unknown'` when a write may have been applied or may still be. The adapter never repeats a write by itself unless the
 * earlier attempt certainly had no effect.
 */
import type { Attributes, Item, ItemKey, Write } from '../../kernel/items.ts';

export type Consistency = 'eventual' | 'strong';

export interface Query {
  pk: string;
  /** Sort keys from `from` (inclusive) … */
  from?: string;
  /** … to `to` (exclusive). */
  to?: string;
  /** Descending by sort key; ascending by default. */
  descending?: boolean;
  /** At most this many items; a store may return fewer, see `QueryPage.next`. */
  limit: number;
  consistency: Consistency;
}

export interface QueryPage {
  items: Item[];
  /** The `from` (descending: the `to`) that continues the query exactly after the last item; absent at the end. */
  next?: string;
}

export type WriteResult =
  /** Applied. `item` is the new item after a single put or update; absent after a delete, a check or a transaction. */
  | { outcome: 'applied'; item?: Attributes }
  /**
   * Refused; nothing changed. `index` is the first write whose condition failed and `item` what it found: the item as
   * it is, or `undefined` where there is none.
   */
  | { outcome: 'refused'; index: number; item: Attributes | undefined };

export interface MetadataStore {
  /** The item is not to be changed, nor is one that a write returns: others may be given the same object. */
  get(key: ItemKey, consistency: Consistency): Promise<Attributes | undefined>;
  query(query: Query): Promise<QueryPage>;
  /** One write, or 2 to 100 writes to different keys as a transaction. */
  write(writes: readonly Write[]): Promise<WriteResult>;
  close(): Promise<void>;
}

export interface KeyPage {
  keys: ItemKey[];
  /** The cursor that continues after these; absent at the end. */
  next?: string;
}

/**
 * The whole table, for the consistency check. Apart from `MetadataStore`: nothing that serves a request may ask for it,
 * since a store reads all of every item for it, and bills that.
 */
export interface TableScan {
  /**
   * The keys of all items, a page at a time and in no particular order, as an eventually consistent read: one that is
   * written or deleted meanwhile may be among them or not. `cursor` is an earlier page's `next`.
   */
  scanKeys(cursor?: string): Promise<KeyPage>;
}
