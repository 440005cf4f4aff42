/**
 * Small objects that are sent to replicas of which nothing is known, or nothing good: nobody sends anything else to a
 * replica that has left. What a probe comes to goes into the process's view of the replica's health, as any request.
 */
import type { ReplicaId } from '../../coordination/replication/replica-state.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import type { Replica, ReplicaSet } from '../../storage/objects/replicated.ts';
import type { BrokerLog } from '../broker-log.ts';

interface Probed {
  /** How many have no answer. */
  underWay: number;
  /** When the last one began, … */
  lastMs: number;
  /** … whether it has an answer, … */
  lastEnded: boolean;
  /** … and when the last one that succeeded ended. */
  provenMs: number;
}

const NEVER: Readonly<Probed> = {
  underWay: 0,
  lastMs: Number.NEGATIVE_INFINITY,
  lastEnded: true,
  provenMs: Number.NEGATIVE_INFINITY,
};

const CONTENT = Uint8Array.of(1);

/**
 * Beside the hours (log/segment/object-name.ts), where the sweeper looks for nothing, and under the prefix that whoever
 * may write segments may write to. There is one for each replica, for good.
 */
function probeName(replica: ReplicaId): string {
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

  /** Whether a probe of the replica succeeded a short time ago, and none has failed since. */
  isProven(replica: ReplicaId): boolean {
    const { provenMs } = this.probed.get(replica) ?? NEVER;
    return this.clock.monotonic() - provenMs <= replicationLimits.replicaProofMsMax;
  }

  /**
   * Probes each of them, unless the last probe began less than `replicaProbeMs` ago, or has no answer and is not old.
   * `proven` is called when one is proven that was not before.
   */
  send(ids: readonly ReplicaId[], proven: () => void): void {
    for (const id of ids) {
      const replica = this.replicas.replicas.find((one) => one.id === id);
      if (replica === undefined || !this.isDue(id)) continue;
      const wasProven = this.isProven(id);
      const probe = this.probe(replica).then(() => {
        this.underWay.delete(probe);
        if (!wasProven && this.isProven(id)) proven();
      });
      this.underWay.add(probe);
    }
  }

  /** Resolves when none is under way, or has not been answered for a while. */
  async settled(): Promise<void> {
    if (this.underWay.size === 0) return;
    const ended = new AbortController();
    const patience = this.clock.sleep(replicationLimits.replicaProbePatienceMs, ended.signal);
    await Promise.race([Promise.all(this.underWay), patience]);
    ended.abort();
  }

  /** Where one has no answer, the next one may have: it is sent after a while. */
  private isDue(id: ReplicaId): boolean {
    const { underWay, lastMs, lastEnded } = this.probed.get(id) ?? NEVER;
    const pauseMs = lastEnded ? replicationLimits.replicaProbeMs : replicationLimits.replicaSilentMsMax;
    return underWay < replicationLimits.replicaProbesInFlightMax && this.clock.monotonic() - lastMs >= pauseMs;
  }

  private async probe({ id, store }: Replica): Promise<void> {
    const probed = this.probed.get(id) ?? { ...NEVER };
    this.probed.set(id, probed);
    const beganMs = this.clock.monotonic();
    probed.lastMs = beganMs;
    probed.lastEnded = false;
    probed.underWay++;
    try {
      await this.replicas.health.watch(id, () => store.put(probeName(id), [CONTENT]));
      probed.provenMs = this.clock.monotonic();
    } catch (error) {
      probed.provenMs = NEVER.provenMs;
      // A fault of the storage is in the health book now, and need not be told once a second.
      if (!(error instanceof MillraceError)) this.log.error('A probe of a replica failed', { replica: id, error });
    } finally {
      probed.underWay--;
      if (probed.lastMs === beganMs) probed.lastEnded = true;
    }
  }
}
