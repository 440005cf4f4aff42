/**
 * The part of a simulated world that its replicated ledgers need: their buckets, rules and faults, and the watch on
 * them.
 */
import { type ReplicationRules, rulesOf } from '../../lib/broker/replication/rules.ts';
import { commitsEnd, coveredCommits } from '../../lib/coordination/replication/ledger-view.ts';
import { type LedgerId, ledgerName } from '../../lib/kernel/ids.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import type { Topic } from '../../lib/log/topic/topic.ts';
import { ledgersOf } from '../../lib/log/topic/topic-writes.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import type { History } from './history.ts';
import type { Network } from './network.ts';
import { REPLICAS, ReplicaBuckets } from './replica-buckets.ts';
import { ReplicaWatch } from './replica-watch.ts';
import type { Scheduler } from './scheduler.ts';

interface Parts {
  history: History;
  scheduler: Scheduler;
  network: Network;
  /** The first of the buckets. */
  bucket: ObjectStore;
}

export class ReplicatedLedgers {
  readonly buckets: ReplicaBuckets;
  readonly watch: ReplicaWatch;
  /** `replica.lag.time.max.ms` */
  readonly lagMsMax: number;
  readonly ledgers: { ledger: LedgerId; rules: ReplicationRules }[] = [];
  private readonly history: History;
  private readonly random: Random;
  private readonly minInSync: number;
  private readonly isUncleanAllowed: boolean;

  constructor({ history, scheduler, network, bucket }: Parts) {
    this.history = history;
    this.random = scheduler.random;
    const stores = [bucket, ...REPLICAS.slice(1).map(() => createMemoryObjectStore())];
    const onCopy = () => void history.replication.counts.copies++;
    this.buckets = new ReplicaBuckets({ stores, network, scheduler, onCopy });
    this.watch = new ReplicaWatch(history, this.buckets);
    this.lagMsMax = 2_000 + randomBelow(this.random, 10_000);
    this.minInSync = 1 + randomBelow(this.random, 2);
    this.isUncleanAllowed = this.random.fraction() < 0.4;
  }

  /** What a replicated topic is created with. */
  get request() {
    return {
      replicationFactor: REPLICAS.length,
      config: {
        'min.insync.replicas': this.minInSync,
        'unclean.leader.election.enable': this.isUncleanAllowed,
      },
    };
  }

  created(topic: Topic): void {
    for (const ledger of ledgersOf(topic)) {
      this.history.replication.uncleanAllowed.set(ledgerName(ledger), this.isUncleanAllowed);
      this.ledgers.push({ ledger, rules: rulesOf(topic.config) });
    }
  }

  storm(): void {
    const views = () => [...this.watch.views().values()];
    this.buckets.storm(this.random.fraction() < 0.3 ? 'one' : 'any', {
      leader: () => views()[randomBelow(this.random, views().length)]?.state.leader,
      hasGap: (leader) =>
        views().some((view) => view.state.leader === leader && coveredCommits(view) < commitsEnd(view)),
    });
  }
}
