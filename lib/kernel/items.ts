/**
 * The vocabulary of the metadata store, as plain values: items, keys, conditions, writes.
 *
 * It lives in the kernel because pure code decides writes and only adapters carry them out. The vocabulary is what
 * DynamoDB's expressions and SQLite's adapter can both do exactly; nothing here reads or writes anything.
 */

/** A value of an attribute. Numbers are safe integers or doubles; `undefined` is not a value. */
export type Value = string | number | boolean | Uint8Array | Value[] | { [name: string]: Value };

/** One item without its key. */
export type Attributes = Record<string, Value>;

export interface ItemKey {
  /** Partition key. */
  pk: string;
  /** Sort key. */
  sk: string;
}

export interface Item {
  key: ItemKey;
  attributes: Attributes;
}

/**
 * One clause of a condition; a write's clauses must all hold. As in DynamoDB, a comparison with an attribute that the
 * item does not have is false (also `not-equals`, to keep one rule), except for `lacks` and `absent`.
 */
export type Condition =
  /** The item exists / does not exist at all. */
  | { clause: 'item-exists' }
  | { clause: 'item-absent' }
  | { clause: 'exists'; attribute: string }
  | { clause: 'absent'; attribute: string }
  | { clause: 'equals' | 'not-equals'; attribute: string; value: string | number | boolean | Uint8Array }
  | { clause: 'less' | 'at-most' | 'greater' | 'at-least'; attribute: string; value: number | string }
  /** The list attribute has fewer than `length` elements. */
  | { clause: 'shorter'; attribute: string; length: number }
  /** The list attribute is there and does not contain `value`. */
  | { clause: 'lacks'; attribute: string; value: string | number | Uint8Array };

/**
 * What an update does to an item. All parts apply at once, to the item as it was before. An attribute is named in one
 * part only. Updating an item that does not exist creates it; a condition `item-exists` prevents that.
 */
export interface Changes {
  set?: Attributes;
  /** Safe integers, added to a number that is and stays one; a missing attribute counts as 0. */
  add?: Record<string, number>;
  /** Appended to a list; a missing attribute counts as an empty list. */
  append?: Record<string, Value[]>;
  /** Removes the first n elements of a list. n must not exceed its length. */
  dropFirst?: Record<string, number>;
  remove?: string[];
}

export type Write =
  | { kind: 'put'; key: ItemKey; attributes: Attributes; conditions?: Condition[] }
  | { kind: 'update'; key: ItemKey; changes: Changes; conditions?: Condition[] }
  | { kind: 'delete'; key: ItemKey; conditions?: Condition[] }
  /** Changes nothing; the condition guards the other writes of the transaction. */
  | { kind: 'check'; key: ItemKey; conditions: Condition[] };
