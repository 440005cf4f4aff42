/** The stores as one process sees them, with a test between the two. */
import type { Attributes, ItemKey, Write } from '../../lib/kernel/items.ts';
import type { ArchiveClass } from '../../lib/log/segment/archive-class.ts';
import type { CommitTier } from '../../lib/log/segment/object-name.ts';
import type { Consistency, MetadataStore, Query, QueryPage, WriteResult } from '../../lib/storage/metadata/port.ts';
import { INLINE_PREFIX } from '../../lib/storage/objects/inline-item.ts';
import type { ArchiveOutcome, ByteRange, ListPage, PresignedUrl, Upload } from '../../lib/storage/objects/port.ts';
import type { ReadOrder } from '../../lib/storage/objects/replicated.ts';
import { JoinedUpload, type ReplicaUpload } from '../../lib/storage/objects/replicated-upload.ts';
import type { PutTo, TieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { gatheredUpload } from '../../lib/storage/objects/upload.ts';

/** What a test does to a call: `proceed` carries it out, as often as it is called. */
type Hook<Arguments extends unknown[], Result> = (
  proceed: () => Promise<Result>,
  ...args: Arguments
) => Promise<Result> | Result;

export class InterceptedMetadata implements MetadataStore {
  /** Every call, as `get <sk> <consistency>` or `write <sk>`. */
  readonly calls: string[] = [];
  onGet?: Hook<[ItemKey, Consistency], Attributes | undefined>;
  onQuery?: Hook<[Query], QueryPage>;
  onWrite?: Hook<[readonly Write[]], WriteResult>;
  private readonly store: MetadataStore;

  constructor(store: MetadataStore) {
    this.store = store;
  }

  async get(key: ItemKey, consistency: Consistency): Promise<Attributes | undefined> {
    this.calls.push(`get ${key.sk} ${consistency}`);
    const proceed = () => this.store.get(key, consistency);
    return this.onGet === undefined ? proceed() : this.onGet(proceed, key, consistency);
  }

  async query(query: Query): Promise<QueryPage> {
    const proceed = () => this.store.query(query);
    return this.onQuery === undefined ? proceed() : this.onQuery(proceed, query);
  }

  async write(writes: readonly Write[]): Promise<WriteResult> {
    this.calls.push(`write ${writes.map(({ key }) => key.sk).join(' ')}`);
    const proceed = () => this.store.write(writes);
    return this.onWrite === undefined ? proceed() : this.onWrite(proceed, writes);
  }

  async close(): Promise<void> {
    // The store outlives the process.
  }

  /** How many calls there were that begin so, since the last `forget`. */
  count(beginning: string): number {
    return this.calls.filter((call) => call.startsWith(beginning)).length;
  }

  forget(): void {
    this.calls.length = 0;
  }
}

export class InterceptedObjects implements TieredObjectStore {
  /** Every call, as `put <name> <bytes>`, `getRange <name> <start>-<end>` and so on. */
  readonly calls: string[] = [];
  onPut?: Hook<[string, readonly Uint8Array[]], void>;
  onGetRange?: Hook<[string, ByteRange | undefined], Uint8Array | undefined>;
  private readonly store: TieredObjectStore;

  constructor(store: TieredObjectStore) {
    this.store = store;
  }

  tierFor(bytes: number): CommitTier {
    return this.store.tierFor(bytes);
  }

  get replicas() {
    return this.store.replicas;
  }

  get assignable() {
    return this.store.assignable;
  }

  /** Of a store with a single bucket as one `put`. */
  putTo(targets: number, name: string, chunks: readonly Uint8Array[]): PutTo[] {
    if (this.store.replicas !== undefined) return this.store.putTo(targets, name, chunks);
    const outcome = this.put(name, chunks).then(
      () => ({ put: 'held' as const }),
      (error: unknown) => ({ put: 'failed' as const, error }),
    );
    if (name.startsWith(INLINE_PREFIX)) return [{ replicas: 0xff, outcome }];
    return [{ replicas: 1, outcome }, ...this.store.putTo(targets & ~1, name, chunks)];
  }

  reading(order: ReadOrder) {
    return this.store.replicas === undefined ? this : this.store.reading(order);
  }

  async put(name: string, chunks: readonly Uint8Array[]): Promise<void> {
    this.calls.push(`put ${name} ${chunks.reduce((sum, chunk) => sum + chunk.length, 0)}`);
    const proceed = () => this.store.put(name, chunks);
    return this.onPut === undefined ? proceed() : this.onPut(proceed, name, chunks);
  }

  upload(name: string): Upload {
    return gatheredUpload((chunks) => this.put(name, chunks));
  }

  /** Of a store with a single bucket by `put`, as in `putTo`. */
  uploadTo(targets: number, name: string): ReplicaUpload {
    if (this.store.replicas !== undefined) return this.store.uploadTo(targets, name);
    return new JoinedUpload({ uploads: new Map([[0, this.upload(name)]]) });
  }

  archive(name: string, storageClass: ArchiveClass): Promise<ArchiveOutcome> {
    this.calls.push(`archive ${name} ${storageClass}`);
    return this.store.archive(name, storageClass);
  }

  async getRange(name: string, range?: ByteRange): Promise<Uint8Array | undefined> {
    this.calls.push(`getRange ${name} ${range?.start}-${range?.end}`);
    const proceed = () => this.store.getRange(name, range);
    return this.onGetRange === undefined ? proceed() : this.onGetRange(proceed, name, range);
  }

  getTail(name: string, length: number): Promise<{ bytes: Uint8Array; objectBytes: number } | undefined> {
    this.calls.push(`getTail ${name} ${length}`);
    return this.store.getTail(name, length);
  }

  delete(names: readonly string[]): Promise<void> {
    this.calls.push(`delete ${names.join(' ')}`);
    return this.store.delete(names);
  }

  list(prefix: string, cursor?: string): Promise<ListPage> {
    return this.store.list(prefix, cursor);
  }

  presign(name: string, range: ByteRange, expiresInMs: number): Promise<PresignedUrl> {
    return this.store.presign(name, range, expiresInMs);
  }

  count(beginning: string): number {
    return this.calls.filter((call) => call.startsWith(beginning)).length;
  }

  forget(): void {
    this.calls.length = 0;
  }
}
