/** The stores as one simulated process sees them: the shared real ones behind the network. */
import type { Attributes, ItemKey, Write } from '../../lib/kernel/items.ts';
import { randomBelow } from '../../lib/kernel/random.ts';
import type { Consistency, MetadataStore, Query, QueryPage, WriteResult } from '../../lib/storage/metadata/port.ts';
import type { ByteRange, ListPage, ObjectStore, PresignedUrl } from '../../lib/storage/objects/port.ts';
import { uploadOf } from '../../lib/storage/objects/upload.ts';
import { copyOf } from './memory-table.ts';
import type { Network } from './network.ts';
import type { Scheduler, SimulatedProcess } from './scheduler.ts';
import type { WrittenItem } from './table-watch.ts';

/**
 * The table of the world. An eventually consistent read may see any state of the last moments; a strong one sees the
 * newest.
 */
export class SharedTable {
  private readonly store: MetadataStore;
  private readonly scheduler: Scheduler;
  /** Told what each applied write has made of its items. */
  watch: ((written: readonly WrittenItem[]) => void) | undefined;
  private readonly past = new Map<string, { sinceMs: number; item: Attributes | undefined }[]>();

  constructor(store: MetadataStore, scheduler: Scheduler) {
    this.store = store;
    this.scheduler = scheduler;
  }

  async get(key: ItemKey, consistency: Consistency): Promise<Attributes | undefined> {
    return consistency === 'strong' ? this.store.get(key, 'strong') : this.stale(key);
  }

  /** Some state of the item within the last moments. */
  async stale(key: ItemKey): Promise<Attributes | undefined> {
    const states = this.past.get(nameOf(key));
    if (states === undefined) return this.store.get(key, 'strong');
    const horizonMs = this.scheduler.nowMs - STALE_MS;
    const eligible = states.filter((_, index) => (states[index + 1]?.sinceMs ?? Number.POSITIVE_INFINITY) > horizonMs);
    const item = eligible[randomBelow(this.scheduler.random, eligible.length)]?.item;
    return item && copyOf(item);
  }

  query(query: Query): Promise<QueryPage> {
    return this.store.query(query);
  }

  async write(writes: readonly Write[]): Promise<WriteResult> {
    const before = await Promise.all(writes.map(({ key }) => this.unlessKnown(key)));
    const result = await this.store.write(writes);
    if (result.outcome === 'applied') {
      const written: WrittenItem[] = [];
      for (const [index, { kind, key }] of writes.entries()) {
        const item = kind === 'delete' ? undefined : await this.store.get(key, 'strong');
        written.push({ key, item });
        const states = this.past.get(nameOf(key)) ?? [{ sinceMs: Number.NEGATIVE_INFINITY, item: before[index] }];
        states.push({ sinceMs: this.scheduler.nowMs, item });
        if (states.length > STATES_KEPT) states.shift();
        this.past.set(nameOf(key), states);
      }
      this.watch?.(written);
    }
    return result;
  }

  /** An item as it is; one whose past is kept need not be read for it. */
  private async unlessKnown(key: ItemKey): Promise<Attributes | undefined> {
    return this.past.has(nameOf(key)) ? undefined : this.store.get(key, 'strong');
  }
}

const STALE_MS = 300;
const STATES_KEPT = 16;

function nameOf(key: ItemKey): string {
  return `${key.pk}/${key.sk}`;
}

/** What processes do with the table. */
export type TableAccess = Pick<SharedTable, 'get' | 'query' | 'write'>;

/** The table as an object to take parts of. */
export function delegating(table: TableAccess): TableAccess {
  return {
    get: (key, consistency) => table.get(key, consistency),
    query: (query) => table.query(query),
    write: (writes) => table.write(writes),
  };
}

export interface SimulatedStoreParts {
  process: SimulatedProcess;
  network: Network;
  /** Which bucket it is, where there are several. */
  where?: string;
}

export function metadataOver(table: TableAccess, { process, network }: SimulatedStoreParts): MetadataStore {
  return {
    get: (key, consistency) =>
      network.call(process, `get ${consistency} ${nameOf(key)}`, 'read', () => table.get(key, consistency)),
    query: (query) => network.call(process, `query ${query.pk}`, 'read', () => table.query(query)),
    write: (writes) =>
      network.call(
        process,
        `write ${writes.map(({ kind, key }) => `${kind} ${nameOf(key)}`).join(', ')}`,
        'write',
        () => table.write(writes),
      ),
    close: async () => {},
  };
}

export function objectsOver(objects: ObjectStore, { process, network, where = '' }: SimulatedStoreParts): ObjectStore {
  return {
    put: (name, chunks) => {
      // What is on its way is what was sent, whatever the sender does with its buffers afterwards.
      const sent = chunks.map((chunk) => chunk.slice());
      return network.call(process, `put${where} ${name}`, 'write', () => objects.put(name, sent));
    },
    upload: (name) => {
      const sent: Uint8Array[] = [];
      return uploadOf({
        write: async (chunks) => {
          sent.push(...chunks.map((chunk) => chunk.slice()));
          await network.call(process, `part${where} ${name}`, 'write', async () => {});
        },
        finish: () => network.call(process, `upload${where} ${name}`, 'write', () => objects.put(name, sent)),
        drop: async () => {},
      });
    },
    archive: (name, storageClass) =>
      network.call(process, `archive${where} ${name}`, 'write', () => objects.archive(name, storageClass)),
    getRange: (name: string, range?: ByteRange) =>
      network.call(process, `get${where} ${name}`, 'read', () => objects.getRange(name, range)),
    getTail: (name, length) =>
      network.call(process, `tail${where} ${name}`, 'read', () => objects.getTail(name, length)),
    delete: (names) =>
      network.call(process, `delete${where} ${names.join(', ')}`, 'write', () => objects.delete(names)),
    list: (prefix: string, cursor?: string): Promise<ListPage> =>
      network.call(process, `list${where} ${prefix}`, 'read', () => objects.list(prefix, cursor)),
    presign: (name, range, expiresInMs): Promise<PresignedUrl> => objects.presign(name, range, expiresInMs),
  };
}
