/**
 * The object store: immutable bytes under names that are used once.
 *
 * Guarantees every adapter keeps, and the contract suite checks:
 * - an object that `put` has answered for is there whole, for every reader, at once; a `put` that failed or crashed
 *   leaves either nothing or the whole object, never a part of it;
 * - the same holds of an `upload`, whose `finish` is when the object appears: until then nobody reads or lists it;
 * - putting the same name twice with the same bytes is harmless, at the same time too;
 * - `list` names everything that was put before it began and not deleted since, in no order.
 *
 * Faults are `MillraceError`s with `KAFKA_STORAGE_ERROR` or `THROTTLING_QUOTA_EXCEEDED`; a missing object is
 * a value, not a fault.
 */
import type { ArchiveClass } from '../../log/segment/archive-class.ts';

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

/**
 * An object that comes in pieces, for those that are too large to be in memory as a whole. Whoever begins one ends it,
 * by `finish` or `abort`; what a crash leaves is nowhere to be seen, and removed some time later.
 */
export interface Upload {
  /**
   * Takes the next bytes, and settles once there is room for more. The chunks are not looked at any more then. One call
   * at a time.
   */
  write(chunks: readonly Uint8Array[]): Promise<void>;
  /** The object is there, whole. Where this or a `write` fails, the upload has been aborted. */
  finish(): Promise<void>;
  /**
   * Ends the upload without an object, after the call that is under way. Does nothing to one that has ended. Never
   * rejects: what cannot be removed now is removed as after a crash.
   */
  abort(): Promise<void>;
}

/** `unsupported`: the store has one class of storage, and the object stays as it is. */
export type ArchiveOutcome = 'archived' | 'missing' | 'unsupported';

export interface ObjectStore {
  /** Stores the chunks one after the other as one object. They are not looked at any more once this has settled. */
  put(name: ObjectName, chunks: readonly Uint8Array[]): Promise<void>;
  /** Begins to store an object of up to `limits.uploadBytesMax`. Nothing is sent before the first `write`. */
  upload(name: ObjectName): Upload;
  /**
   * The range, or the whole object without one; `undefined` where there is no such object. A range past the end is cut.
   */
  getRange(name: ObjectName, range?: ByteRange): Promise<Uint8Array | undefined>;
  /** The last `length` bytes (all of a shorter object) and the object's size. */
  getTail(name: ObjectName, length: number): Promise<{ bytes: Uint8Array; objectBytes: number } | undefined>;
  delete(names: readonly ObjectName[]): Promise<void>;
  /**
   * Moves the object to a class of storage that costs less to keep. Readers see the same bytes before, meanwhile and
   * after. May be repeated. A `delete` at the same moment may be undone by it: what is to be deleted is not archived
   * any more, and what came back all the same is an orphan. Stores in memory and in directories have no classes, and
   * agree.
   */
  archive(name: ObjectName, storageClass: ArchiveClass): Promise<ArchiveOutcome>;
  /** Objects whose name starts with `prefix`; `cursor` is an earlier page's `next`. */
  list(prefix: string, cursor?: string): Promise<ListPage>;
  /**
   * A URL that serves exactly this range to whoever has it, until it expires: after two thirds of the time at the
   * earliest, so that whoever asks for the range again soon is given the same URL (url-life.ts).
   */
  presign(name: ObjectName, range: ByteRange, expiresInMs: number): Promise<PresignedUrl>;
}
