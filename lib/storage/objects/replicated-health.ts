/**
 * The health of a stack's replicas as this process sees it: from the outcomes of its own requests, and from silence.
 *
 * A replica that is full or read-only still answers reads, and a busy one answers many between two writes. So a read
 * that succeeds says nothing as long as the last write has failed.
 */

import {
  HEALTHY,
  isAlive,
  noteOutcome,
  noteSilence,
  type ReplicaHealth,
} from '../../coordination/replication/health.ts';
import { maskOf, type ReplicaId, type ReplicaMask } from '../../coordination/replication/replica-state.ts';
import { assert } from '../../kernel/assert.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';

interface Watched {
  health: ReplicaHealth;
  /** When the requests that have no answer yet began. */
  waiting: Set<{ startedMs: number }>;
  lastSuccessMs: number;
  /** The last write has failed. */
  refusesWrites: boolean;
}

export class ReplicaHealthBook {
  private readonly clock: Clock;
  private readonly replicas = new Map<ReplicaId, Watched>();

  constructor({ clock, replicas }: { clock: Clock; replicas: readonly ReplicaId[] }) {
    this.clock = clock;
    for (const replica of replicas) {
      this.replicas.set(replica, {
        health: HEALTHY,
        waiting: new Set(),
        lastSuccessMs: Number.NEGATIVE_INFINITY,
        refusesWrites: false,
      });
    }
  }

  /** Makes a request of the replica, a put or a deletion, and takes note of what it comes to. */
  async watch<T>(replica: ReplicaId, request: () => Promise<T>): Promise<T> {
    return this.note(replica, 'write', request);
  }

  /** The same for a request that changes nothing. */
  async watchRead<T>(replica: ReplicaId, request: () => Promise<T>): Promise<T> {
    return this.note(replica, 'read', request);
  }

  healthOf(replica: ReplicaId): ReplicaHealth {
    const watched = this.of(replica);
    const { waiting, lastSuccessMs } = watched;
    const overdue = [...waiting].map(({ startedMs }) => startedMs).filter((startedMs) => startedMs > lastSuccessMs);
    watched.health = noteSilence(watched.health, overdue, this.clock.monotonic());
    return watched.health;
  }

  /**
   * How long the oldest request has waited that has no answer, of those begun after the last that succeeded; else 0.
   */
  silentMs(replica: ReplicaId): number {
    const { waiting, lastSuccessMs } = this.of(replica);
    const nowMs = this.clock.monotonic();
    let longestMs = 0;
    for (const { startedMs } of waiting)
      if (startedMs > lastSuccessMs) longestMs = Math.max(longestMs, nowMs - startedMs);
    return longestMs;
  }

  /** Who may be counted on. */
  alive(): ReplicaMask {
    return maskOf([...this.replicas.keys()].filter((replica) => isAlive(this.healthOf(replica))));
  }

  /** Who has failed beyond doubt. */
  failed(): ReplicaMask {
    return maskOf([...this.replicas.keys()].filter((replica) => this.healthOf(replica).verdict === 'failed'));
  }

  private async note<T>(replica: ReplicaId, kind: 'read' | 'write', request: () => Promise<T>): Promise<T> {
    const watched = this.of(replica);
    const begun = { startedMs: this.clock.monotonic() };
    watched.waiting.add(begun);
    try {
      const result = await request();
      watched.lastSuccessMs = Math.max(watched.lastSuccessMs, begun.startedMs);
      if (kind === 'write') watched.refusesWrites = false;
      if (!watched.refusesWrites) watched.health = noteOutcome(watched.health, 'success', this.clock.monotonic());
      return result;
    } catch (error) {
      const outcome = outcomeOf(error);
      if (kind === 'write' && outcome === 'failure') watched.refusesWrites = true;
      if (outcome !== undefined) watched.health = noteOutcome(watched.health, outcome, this.clock.monotonic());
      throw error;
    } finally {
      watched.waiting.delete(begun);
    }
  }

  private of(replica: ReplicaId): Watched {
    const watched = this.replicas.get(replica);
    assert(watched !== undefined, `there is a replica ${replica}`);
    return watched;
  }
}

/** `undefined`: a mistake of ours, which says nothing of the replica. */
function outcomeOf(error: unknown): 'failure' | 'throttled' | undefined {
  if (!(error instanceof MillraceError)) return undefined;
  if (error.code === 'THROTTLING_QUOTA_EXCEEDED') return 'throttled';
  return error.code === 'KAFKA_STORAGE_ERROR' ? 'failure' : undefined;
}
