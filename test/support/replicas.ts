/** Three replicas over stores in memory whose faults a test switches on and off, and brokers over them. */
import type { Clock } from '../../lib/kernel/clock.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import type { ArchiveClass } from '../../lib/log/segment/archive-class.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import { ReplicaSet } from '../../lib/storage/objects/replicated.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { gatheredUpload } from '../../lib/storage/objects/upload.ts';
import { makeStores, type Stores } from './broker.ts';
import { ManualClock } from './manual-clock.ts';

export type Fault =
  /** Every call fails. */
  | 'down'
  /** Reads are served, nothing else. */
  | 'read-only'
  /** No call is ever answered. */
  | 'silent'
  /** Writes fail for want of space, after some of the bytes. */
  | 'full'
  /** Every third call fails. */
  | 'unreliable'
  /** Every call takes two seconds. */
  | 'slow';

export const FAULTS = ['down', 'read-only', 'silent', 'full', 'unreliable', 'slow'] as const satisfies readonly Fault[];

const SLOW_MS = 2_000;

export class SwitchableStore implements ObjectStore {
  fault?: Fault;
  /** Every put waits for this. */
  gate?: Promise<void>;
  /** Names that were stored, with repetitions. */
  readonly puts: string[] = [];
  private readonly store: ObjectStore;
  private readonly clock: Clock;
  private calls = 0;

  constructor(store: ObjectStore, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  put(name: string, chunks: readonly Uint8Array[]): Promise<void> {
    return this.call('write', async () => {
      await this.gate;
      await this.store.put(name, chunks);
      this.puts.push(name);
    });
  }

  upload(name: string) {
    return gatheredUpload((chunks) => this.put(name, chunks));
  }

  archive(name: string, storageClass: ArchiveClass) {
    return this.call('write', () => this.store.archive(name, storageClass));
  }

  getRange(name: string, range?: { start: number; end: number }) {
    return this.call('read', () => this.store.getRange(name, range));
  }

  getTail(name: string, length: number) {
    return this.call('read', () => this.store.getTail(name, length));
  }

  delete(names: readonly string[]): Promise<void> {
    return this.call('write', () => this.store.delete(names));
  }

  list(prefix: string, cursor?: string) {
    return this.call('read', () => this.store.list(prefix, cursor));
  }

  presign(name: string, range: { start: number; end: number }, expiresInMs: number) {
    return this.store.presign(name, range, expiresInMs);
  }

  private async call<T>(kind: 'read' | 'write', proceed: () => Promise<T>): Promise<T> {
    const { fault } = this;
    if (fault === 'silent') return new Promise<T>(() => {});
    if (fault === 'slow') await this.clock.sleep(SLOW_MS);
    const fails =
      fault === 'down' ||
      ((fault === 'read-only' || fault === 'full') && kind === 'write') ||
      (fault === 'unreliable' && this.calls++ % 3 === 0);
    if (fails) throw new MillraceError('KAFKA_STORAGE_ERROR', `the replica does not serve this: ${fault}`);
    return proceed();
  }
}

export interface ReplicatedStores extends Stores {
  /** By id, 0 to 2; `c` is the farthest. */
  replicas: SwitchableStore[];
}

/** The replicas are in the racks a, b and c. */
export function makeReplicatedStores({ inlineBytesMax = 0, clock = new ManualClock() } = {}): ReplicatedStores {
  const stores = makeStores({ clock, inlineBytesMax });
  const { presigner, metadata } = stores;
  const replicas = [0, 1, 2].map(() => new SwitchableStore(createMemoryObjectStore({ presigner }), clock));
  const inline = createInlineObjectStore({ metadata, clock });
  /** Each process has a health book of its own. */
  const bucket = () =>
    new ReplicaSet({
      clock,
      replicas: replicas.map((store, id) => ({ id, name: `r${id}`, rack: 'abc'.charAt(id), store })),
    });
  const tiered = () => createTieredObjectStore({ inline, bucket: bucket(), inlineBytesMax });
  return {
    ...stores,
    replicas,
    get objects() {
      return tiered();
    },
  };
}
