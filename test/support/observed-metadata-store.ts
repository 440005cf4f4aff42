import { MillraceError } from '../../lib/kernel/errors.ts';
import type { Attributes, Item, ItemKey, Write } from '../../lib/kernel/items.ts';
import type { Consistency, MetadataStore, Query, QueryPage, WriteResult } from '../../lib/storage/metadata/port.ts';

/** What a dead process's calls end with. Not a MillraceError: nothing may handle it. */
export class CrashError extends Error {
  override readonly name = 'CrashError';
}

export interface Observation {
  /** Runs before each call reaches the store; for schedulers and counters. */
  before?: (call: 'get' | 'query' | 'write') => Promise<void> | void;
  /** Decides the fate of the n-th write (from 0). One that is `late` is lost until the test delivers it. */
  fault?: (write: number) => 'crash-before' | 'crash-after' | 'lost-before' | 'lost-after' | 'late' | undefined;
}

/**
 * One process's view of a store that outlives it: it counts and schedules the process's calls, and lets the process
 * crash or lose an answer at any write. After a crash no call of the process reaches the store.
 */
export class ObservedMetadataStore implements MetadataStore {
  writes = 0;
  /** Delivers the writes that were late, in the order in which they were sent. */
  readonly late: (() => Promise<WriteResult>)[] = [];
  private readonly store: MetadataStore;
  private readonly observation: Observation;
  private readonly partitionKeys: Set<string>;
  private crashed = false;

  /** `partitionKeys` collects what was ever written to, over all processes, so that a test can look at everything. */
  constructor(store: MetadataStore, partitionKeys: Set<string>, observation: Observation = {}) {
    this.store = store;
    this.partitionKeys = partitionKeys;
    this.observation = observation;
  }

  async get(key: ItemKey, consistency: Consistency): Promise<Attributes | undefined> {
    await this.arrive('get');
    return this.store.get(key, consistency);
  }

  async query(query: Query): Promise<QueryPage> {
    await this.arrive('query');
    return this.store.query(query);
  }

  async write(writes: readonly Write[]): Promise<WriteResult> {
    await this.arrive('write');
    const number = this.writes++;
    const fault = this.observation.fault?.(number);
    if (fault === 'crash-before') this.crash();
    if (fault === 'lost-before') throw lostAnswer();
    for (const { key } of writes) this.partitionKeys.add(key.pk);
    if (fault === 'late') {
      this.late.push(() => this.store.write(writes));
      throw lostAnswer();
    }
    const result = await this.store.write(writes);
    if (fault === 'crash-after') this.crash();
    if (fault === 'lost-after') throw lostAnswer();
    return result;
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private async arrive(call: 'get' | 'query' | 'write'): Promise<void> {
    if (this.crashed) throw new CrashError('this process is dead');
    await this.observation.before?.(call);
    if (this.crashed) throw new CrashError('this process is dead');
  }

  private crash(): never {
    this.crashed = true;
    throw new CrashError('this process dies here');
  }
}

function lostAnswer(): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', 'the answer was lost', { effect: 'unknown' });
}

/** Every item under these partition keys. */
export async function itemsUnder(store: MetadataStore, partitionKeys: Iterable<string>): Promise<Item[]> {
  const items: Item[] = [];
  for (const pk of partitionKeys) {
    let from: string | undefined;
    do {
      const page = await store.query({ pk, from, limit: 1_000, consistency: 'strong' });
      items.push(...page.items);
      from = page.next;
    } while (from !== undefined);
  }
  return items;
}
