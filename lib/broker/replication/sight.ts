/**
 * What this process has seen of the replicas of ledgers: who answers it, who is behind, and whether others get through
 * to a replica that it does not reach.
 *
 * A replica that failed here counts as failed once nobody was seen to reach it for `replicaFailingMsMin`: each commit
 * that another process brought there meanwhile begins the time anew. A replica that is not in sync counts as alive only
 * as long as probes prove it: to a process that sends it nothing it has not failed.
 */
import { type Lag, lagMs, noteHead, startLag } from '../../coordination/replication/lag.ts';
import { heldUpTo, type LedgerView } from '../../coordination/replication/ledger-view.ts';
import { failingMark, isReached, type ReplicaSight } from '../../coordination/replication/propose-change.ts';
import {
  has,
  maskOf,
  members,
  type ReplicaId,
  type ReplicaMask,
} from '../../coordination/replication/replica-state.ts';
import type { Clock } from '../../kernel/clock.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { ReplicaSet } from '../../storage/objects/replicated.ts';
import type { ReplicaHealthBook } from '../../storage/objects/replicated-health.ts';
import type { PageCache } from '../ledger/page-cache.ts';
import type { Probes } from './probes.ts';

interface FailingMark {
  epoch: number;
  number: number;
  /** Since when nobody was seen to reach the replica. */
  sinceMs: number;
}

interface Seen {
  /** Of the newest head that was seen, and when it was news. */
  version: number;
  newsMs: number;
  lags: Map<ReplicaId, Lag>;
  failing: Map<ReplicaId, FailingMark>;
}

export interface SightsOptions {
  replicas: ReplicaSet;
  probes: Probes;
  pages: PageCache;
  clock: Clock;
  /** `replica.lag.time.max.ms` */
  lagMsMax: number;
}

export class Sights {
  private readonly health: ReplicaHealthBook;
  private readonly all: ReplicaMask;
  private readonly probes: Probes;
  private readonly pages: PageCache;
  private readonly clock: Clock;
  private readonly lagMsMax: number;
  private readonly ledgers = new LruMap<string, Seen>(cacheLimits.headCacheEntries);

  constructor({ replicas, probes, pages, clock, lagMsMax }: SightsOptions) {
    this.health = replicas.health;
    this.all = maskOf(replicas.replicas.map(({ id }) => id));
    this.probes = probes;
    this.pages = pages;
    this.clock = clock;
    this.lagMsMax = lagMsMax;
  }

  /** Takes note of a head; `fresh` says that it was read or written just now. */
  note(ledger: LedgerId, view: LedgerView, { fresh }: { fresh: boolean }): ReplicaSight {
    const nowMs = this.clock.monotonic();
    const name = ledgerName(ledger);
    const seen = this.ledgers.get(name) ?? { version: -1, newsMs: nowMs, lags: new Map(), failing: new Map() };
    this.ledgers.set(name, seen);
    this.noteLags(seen, view, nowMs);
    this.noteFailing(seen, view, nowMs);
    if (fresh || view.version > seen.version) seen.newsMs = nowMs;
    seen.version = view.version;
    const unreached = maskOf([...seen.failing].filter(([, mark]) => isQuiet(mark, nowMs)).map(([replica]) => replica));
    return {
      alive: this.aliveAmong(view),
      failed: this.health.failed() & unreached,
      lagging: this.laggingOf(seen, view, nowMs),
      failingSince: seen.failing,
    };
  }

  /**
   * To be called before `note` with a head that was read just now. What others brought to a replica in sync may have
   * been sealed since, and a tail alone would look as if they had not: only what every replica in sync holds is in
   * pages.
   */
  async noteSealed(ledger: LedgerId, head: LedgerHead, view: LedgerView): Promise<void> {
    const failing = this.ledgers.get(ledgerName(ledger))?.failing ?? new Map<ReplicaId, FailingMark>();
    const sealed = [...failing].filter(([replica, { epoch, number }]) => {
      return epoch === view.epoch && number < view.paged && has(view.state.inSync, replica);
    });
    if (sealed.length === 0) return;
    const newest = await this.newestUploaded(ledger, head);
    const sinceMs = this.clock.monotonic();
    for (const [replica, { number }] of sealed) {
      if (newest >= number) failing.set(replica, { ...failingMark(view), sinceMs });
    }
  }

