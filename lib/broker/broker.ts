/**
 * What every use case works with: the stores and the process's own caches, queues and waiters, none of which a crash
 * could lose anything of. A door makes one broker per process and passes it to the use cases of this folder.
 */
import type { Clock } from '../kernel/clock.ts';
import { cacheLimits } from '../kernel/limits/caches.ts';
import { producerLimits } from '../kernel/limits/producers.ts';
import { replicationLimits } from '../kernel/limits/replication.ts';
import type { Random } from '../kernel/random.ts';
import type { Compression } from '../log/record-batch/compression.ts';
import type { MetadataStore } from '../storage/metadata/port.ts';
import type { Spool } from '../storage/objects/spool.ts';
import type { TieredObjectStore } from '../storage/objects/tiered.ts';
import { Appender } from './append/appender.ts';
import { Background } from './background.ts';
import { type BrokerLog, silentLog } from './broker-log.ts';
import { type BrokerMeter, silentMeter } from './broker-meter.ts';
import { GroupCache } from './groups/group-cache.ts';
import { PrincipalCache } from './keys/principal-cache.ts';
import { EpochHistory } from './ledger/epoch-history.ts';
import { HeadCache } from './ledger/head-cache.ts';
import { HeadWatcher } from './ledger/head-watcher.ts';
import { PageCache } from './ledger/page-cache.ts';
import { Sealer } from './ledger/sealer.ts';
import { ObjectPartsCache } from './lifecycle/object-parts.ts';
import { ProducerIds } from './produce/producer-ids.ts';
import { Slices } from './produce/slices.ts';
import { RunCache } from './read/run-cache.ts';
import { SegmentReader } from './read/segment-reader.ts';
import { SideBySide } from './read/side-by-side.ts';
import { ReplicaKeeper } from './replication/keeper.ts';
import { ShareCache } from './share-groups/share-cache.ts';
import { TopicCache } from './topics/topic-cache.ts';
import { Committer } from './transactions/committer.ts';
import { TransactionWriter } from './transactions/transaction-writer.ts';
import { TriggerCache } from './triggers/trigger-cache.ts';

export interface BrokerDependencies {
  metadata: MetadataStore;
  objects: TieredObjectStore;
  compression: Compression;
  clock: Clock;
  random: Random;
  log?: BrokerLog;
  meter?: BrokerMeter;
  /** Bytes of recent records kept in memory. */
  cacheBytes?: number;
  /** How long a producer that appends no more is known (Kafka: `producer.id.expiration.ms`). Default one day. */
  producerIdExpirationMs?: number;
  /**
   * How long a replica may be behind before it leaves the in-sync set (Kafka: `replica.lag.time.max.ms`). Default 30 s.
   */
  replicaLagMsMax?: number;
  /** Disk for what merging reads once for several ledgers; without one it is read for each. */
  spool?: Spool | undefined;
}

export interface Broker {
  readonly metadata: MetadataStore;
  readonly objects: TieredObjectStore;
  readonly compression: Compression;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: BrokerLog;
  readonly meter: BrokerMeter;
  readonly topics: TopicCache;
  readonly principals: PrincipalCache;
  readonly heads: HeadCache;
  readonly pages: PageCache;
  readonly parts: ObjectPartsCache;
  readonly epochs: EpochHistory;
  readonly watcher: HeadWatcher;
  readonly keeper: ReplicaKeeper;
  readonly sealer: Sealer;
  readonly runs: RunCache;
  readonly sideBySide: SideBySide;
  readonly segments: SegmentReader;
  readonly appender: Appender;
  readonly producerIds: ProducerIds;
  readonly committer: Committer;
  readonly transactionWriter: TransactionWriter;
  readonly groups: GroupCache;
  readonly shares: ShareCache;
  readonly triggers: TriggerCache;
  /** The checking of produced batches. */
  readonly checking: Slices;
  readonly spool: Spool | undefined;
  /** Writes with acks=none. */
  readonly background: Background;
}

export function createBroker(dependencies: BrokerDependencies): Broker {
  const { metadata, objects, compression, clock, random, log = silentLog, meter = silentMeter } = dependencies;
  const { producerIdExpirationMs = producerLimits.producerIdExpirationMsDefault } = dependencies;
  const { replicaLagMsMax = replicationLimits.replicaLagMsDefault } = dependencies;
  const topics = new TopicCache({ metadata, clock });
  const principals = new PrincipalCache({ metadata, clock });
  const heads = new HeadCache({ metadata, clock });
  const pages = new PageCache({ metadata });
  const watcher = new HeadWatcher({ heads, clock });
  const epochs = new EpochHistory({ metadata });
  const keeper = new ReplicaKeeper({ metadata, objects, heads, pages, epochs, clock, log, replicaLagMsMax });
  const sealer = new Sealer({ metadata, heads, pages, log });
  const runs = new RunCache({ objects, bytesMax: dependencies.cacheBytes ?? cacheLimits.objectCacheBytes });
  const appender = new Appender({
    metadata,
    objects,
    heads,
    pages,
    sealer,
    runs,
    watcher,
    keeper,
    clock,
    random,
    log,
    producerIdExpirationMs,
  });
  return {
    metadata,
    objects,
    compression,
    clock,
    random,
    log,
    meter,
    topics,
    principals,
    heads,
    pages,
    parts: new ObjectPartsCache(),
    epochs,
    watcher,
    keeper,
    sealer,
    runs,
    sideBySide: new SideBySide({ clock }),
    segments: new SegmentReader({ metadata, objects, clock }),
    appender,
    producerIds: new ProducerIds({ metadata }),
    committer: new Committer({ metadata, objects, heads, pages, sealer, runs, watcher, keeper, clock, random }),
    transactionWriter: new TransactionWriter(),
    groups: new GroupCache({ metadata, clock }),
    shares: new ShareCache({ metadata, clock }),
    triggers: new TriggerCache({ metadata, clock }),
    checking: new Slices(clock),
    spool: dependencies.spool,
    background: new Background(),
  };
}

/**
 * Resolves when everything that was accepted is stored and sequenced, and neither a seal nor work on replicas is under
 * way. A door that may be frozen after its answer (Lambda) awaits it before it answers.
 */
export async function settled(broker: Broker): Promise<void> {
  await broker.background.settled();
  await broker.appender.settled();
  await broker.sealer.settled();
  await broker.keeper.settled();
}
