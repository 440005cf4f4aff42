/**
 * Where a sweep finds objects, and what it deletes them from. Of a stack with several replicas each is gone through by
 * itself: an object may be in some of them only. One that cannot be reached does not keep the sweep from what the
 * others have; it is looked at again by itself, from where it could not be (sweep-onward.ts).
 */
import type { ReplicaId } from '../../coordination/replication/replica-state.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { sweeperLimits } from '../../kernel/limits/sweeper.ts';
import type { Tier } from '../../log/segment/object-name.ts';
import type { ListPage } from '../../storage/objects/port.ts';
import type { Replica } from '../../storage/objects/replicated.ts';
import type { Broker } from '../broker.ts';

interface Source {
  /** Absent where it is the only one. */
  replica?: Replica;
  list: (prefix: string, cursor?: string) => Promise<ListPage>;
}

export class SweepSources {
  /** By replica, the birth of the oldest object that it may still have, and was not asked about or did not delete. */
  readonly behind = new Map<ReplicaId, number>();
  private readonly broker: Broker;
  private readonly only: ReplicaId | undefined;
  private readonly unreachable = new Set<ReplicaId>();

  /** `only`: of this replica, what others have is not listed. */
  constructor(broker: Broker, only?: ReplicaId) {
    this.broker = broker;
    this.only = only;
  }

  /** The names under a prefix, most of them once. `fromMs` is the oldest birth that counts under it. */
  async *names(tier: Tier, prefix: string, fromMs: number): AsyncGenerator<string> {
    const sources = this.of(tier);
    const told = new Set<string>();
    for (const { replica, list } of sources) {
      for await (const name of this.listed({ replica, list }, prefix, fromMs)) {
        if (told.has(name)) continue;
        // What is not remembered is looked at once for every replica that has it, which costs reads and nothing else.
        if (sources.length > 1 && told.size < sweeperLimits.sweepNamesRemembered) told.add(name);
        yield name;
      }
    }
  }

  /**
   * Whether objects of one tier, the oldest of which was born then, are gone from everywhere. Where they may still be,
   * that replica is behind.
   */
  async delete(names: readonly string[], tier: Tier, birthMs: number): Promise<boolean> {
    const { objects } = this.broker;
    const set = objects.replicas;
    if (tier === 'inline' || set === undefined) {
      await objects.delete(names);
      return true;
    }
    const deleting = set.replicas.map((replica) =>
      this.ask(replica, birthMs, () => set.health.watch(replica.id, () => deleteFrom(replica, names))),
    );
    return (await Promise.all(deleting)).every((deleted) => deleted === true);
  }

  private of(tier: Tier): Source[] {
    const { objects } = this.broker;
    const set = objects.replicas;
    if (tier === 'inline' || set === undefined) {
      return this.only === undefined ? [{ list: (prefix, cursor) => objects.list(prefix, cursor) }] : [];
    }
    return set.replicas
      .filter(({ id }) => this.only === undefined || id === this.only)
      .map((replica) => ({
        replica,
        list: (prefix, cursor) => set.health.watchRead(replica.id, () => replica.store.list(prefix, cursor)),
      }));
  }

  private async *listed({ replica, list }: Source, prefix: string, fromMs: number): AsyncGenerator<string> {
    let cursor: string | undefined;
    do {
      const page =
        replica === undefined
          ? await list(prefix, cursor)
          : await this.ask(replica, fromMs, () => list(prefix, cursor));
      if (page === undefined) return;
      for (const { name } of page.objects) yield name;
      cursor = page.next;
    } while (cursor !== undefined);
  }

  /**
   * `undefined` where the replica does not answer, now or earlier in this sweep: it is asked once, not for every
   * object.
   */
  private async ask<T>(replica: Replica, birthMs: number, request: () => Promise<T>): Promise<T | undefined> {
    const { id, name } = replica;
    try {
      if (!this.unreachable.has(id)) return await request();
    } catch (error) {
      if (!(error instanceof MillraceError && error.retriable)) throw error;
      this.unreachable.add(id);
      this.broker.log.warn('A replica cannot be swept; a later sweep looks again at what it has', {
        replica: name,
        error,
      });
    }
    this.behind.set(id, Math.min(this.behind.get(id) ?? birthMs, birthMs));
    return undefined;
  }
}

async function deleteFrom({ store }: Replica, names: readonly string[]): Promise<true> {
  await store.delete(names);
  return true;
}
