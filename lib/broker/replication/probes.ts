/**
 * Small objects that are sent to replicas of which nothing is known, or nothing good: nobody sends anything else to a
 * replica that has left. What a probe comes to goes into the process's view of the replica's health, as any request.
 */
import type { ReplicaId } from '../../coordination/replication/replica-state.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Replica, ReplicaSet } from '../../storage/objects/replicated.ts';
import type { BrokerLog } from '../broker-log.ts';

interface Probed {
  lastMs: number;
  proven: boolean;
  underWay: boolean;
}

const CONTENT = Uint8Array.of(1);

/**
 * Beside the hours (log/segment/object-name.ts), where the sweeper looks for nothing, and under the prefix that whoever
 * may write segments may write to. There is one for each replica, for good.
 */
export function probeName(replica: ReplicaId): string {
  return `segments/probe-${replica}`;
}

export class Probes {
  private readonly replicas: ReplicaSet;
  private readonly clock: Clock;
  private readonly log: BrokerLog;
  private readonly probed = new Map<ReplicaId, Probed>();
  private readonly underWay = new Set<Promise<void>>();

  constructor({ replicas, clock, log }: { replicas: ReplicaSet; clock: Clock; log: BrokerLog }) {
    this.replicas = replicas;
    this.clock = clock;
    this.log = log;
  }

  /** Whether the last probe of the replica succeeded, and it has not failed since. */
  isProven(replica: ReplicaId): boolean {
    const probed = this.probed.get(replica);
    if (probed === undefined) return false;
    if (this.replicas.health.healthOf(replica).verdict === 'failed') probed.proven = false;
    return probed.proven;
  }

  /** Probes each of them, unless one is under way or the last one began less than `replicaProbeMs` ago. */
  send(ids: readonly ReplicaId[]): void {
    for (const id of ids) {
      const replica = this.replicas.replicas.find((one) => one.id === id);
      if (replica === undefined || !this.isDue(id)) continue;
      const probe = this.probe(replica).finally(() => this.underWay.delete(probe));
      this.underWay.add(probe);
    }
  }

  /** Resolves when none is under way, or has not been answered for a while. */
  async settled(): Promise<void> {
    if (this.underWay.size === 0) return;
    const ended = new AbortController();
    const patience = this.clock.sleep(limits.replicaProbePatienceMs, ended.signal);
    await Promise.race([Promise.all(this.underWay), patience]);
    ended.abort();
  }

  private isDue(id: ReplicaId): boolean {
    const probed = this.probed.get(id);
    return (
      probed === undefined || (!probed.underWay && this.clock.monotonic() - probed.lastMs >= limits.replicaProbeMs)
    );
  }

  private async probe({ id, store }: Replica): Promise<void> {
    const probed = this.probed.get(id) ?? { lastMs: 0, proven: false, underWay: true };
    this.probed.set(id, probed);
    probed.lastMs = this.clock.monotonic();
    probed.underWay = true;
    try {
      await this.replicas.health.watch(id, () => store.put(probeName(id), [CONTENT]));
      probed.proven = true;
    } catch (error) {
      probed.proven = false;
      // A fault of the storage is in the health book now, and need not be told once a second.
      if (!(error instanceof MillraceError)) this.log.error('A probe of a replica failed', { replica: id, error });
    } finally {
      probed.underWay = false;
    }
  }
}
