/**
 * Several buckets (or directories) that hold the same objects: the replicas of a stack, as one object store.
 *
 * - `putTo` stores an object in some of them at once and tells of each by itself: which of them must have it is the
 *   writer's decision (lib/coordination/replication/uploads.ts).
 * - A read asks the replicas one after the other, the nearest healthy one first: the next one when one has no such
 *   object, has failed, or is slow. An object counts as missing only where every replica has said so; a replica that
 *   could not be asked makes it a fault.
 * - `delete` is of all replicas, and `list` goes through one after the other: a name is in a page once, and may come in
 *   several pages, from several replicas. Both fail where one replica fails.
 */

import {
  has,
  maskOf,
  members,
  type ReplicaId,
  type ReplicaMask,
} from '../../coordination/replication/replica-state.ts';
import { assert } from '../../kernel/assert.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import type { ArchiveClass } from '../../log/segment/archive-class.ts';
import type { ArchiveOutcome, ByteRange, ListPage, ObjectName, ObjectStore, PresignedUrl, Upload } from './port.ts';
import { ReplicaHealthBook } from './replicated-health.ts';
import { JoinedUpload, type ReplicaUpload } from './replicated-upload.ts';

export interface Replica {
  /** Its number for life: its place in the stack's list. */
  id: ReplicaId;
  /** What people call it. */
  name: string;
  /** The zone or region it is in, as clients name theirs (`client.rack`). */
  rack: string;
  store: ObjectStore;
}

export type PutOutcome = { put: 'held' } | { put: 'failed'; error: unknown };

export interface ReplicaPut {
  replica: ReplicaId;
  /** Never rejects. */
  outcome: Promise<PutOutcome>;
}

export interface ReadOrder {
  /** Asked first, as far as they are healthy: who is in sync has everything that readers see. */
  first?: ReplicaMask;
  /** Replicas of this rack go before others. */
  rack?: string;
}

export class ReplicaSet implements ObjectStore {
  readonly replicas: readonly Replica[];
  readonly health: ReplicaHealthBook;
  private readonly clock: Clock;
  private readonly order: ReadOrder;

  constructor(parts: { replicas: readonly Replica[]; clock: Clock; order?: ReadOrder; health?: ReplicaHealthBook }) {
    const ids = parts.replicas.map(({ id }) => id);
    assert(
      ids.length > 0 && ids.length <= replicationLimits.replicasMax && new Set(ids).size === ids.length,
      'replicas differ',
    );
    this.replicas = parts.replicas;
    this.clock = parts.clock;
    this.order = parts.order ?? {};
    this.health = parts.health ?? new ReplicaHealthBook({ clock: parts.clock, replicas: ids });
  }

  get given(): ReplicaMask {
    return maskOf(this.replicas.map(({ id }) => id));
  }

  /** The same replicas, read in another order. */
  reading(order: ReadOrder): ReplicaSet {
    return new ReplicaSet({ replicas: this.replicas, clock: this.clock, health: this.health, order });
  }

  /** Begins to store the object in each of these. One that this process was not given counts as one that fails. */
  putTo(targets: ReplicaMask, name: ObjectName, chunks: readonly Uint8Array[]): ReplicaPut[] {
    return members(targets).map((id) => {
      const replica = this.replicas.find((one) => one.id === id);
      const outcome =
        replica === undefined
          ? Promise.resolve<PutOutcome>({ put: 'failed', error: notGiven(id) })
          : this.health
              .watch(id, () => replica.store.put(name, chunks))
              .then(
                (): PutOutcome => ({ put: 'held' }),
                (error: unknown): PutOutcome => ({ put: 'failed', error }),
              );
      return { replica: id, outcome };
    });
  }

  /** Begins to store an object that comes in pieces in each of these, as `putTo` stores one that is whole. */
  uploadTo(targets: ReplicaMask, name: ObjectName): ReplicaUpload {
    const uploads = new Map<ReplicaId, Upload | MillraceError>();
    for (const id of members(targets)) {
      uploads.set(id, this.replicas.find((one) => one.id === id)?.store.upload(name) ?? notGiven(id));
    }
    return new JoinedUpload({ uploads, watch: (id, request) => this.health.watch(id, request) });
  }

  /** Brings an object that others have to a replica; `false` where nobody has it. */
  async copy(name: ObjectName, to: ReplicaId): Promise<boolean> {
    const bytes = await this.read(this.others(to), ({ store }) => store.getRange(name));
    if (bytes === undefined) return false;
    await this.health.watch(to, () => this.of(to).store.put(name, [bytes]));
    return true;
  }

  /** Everywhere; fails where it fails anywhere, and may be repeated. */
  async put(name: ObjectName, chunks: readonly Uint8Array[]): Promise<void> {
    const puts = this.putTo(this.given, name, chunks);
    for (const { outcome } of puts) {
      const settled = await outcome;
      if (settled.put === 'failed') throw settled.error;
    }
  }

  upload(name: ObjectName): Upload {
    return this.uploadTo(this.given, name).toAll();
  }

