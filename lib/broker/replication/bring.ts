/** Bringing the objects of commits to one replica. */
import { has, type ReplicaId } from '../../coordination/replication/replica-state.ts';
import { assert } from '../../kernel/assert.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import { isBundle } from '../../log/ledger/bundle.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { objectName } from '../../log/segment/object-name.ts';
import type { ObjectName } from '../../storage/objects/port.ts';
import type { Replica, ReplicaSet } from '../../storage/objects/replicated.ts';
import type { BrokerLog } from '../broker-log.ts';
import type { EpochHistory } from '../ledger/epoch-history.ts';
import type { PageCache } from '../ledger/page-cache.ts';
import { areAllAmong } from '../ledger/replicated.ts';
import type { FoundCommit } from './find-commits.ts';

export interface BringTarget {
  ledger: LedgerId;
  head: LedgerHead;
  replica: ReplicaId;
  /** What was looked for in this run, by name: each object once, however many commits are to it. */
  brought: Map<ObjectName, Promise<boolean>>;
}

export interface Brought {
  /** How many of the commits, from the first, the replica holds now. */
  held: number;
  /** Why it is not all of them, where something failed. */
  fault?: { error: unknown };
}

export class Bringer {
  private readonly replicas: ReplicaSet;
  private readonly pages: PageCache;
  private readonly epochs: EpochHistory;
  private readonly clock: Clock;
  private readonly log: BrokerLog;
  private readonly missed = new LruMap<string, true>(cacheLimits.headCacheEntries);
  private inFlight = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(parts: { replicas: ReplicaSet; pages: PageCache; epochs: EpochHistory; clock: Clock; log: BrokerLog }) {
    this.replicas = parts.replicas;
    this.clock = parts.clock;
    this.pages = parts.pages;
    this.epochs = parts.epochs;
    this.log = parts.log;
  }

  async bring(target: BringTarget, commits: readonly FoundCommit[]): Promise<Brought> {
    const held: boolean[] = [];
    let fault: Brought['fault'];
    try {
      await mapBounded(commits, replicationLimits.replicaCopiesInFlightMax, async (found, index) => {
        held[index] = needsNone(found.commit, target.replica) || (await this.bringCommit(target, found));
      });
    } catch (error) {
      fault = { error };
    }
    const firstMissing = commits.findIndex((_, index) => held[index] !== true);
    return { held: firstMissing < 0 ? commits.length : firstMissing, ...(fault && { fault }) };
  }

  /** `false` where nobody has an object of it, and none was lost to an election. */
  private async bringCommit(target: BringTarget, found: FoundCommit): Promise<boolean> {
    for (const name of await this.objectsOf(target.ledger, found.commit)) {
      const bringing = target.brought.get(name) ?? this.inTurn(() => this.bringObject(name, target.replica));
      target.brought.set(name, bringing);
      if ((await bringing) || (await this.isLost(target, found))) continue;
      this.tellMissing(target, name);
      return false;
    }
    return true;
  }

  private async objectsOf(ledger: LedgerId, commit: Commit): Promise<ObjectName[]> {
    const commits = isBundle(commit) ? await this.pages.bundle(ledger, commit) : [commit];
    return commits.filter(({ tier }) => tier !== 'inline').map(({ tier, object }) => objectName(tier, object));
  }

  /** `false` where no replica has it. Looks first: a replica that comes back has most of what it is said to lack. */
  private async bringObject(name: ObjectName, to: ReplicaId): Promise<boolean> {
    const replica = this.replicas.replicas.find(({ id }) => id === to);
    assert(replica !== undefined, `there is a replica ${to}`);
    return (await this.isThere(name, replica)) || (await this.replicas.copy(name, to));
  }

  private async isThere(name: ObjectName, { id, store }: Replica): Promise<boolean> {
    return (await this.replicas.health.watchRead(id, () => store.getTail(name, 1))) !== undefined;
  }

  /** Whether all its records are where an unclean election may have lost some. */
  private async isLost({ ledger, head }: BringTarget, { commit, offsets }: FoundCommit): Promise<boolean> {
    if (!areAllAmong(head, this.replicas.given)) return false;
    const starts = offsets();
    for (const { slot, records } of commit.runs) {
      const start = starts[slot] as number;
      const lost = await this.epochs.lostRanges(ledger, slot, head);
      if (!lost.some(({ from, to }) => from <= start && start + records <= to)) return false;
    }
    return true;
  }

  private tellMissing({ ledger, replica }: BringTarget, name: ObjectName): void {
    const key = `${replica} ${name}`;
    if (this.missed.get(key)) return;
    this.missed.set(key, true);
    this.log.error('An object that the log names is in no replica', { ledger: ledgerName(ledger), replica, name });
  }

  /** All ledgers of the process share the objects that it may have in memory. */
  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    while (this.inFlight >= replicationLimits.replicaCopiesInFlightMax) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    this.inFlight++;
    try {
      return await this.inTime(work());
    } finally {
      this.inFlight--;
      this.waiting.shift()?.();
    }
  }

  /** A replica that never answers must not keep the copies to others waiting, nor its own once it does. */
  private async inTime<T>(work: Promise<T>): Promise<T> {
    const ended = new AbortController();
    const late = this.clock.sleep(replicationLimits.replicaCopyMsMax, ended.signal).then((): never => {
      throw new MillraceError('KAFKA_STORAGE_ERROR', 'A copy was given up: a replica does not answer.');
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      ended.abort();
    }
  }
}

/** The commit has nothing that the replica lacks, by its own word. */
export function needsNone({ tier, replicated }: Commit, replica: ReplicaId): boolean {
  return tier === 'inline' || has(replicated?.holders ?? 0, replica);
}
