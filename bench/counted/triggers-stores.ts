/**
 * The stores of a deployment in virtual time, as one function's environment sees them: every call takes as long as it
 * is said to, and is counted in what DynamoDB and S3 bill for it.
 *
 * Units are counted from the items' sizes by DynamoDB's own rules (developer guide, "DynamoDB item sizes and formats"
 * and "On-demand capacity mode"), because DynamoDB Local cannot be run in virtual time.
 */
import type { Attributes, ItemKey, Write } from '../../lib/kernel/items.ts';
import { itemBytes } from '../../lib/storage/metadata/item-size.ts';
import type { Consistency, MetadataStore, Query } from '../../lib/storage/metadata/port.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import { gatheredUpload } from '../../lib/storage/objects/upload.ts';
import type { ItemChange } from '../../lib/triggers/route.ts';
import { addCounts, type Counts, NO_COUNTS } from '../dollars.ts';

const READ_UNIT_BYTES = 4_096;
const WRITE_UNIT_BYTES = 1_024;

/** Does the work as a call that takes its time. */
export type Call = <T>(what: 'table' | 'bucket', work: () => Promise<T>) => Promise<T>;

/** What one environment has used. */
export class Meter {
  counts: Counts = NO_COUNTS;

  add(more: Partial<Counts>): void {
    this.counts = addCounts(this.counts, { ...NO_COUNTS, ...more });
  }
}

export interface Metered {
  call: Call;
  meter: Meter;
  /** Hears of every item that was written. */
  onChange: (change: ItemChange) => void;
}

export function meteredTable(store: MetadataStore, { call, meter, onChange }: Metered): MetadataStore {
  const read = (bytes: number, consistency: Consistency) => {
    const units = Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES));
    meter.add({ readUnits: consistency === 'strong' ? units : units / 2, tableCalls: 1 });
  };
  return {
    get: (key, consistency) =>
      call('table', async () => {
        const item = await store.get(key, consistency);
        read(item === undefined ? 0 : itemBytes(key, item), consistency);
        return item;
      }),
    query: (query: Query) =>
      call('table', async () => {
        const page = await store.query(query);
        read(
          page.items.reduce((bytes, { key, attributes }) => bytes + itemBytes(key, attributes), 0),
          query.consistency,
        );
        return page;
      }),
    write: (writes) =>
      call('table', async () => {
        const items = () => Promise.all(writes.map(({ key }) => store.get(key, 'strong')));
        const before = await items();
        const result = await store.write(writes);
        const after = await items();
        meter.add({ writeUnits: unitsOf(writes, before, after), tableCalls: 1 });
        if (result.outcome === 'applied') {
          for (const [index, { key }] of writes.entries()) {
            onChange({ key, before: withKey(key, before[index]), after: withKey(key, after[index]) });
          }
        }
        return result;
      }),
    close: () => store.close(),
  };
}

/** As the stream's images have them. */
function withKey({ pk, sk }: ItemKey, item: Attributes | undefined): Attributes | undefined {
  return item && { pk, sk, ...item };
}

/**
 * Each item by its larger size, before or after; twice in a transaction, where items that are only checked count too.
 */
function unitsOf(
  writes: readonly Write[],
  before: readonly (Attributes | undefined)[],
  after: readonly (Attributes | undefined)[],
): number {
  let units = 0;
  for (const [index, { key }] of writes.entries()) {
    const bytes = [before[index], after[index]].map((item) => (item === undefined ? 0 : itemBytes(key, item)));
    units += Math.max(1, Math.ceil(Math.max(...bytes) / WRITE_UNIT_BYTES));
  }
  return writes.length > 1 ? 2 * units : units;
}

export function meteredBucket(store: ObjectStore, { call, meter }: Metered): ObjectStore {
  const get = () => meter.add({ gets: 1, bucketCalls: 1 });
  const put = () => meter.add({ puts: 1, bucketCalls: 1 });
  return {
    put: (name, chunks) => call('bucket', () => store.put(name, chunks)).finally(put),
    // What triggers write is small, and an upload of it one put.
    upload: (name) => gatheredUpload((chunks) => call('bucket', () => store.put(name, chunks)).finally(put)),
    archive: (name, storageClass) => call('bucket', () => store.archive(name, storageClass)).finally(put),
    getRange: (name, range) => call('bucket', () => store.getRange(name, range)).finally(get),
    getTail: (name, length) => call('bucket', () => store.getTail(name, length)).finally(get),
    delete: (names) => call('bucket', () => store.delete(names)),
    list: (prefix, cursor) => call('bucket', () => store.list(prefix, cursor)).finally(put),
    presign: (name, range, expiresInMs) => store.presign(name, range, expiresInMs),
  };
}
