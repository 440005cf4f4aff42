/**
 * The object store: immutable bytes under names that are used once.
 *
 * Guarantees every adapter keeps, and the contract suite checks:
 * - an object that `put` has answered for is there whole, for every reader, at once; a `put` that failed or crashed
 *   leaves either nothing or the whole object, never a part of it;
 * - putting the same name twice with the same bytes is harmless;
 * - `list` names everything that was put before it began and not deleted since, in no order.
 *
 * Faults are `MillraceError`s with `KAFKA_STORAGE_ERROR` or `THROTTLING_QUOTA_EXCEEDED`; a missing object is
 * a value, not a fault.
 */

/** `[a-z0-9/.-]`, no leading or trailing slash, no empty or dotted segment; what every adapter can store. */
export type ObjectName = string;

export interface ByteRange {
  /** The first byte. */
  start: number;
  /** One past the last byte. */
  end: number;
}

export interface ListPage {
  objects: { name: ObjectName; bytes: number }[];
  next?: string;
}

export interface PresignedUrl {
  url: string;
  /** The headers that the request must carry; the range is among them, and signed. */
  headers: Record<string, string>;
  expiresAtMs: number;
}

export interface ObjectStore {
  /** Stores the chunks one after the other as one object. They are not looked at any more once this has settled. */
  put(name: ObjectName, chunks: readonly Uint8Array[]): Promise<void>;
  /** The range, or the whole object without one; `undefined` where there is no such object. A range past the end is cut. */
  getRange(name: ObjectName, range?: ByteRange): Promise<Uint8Array | undefined>;
  /** The last `length` bytes (all of a shorter object) and the object's size. */
  getTail(name: ObjectName, length: number): Promise<{ bytes: Uint8Array; objectBytes: number } | undefined>;
  delete(names: readonly ObjectName[]): Promise<void>;
  /** Objects whose name starts with `prefix`; `cursor` is an earlier page's `next`. */
  list(prefix: string, cursor?: string): Promise<ListPage>;
  /** A URL that serves exactly this range to whoever has it, until it expires. */
  presign(name: ObjectName, range: ByteRange, expiresInMs: number): Promise<PresignedUrl>;
}
