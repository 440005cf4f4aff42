/**
 * Looks after the replicas of ledgers in this process; there is no controller, and every process that notices something
 * does what is due (docs/replication.md).
 *
 * A look goes from the newest known head, and costs nothing where all is well: it reads and writes nothing. Where a
 * head of any age gives reason to change something, it is read anew before anything is decided: what others did since,
 * and whom they reach, must count.
 */
import type { LedgerView } from '../../coordination/replication/ledger-view.ts';
import {
  copiesDue,
  proposeChange,
  type ReplicaChange,
  type ReplicaSight,
} from '../../coordination/replication/propose-change.ts';
import { maskOf, type ReplicaId } from '../../coordination/replication/replica-state.ts';
import type { Clock } from '../../kernel/clock.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';
import type { TieredObjectStore } from '../../storage/objects/tiered.ts';
import type { BrokerLog } from '../broker-log.ts';
import type { EpochHistory } from '../ledger/epoch-history.ts';
import type { HeadCache } from '../ledger/head-cache.ts';
import type { PageCache } from '../ledger/page-cache.ts';
import { ledgerView } from '../ledger/replicated.ts';
import { Arrivals } from './arrivals.ts';
import { ReplicaChanges } from './changes.ts';
import { Copier } from './copier.ts';
import { Cursors } from './cursors.ts';
import type { ReplicaKeeping } from './keeping.ts';
import { Probes } from './probes.ts';
import type { ReplicationRules } from './rules.ts';
import { Sights } from './sight.ts';

export interface KeeperParts {
  metadata: MetadataStore;
  objects: TieredObjectStore;
  heads: HeadCache;
  pages: PageCache;
  epochs: EpochHistory;
  clock: Clock;
  log: BrokerLog;
  /** `replica.lag.time.max.ms` */
  replicaLagMsMax: number;
}

/** What a look goes from. */
interface Look {
  ledger: LedgerId;
  rules: ReplicationRules;
  head: LedgerHead;
  view: LedgerView;
  sight: ReplicaSight;
  /** The head is as of after the look began. */
  fresh: boolean;
}

export class ReplicaKeeper implements ReplicaKeeping {
  private readonly heads: HeadCache;
  private readonly clock: Clock;
  private readonly log: BrokerLog;
  private readonly changes: ReplicaChanges;
  private readonly arrivals: Arrivals;
  /** Absent where the stack has a single bucket. */
  private readonly watching: { probes: Probes; sights: Sights; copier: Copier } | undefined;
  private readonly looks = new Map<string, Promise<void>>();
  /** When a ledger whose leader has failed was last read to see whether it has another one. */
  private readonly waits = new LruMap<string, number>(cacheLimits.headCacheEntries);

  constructor(parts: KeeperParts) {
    const { clock, log, replicaLagMsMax } = parts;
    this.heads = parts.heads;
    this.clock = clock;
    this.log = log;
    this.changes = new ReplicaChanges(parts);
    const cursors = new Cursors(parts);
    this.arrivals = new Arrivals({ cursors, log });
    const { replicas } = parts.objects;
    if (replicas === undefined) return;
    const probes = new Probes({ replicas, clock, log });
    const sights = new Sights({ replicas, probes, pages: parts.pages, clock, lagMsMax: replicaLagMsMax });
    this.watching = { probes, sights, copier: new Copier({ ...parts, replicas, cursors }) };
  }

  look(ledger: LedgerId, rules: ReplicationRules): Promise<void> {
    if (this.watching === undefined) return Promise.resolve();
    const name = ledgerName(ledger);
    const running = this.looks.get(name);
    if (running !== undefined) return running;
    const look = this.lookOnce(ledger, rules)
      .catch((error: unknown) =>
        this.log.warn('The replicas of a ledger could not be looked after', { ledger: name, error }),
      )
      .finally(() => this.looks.delete(name));
    this.looks.set(name, look);
    return look;
  }

  /** Whether, as far as is known here, something about the replicas is not at its best: it is to be looked at soon. */
  isUnsettled(ledger: LedgerId): boolean {
    const head = this.heads.peek(ledger);
    const view = head && ledgerView(ledger, head);
    if (view === undefined || this.watching === undefined) return false;
    const { replicas, leader, inSync } = view.state;
    if (leader !== replicas[0] || inSync !== maskOf(replicas)) return true;
    return !this.watching.sights.isHealthy(view) || copiesDue(view).length > 0;
  }

  arrived(ledger: LedgerId, commitId: Uint8Array, replica: ReplicaId): void {
    this.arrivals.note(ledger, commitId, replica);
  }

  async settled(): Promise<void> {
    await this.looksSettled();
    await this.watching?.probes.settled();
    await this.looksSettled();
    await this.arrivals.settled();
  }

  /** What was copied is looked at, and a look may have something copied. */
  private async looksSettled(): Promise<void> {
    while (this.looks.size > 0 || (this.watching?.copier.underWay ?? 0) > 0) {
      await Promise.all(this.looks.values());
      await this.watching?.copier.settled();
    }
  }

  private async lookOnce(ledger: LedgerId, rules: ReplicationRules): Promise<void> {
    let look = await this.lookAt({ ledger, rules, head: await this.heads.known(ledger), fresh: false });
    for (let attempt = 0; attempt < replicationLimits.replicaChangesPerLookMax && look !== undefined; attempt++) {
      const change = proposeChange(look.view, look.sight, { uncleanAllowed: rules.uncleanAllowed, preferFirst: true });
      if (!look.fresh && this.isWorthReading(ledger, change)) {
        look = await this.lookAt({ ledger, rules, head: await this.heads.strong(ledger), fresh: true });
        continue;
      }
      if (change.change === 'none' || change.change === 'wait-for-leader') break;
      const head = await this.changes.carryOut({ ...look, change });
      look = await this.lookAt({ ledger, rules, head, fresh: true });
    }
    if (look !== undefined) this.beginWork(look);
  }

  /** `undefined` where there is nothing to look at: the ledger is gone, or has a single replica. */
  private async lookAt(
    given: Pick<Look, 'ledger' | 'rules' | 'fresh'> & { head: LedgerHead | undefined },
  ): Promise<Look | undefined> {
    const { ledger, head, fresh } = given;
    const view = head && ledgerView(ledger, head);
    if (head === undefined || view === undefined || this.watching === undefined) return undefined;
    if (fresh) await this.watching.sights.noteSealed(ledger, head, view);
    return { ...given, head, view, sight: this.watching.sights.note(ledger, view, given) };
  }

  private isWorthReading(ledger: LedgerId, { change }: ReplicaChange): boolean {
    if (change !== 'wait-for-leader') return change !== 'none';
    // This may last, and only now and then is it asked whether someone else has found a leader.
    const name = ledgerName(ledger);
    const nowMs = this.clock.monotonic();
    if (nowMs - (this.waits.get(name) ?? Number.NEGATIVE_INFINITY) < replicationLimits.replicaLookMs) return false;
    this.waits.set(name, nowMs);
    return true;
  }

  /** What goes on when the look is over. */
  private beginWork({ ledger, rules, head, view, sight }: Look): void {
    if (this.watching === undefined) return;
    const { probes, sights, copier } = this.watching;
    // Who is proven alive may start joining, and who has been brought everything may join.
    const lookAgain = () => void this.look(ledger, rules);
    probes.send(sights.unknownAmong(view), lookAgain);
    if (copier.due(head, view, sight.alive).length > 0) copier.begin(ledger, sight.alive, lookAgain);
  }
}
