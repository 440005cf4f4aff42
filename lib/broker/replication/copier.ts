/**
 * Brings to replicas that are in sync or joining what they lack of a ledger: whole objects, oldest first, from any
 * replica that has them. What lies in pages is found by the numbers of its commits. What an unclean election lost
 * counts as held.
 *
 * A copy counts only by the replica's cursor, which is raised under the epoch in which the commits were found: after an
 * election nothing counts of a run that was not written before. The copy of a commit that was cut off meanwhile is an
 * orphan, as its original is, and the sweeper's. The copier deletes nothing, because it cannot know who else needs the
 * object there: a commit of another ledger may be to it, or its writer is just uploading it to append it once more.
 */
import { commitsEnd, heldUpTo, type LedgerView } from '../../coordination/replication/ledger-view.ts';
import { copiesDue } from '../../coordination/replication/propose-change.ts';
import { has, type ReplicaId, type ReplicaMask } from '../../coordination/replication/replica-state.ts';
import type { Clock } from '../../kernel/clock.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import type { Commit } from '../../log/ledger/commit.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { ReplicaSet } from '../../storage/objects/replicated.ts';
import type { BrokerLog } from '../broker-log.ts';
import type { EpochHistory } from '../ledger/epoch-history.ts';
import type { HeadCache } from '../ledger/head-cache.ts';
import type { PageCache } from '../ledger/page-cache.ts';
import { ledgerView } from '../ledger/replicated.ts';
import { Bringer, type BringTarget, needsNone } from './bring.ts';
import type { Cursors } from './cursors.ts';
import { commitsFrom, type FoundCommit } from './find-commits.ts';

export interface CopierParts {
  replicas: ReplicaSet;
  heads: HeadCache;
  pages: PageCache;
  epochs: EpochHistory;
  cursors: Cursors;
  clock: Clock;
  log: BrokerLog;
}

interface Run extends Pick<BringTarget, 'ledger' | 'replica' | 'brought'> {
  /** Commit numbers mean the same within an epoch only. */
  epoch: number;
  /** Objects that may still be looked for. */
  left: number;
}

interface Stretch {
  head: LedgerHead;
  from: number;
  commits: readonly FoundCommit[];
}

export class Copier {
  private readonly parts: CopierParts;
  private readonly bringer: Bringer;
  private readonly runs = new Map<string, Promise<void>>();
  /** Ledgers whose last run failed: an outage is told once. */
  private readonly failing = new LruMap<string, true>(cacheLimits.headCacheEntries);

  constructor(parts: CopierParts) {
    this.parts = parts;
    this.bringer = new Bringer(parts);
  }

  get underWay(): number {
    return this.runs.size;
  }

  /** Which of these replicas lack something that its writer does not bring any more. */
  due(head: LedgerHead, view: LedgerView, replicas: ReplicaMask): ReplicaId[] {
    return copiesDue(view)
      .filter(({ replica, from }) => has(replicas, replica) && !this.isYoung(head.tail[from - view.paged]))
      .map(({ replica }) => replica);
  }

  /** Begins to copy to these, unless that is under way. `caughtUp` is called once one was brought all that is due. */
  begin(ledger: LedgerId, replicas: ReplicaMask, caughtUp: () => void): void {
    const name = ledgerName(ledger);
    if (this.runs.has(name)) return;
    const run = this.copy(ledger, replicas).then((isNews) => {
      this.runs.delete(name);
      if (isNews) caughtUp();
    });
    this.runs.set(name, run);
  }

  async settled(): Promise<void> {
    while (this.runs.size > 0) await Promise.all(this.runs.values());
  }

  /** Whether a replica has all that is due, and had not before. Never rejects. */
  private async copy(ledger: LedgerId, replicas: ReplicaMask): Promise<boolean> {
    const name = ledgerName(ledger);
    try {
      const isNews = await this.copyToAll(ledger, replicas);
      this.failing.delete(name);
      return isNews;
    } catch (error) {
      if (!this.failing.get(name))
        this.parts.log.warn('Objects could not be copied to a replica', { ledger: name, error });
      this.failing.set(name, true);
      return false;
    }
  }

  private async copyToAll(ledger: LedgerId, replicas: ReplicaMask): Promise<boolean> {
    // By a head of any age all would be looked for that others have brought meanwhile.
    const head = await this.parts.heads.strong(ledger);
    const view = head && ledgerView(ledger, head);
    if (head === undefined || view === undefined) return false;
    let isNews = false;
    let fault: { error: unknown } | undefined;
    for (const replica of this.due(head, view, replicas)) {
      const left = replicationLimits.replicaCopiesPerRunMax;
      try {
        if (await this.copyTo({ ledger, replica, epoch: view.epoch, left, brought: new Map() })) isNews = true;
      } catch (error) {
        fault ??= { error }; // one replica's is not the next one's
      }
    }
    if (fault !== undefined && !isNews) throw fault.error;
    return isNews;
  }

  /** Whether the replica was brought something, and has now all that is due. */
  private async copyTo(run: Run): Promise<boolean> {
    let isNews = false;
    for (;;) {
      const stretch = await this.nextStretch(run);
      if (stretch === undefined) return false;
      const { head, from, commits } = stretch;
      if (commits.length === 0) return isNews;
      const { held, fault } = await this.bringer.bring({ ...run, head }, commits);
      const upTo = from + held;
      await this.parts.cursors.raise(
        run.ledger,
        ({ epoch }) => new Map(epoch === run.epoch ? [[run.replica, upTo]] : []),
      );
      if (fault !== undefined) throw fault.error;
      if (held < commits.length) return false;
      isNews = true;
    }
  }

  /** Empty where nothing is due any more; `undefined` where the run is to end before that. */
  private async nextStretch(run: Run): Promise<Stretch | undefined> {
    const { ledger, replica } = run;
    const head = await this.parts.heads.known(ledger);
    const view = head && ledgerView(ledger, head);
    if (head === undefined || view === undefined || view.epoch !== run.epoch) return undefined;
    if (!has(view.state.inSync | view.state.joining, replica)) return undefined;
    const from = heldUpTo(view, replica);
    if (from === commitsEnd(view)) return { head, from, commits: [] };
    if (run.left <= 0) return undefined;
    const max = replicationLimits.replicaCopyStretchMax;
    const found = await commitsFrom(this.parts.pages, { ledger, head, view, from, max });
    const commits = found.slice(0, this.countDue(found, view, run));
    return { head, from: found[0]?.number ?? from, commits };
  }

  /** How many of these, from the first, are due and may still be looked for. */
  private countDue(found: readonly FoundCommit[], { paged }: LedgerView, run: Run): number {
    for (const [index, { number, commit }] of found.entries()) {
      if (number >= paged && !needsNone(commit, run.replica) && this.isYoung(commit)) return index;
      // Where there is nothing to look for, walking on is some work as well.
      if (index === 0 || !needsNone(commit, run.replica)) run.left--;
      if (run.left <= 0) return index + 1;
    }
    return found.length;
  }

  /** Its writer may still be uploading it. A clock that is ahead of this one must not hold it for ever. */
  private isYoung(commit: Commit | undefined): boolean {
    if (commit === undefined) return false;
    const ageMs = this.parts.clock.now() - commit.object.birthMs;
    return ageMs >= 0 && ageMs < replicationLimits.replicaCopyAfterMs;
  }
}
