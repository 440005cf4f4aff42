/**
 * What single replicas have: readers find an object as long as one of them has it, so that nobody sees that the others
 * have lost it. A replica that does not answer is asked once, and what it was to be asked for counts as not judged.
 */
import { members, type ReplicaId, type ReplicaMask } from '../../coordination/replication/replica-state.ts';
import { MillraceError } from '../../kernel/errors.ts';
import type { ObjectStore } from '../../storage/objects/port.ts';
import type { Broker } from '../broker.ts';
import type { CheckCounts } from './context.ts';
import { ObjectSizes } from './object-sizes.ts';

/** Objects as one replica has them, or as whoever reads them finds them. */
export interface ObjectCopies {
  objects: Pick<ObjectStore, 'getRange' | 'getTail'>;
  sizes: ObjectSizes;
}

export interface FoundInReplica<T> {
  /** What people call it. */
  replica: string;
  found: T;
}

export class ReplicaCopies {
  private readonly broker: Broker;
  private readonly counts: CheckCounts;
  private readonly copies = new Map<ReplicaId, ObjectCopies>();
  private readonly silent = new Set<ReplicaId>();

  constructor(broker: Broker, counts: CheckCounts) {
    this.broker = broker;
    this.counts = counts;
  }

  /** What a look finds wrong in each of these replicas, but for those that this process was not given. */
  async lookAt<T>(
    wanted: ReplicaMask,
    look: (copies: ObjectCopies) => Promise<T | undefined>,
  ): Promise<FoundInReplica<T>[]> {
    const results: FoundInReplica<T>[] = [];
    for (const id of members(wanted)) {
      const replica = this.broker.objects.replicas?.replicas.find((one) => one.id === id);
      if (replica === undefined) continue;
      const { name, store } = replica;
      const copies = this.copies.get(id) ?? { objects: store, sizes: new ObjectSizes(store) };
      this.copies.set(id, copies);
      const found = await this.ask(id, name, () => look(copies));
      if (found !== undefined) results.push({ replica: name, found });
    }
    return results;
  }

  private async ask<T>(id: ReplicaId, name: string, look: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      if (!this.silent.has(id)) return await look();
    } catch (error) {
      if (!(error instanceof MillraceError && error.retriable)) throw error;
      this.silent.add(id);
      this.broker.log.warn('A replica cannot be checked', { replica: name, error });
    }
    this.counts.unjudged++;
    return undefined;
  }
}