  getRange(name: ObjectName, range?: ByteRange): Promise<Uint8Array | undefined> {
    return this.read(this.inOrder(), ({ store }) => store.getRange(name, range));
  }

  getTail(name: ObjectName, length: number): Promise<{ bytes: Uint8Array; objectBytes: number } | undefined> {
    return this.read(this.inOrder(), ({ store }) => store.getTail(name, length));
  }

  async delete(names: readonly ObjectName[]): Promise<void> {
    const deleting = this.replicas.map(({ id, store }) => this.health.watch(id, () => store.delete(names)));
    for (const outcome of await Promise.allSettled(deleting)) {
      if (outcome.status === 'rejected') throw outcome.reason;
    }
  }

  /** Wherever it is and can be. Fails where it fails anywhere, and may be repeated. */
  async archive(name: ObjectName, storageClass: ArchiveClass): Promise<ArchiveOutcome> {
    const archiving = this.replicas.map(({ id, store }) =>
      this.health.watch(id, () => store.archive(name, storageClass)),
    );
    await Promise.allSettled(archiving);
    const outcomes = await Promise.all(archiving);
    return (['archived', 'unsupported'] as const).find((one) => outcomes.includes(one)) ?? 'missing';
  }

  /** The cursor is a replica's place in the set and, behind a colon, that replica's own cursor. */
  async list(prefix: string, cursor = '0:'): Promise<ListPage> {
    const [, digits = '', own = ''] = /^(\d+):(.*)$/s.exec(cursor) ?? [];
    const objects = new Map<ObjectName, ListPage['objects'][number]>();
    let from = own === '' ? undefined : own;
    for (let index = Number(digits); index < this.replicas.length; index++) {
      if (objects.size >= requestLimits.listPageMax) return { objects: [...objects.values()], next: `${index}:` };
      const { id, store } = this.replicas[index] as Replica;
      const page = await this.health.watchRead(id, () => store.list(prefix, from));
      for (const object of page.objects) objects.set(object.name, object);
      if (page.next !== undefined) return { objects: [...objects.values()], next: `${index}:${page.next}` };
      from = undefined;
    }
    return { objects: [...objects.values()] };
  }

  /** Of the first replica in reading order, which is not asked whether it has the object. */
  presign(name: ObjectName, range: ByteRange, expiresInMs: number): Promise<PresignedUrl> {
    return (this.inOrder()[0] as Replica).store.presign(name, range, expiresInMs);
  }

  private of(id: ReplicaId): Replica {
    const replica = this.replicas.find((one) => one.id === id);
    assert(replica !== undefined, `there is a replica ${id}`);
    return replica;
  }

  private others(id: ReplicaId): Replica[] {
    return this.inOrder().filter((replica) => replica.id !== id);
  }

  /** Healthy ones first, of these the wanted ones, of these the near ones; else as the set has them. */
  private inOrder(): Replica[] {
    const alive = this.health.alive();
    const { first = 0, rack } = this.order;
    const rank = ({ id, rack: where }: Replica) =>
      (has(alive, id) ? 0 : 4) + (has(first, id) ? 0 : 2) + (where === rack ? 0 : 1);
    return [...this.replicas].sort((a, b) => rank(a) - rank(b));
  }

  /** The first answer that is the object. One replica after the other is asked; a slow one is not waited for alone. */
  private async read<T>(order: readonly Replica[], ask: (replica: Replica) => Promise<T | undefined>) {
    const asked = new Map<ReplicaId, Promise<Answer<T>>>();
    let fault: { error: unknown } | undefined;
    for (let next = 0; next < order.length || asked.size > 0; ) {
      const replica = order[next];
      if (replica !== undefined) {
        asked.set(replica.id, this.ask(replica, ask));
        next++;
      }
      const answer = await this.firstOf(asked, next < order.length);
      if (answer === 'slow') continue;
      asked.delete(answer.from);
      if ('error' in answer) fault = answer;
      else if (answer.found !== undefined) return answer.found;
    }
    if (fault !== undefined) throw fault.error;
    return undefined;
  }

  private async ask<T>(replica: Replica, ask: (replica: Replica) => Promise<T | undefined>): Promise<Answer<T>> {
    const from = replica.id;
    return this.health
      .watchRead(from, () => ask(replica))
      .then(
        (found) => ({ from, found }),
        (error: unknown) => ({ from, error }),
      );
  }

  private async firstOf<T>(asked: ReadonlyMap<ReplicaId, Promise<Answer<T>>>, impatient: boolean) {
    if (!impatient) return Promise.race(asked.values());
    const answered = new AbortController();
    const slow = this.clock.sleep(replicationLimits.replicaReadPatienceMs, answered.signal).then(() => 'slow' as const);
    try {
      return await Promise.race([...asked.values(), slow]);
    } finally {
      answered.abort();
    }
  }
}

type Answer<T> = { from: ReplicaId; found: T | undefined } | { from: ReplicaId; error: unknown };

/** It was taken out of the stack's list, or this process has an old one. */
export function notGiven(id: ReplicaId): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', `Replica ${id} is not among those that are configured.`);
}