  /** The number of the newest commit in the last pages that is not inline; −1 where there is none. */
  private async newestUploaded(ledger: LedgerId, { sealed }: LedgerHead): Promise<number> {
    for (let back = 1; back <= Math.min(sealed, replicationLimits.replicaPagesLookedIntoMax); back++) {
      const { firstCommit = 0, commits } = await this.pages.get(ledger, sealed - back);
      const index = commits.findLastIndex(({ tier }) => tier !== 'inline');
      if (index >= 0) return firstCommit + index;
    }
    return -1;
  }

  /** Of the ledger's replicas, those that have to be probed for something certain to be known of them. */
  unknownAmong({ state }: LedgerView): ReplicaId[] {
    return this.ours(state.replicas).filter((replica) => {
      const { verdict } = this.health.healthOf(replica);
      if (verdict !== 'healthy' || !has(state.inSync, replica)) return true;
      // One request without an answer says little, and there may be no other one for as long as it waits.
      return this.health.silentMs(replica) >= replicationLimits.replicaProbeMs;
    });
  }

  /** Whether the last that was heard of each of the ledger's replicas was good. */
  isHealthy({ state }: LedgerView): boolean {
    return this.ours(state.replicas).every((replica) => this.health.healthOf(replica).verdict === 'healthy');
  }

  private aliveAmong({ state }: LedgerView): ReplicaMask {
    const alive = this.health.alive();
    return maskOf(
      this.ours(state.replicas).filter(
        (replica) => has(alive, replica) && (has(state.inSync, replica) || this.probes.isProven(replica)),
      ),
    );
  }

  private laggingOf(seen: Seen, view: LedgerView, nowMs: number): ReplicaMask {
    const { inSync, leader } = view.state;
    return maskOf(
      members(inSync).filter((replica) => {
        const lag = seen.lags.get(replica);
        if (lag === undefined || replica === leader) return false;
        return lagMs(lag, nowMs) > this.lagMsMax && heldUpTo(view, replica) < lag.aim;
      }),
    );
  }

  private noteLags({ lags, version, newsMs }: Seen, view: LedgerView, nowMs: number): void {
    // Whoever was not looked at for long may have caught up any number of times meanwhile.
    const isGap = view.version > version && nowMs - newsMs > this.lagMsMax / 2;
    for (const replica of view.state.replicas) {
      const before = isGap ? undefined : lags.get(replica);
      if (!has(view.state.inSync, replica)) lags.delete(replica);
      else lags.set(replica, before === undefined ? startLag(view, nowMs) : noteHead(before, view, replica, nowMs));
    }
  }

  private noteFailing({ failing }: Seen, view: LedgerView, nowMs: number): void {
    for (const replica of this.ours(view.state.replicas)) {
      const { verdict, sinceMs } = this.health.healthOf(replica);
      const mark = failing.get(replica);
      if (verdict === 'healthy') failing.delete(replica);
      else if (mark === undefined) failing.set(replica, { ...failingMark(view), sinceMs });
      else if (isReached(view, replica, { failingSince: failing })) {
        failing.set(replica, { ...failingMark(view), sinceMs: nowMs });
      }
    }
  }

  /** A ledger may have a replica that this process was not given. */
  private ours(replicas: readonly ReplicaId[]): ReplicaId[] {
    return replicas.filter((replica) => has(this.all, replica));
  }
}

function isQuiet({ sinceMs }: FailingMark, nowMs: number): boolean {
  return nowMs - sinceMs >= replicationLimits.replicaFailingMsMin;
}
