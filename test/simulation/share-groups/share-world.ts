/**
 * One simulated history of a share group: records that are produced, members that fetch, acknowledge, forget, crash and
 * freeze, over processes that do, too, and a network that loses, delays and repeats what they write; then peace, until
 * every record is done with.
 */
import { type Broker, createBroker } from '../../../lib/broker/broker.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { produceBatches } from '../../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import type { AcknowledgeType } from '../../../lib/coordination/share-groups/acknowledge.ts';
import { groupConfigKey } from '../../../lib/coordination/share-groups/group-config.ts';
import { endOffset } from '../../../lib/coordination/share-groups/share-partition.ts';
import type { Clock } from '../../../lib/kernel/clock.ts';
import type { TopicId } from '../../../lib/kernel/ids.ts';
import { shareGroupLimits } from '../../../lib/kernel/limits/share-groups.ts';
import { type Random, randomBelow, seededRandom } from '../../../lib/kernel/random.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { batchOf } from '../../support/broker.ts';
import { GroupHistory } from '../groups/group-history.ts';
import { GroupServers } from '../groups/group-servers.ts';
import { MemoryTable } from '../memory-table.ts';
import { anyWeather, Network, NO_FAULTS } from '../network.ts';
import { EPOCH_MS, Scheduler, SimulatedProcess } from '../scheduler.ts';
import { delegating, metadataOver, SharedTable, type TableAccess } from '../stores.ts';
import { type ConsumerSite, GROUP, SimulatedShareConsumer, TOPIC } from './share-consumer.ts';
import { ShareWatch } from './share-watch.ts';

const EVENTS_MAX = 400_000;
const STORM_MS = 60_000;
/** As often as a record may be delivered, its lock may have to end. */
const PEACE_MS_MAX = 400_000;
const LOOK_MS = 1_000;
const MEMBERS_MAX = 8;

export interface ShareHistoryOptions {
  seed: number;
  /** A planted bug. */
  plant?: (table: SharedTable) => TableAccess;
}

export interface ShareHistoryResult {
  violations: string[];
  counts: ReadonlyMap<string, number>;
  records: number;
}

export async function simulateShareGroup(options: ShareHistoryOptions): Promise<ShareHistoryResult> {
  return new ShareWorld(options).run();
}

class ShareWorld {
  private readonly seed: number;
  private readonly random: Random;
  /** What the group's config says. */
  private readonly deliveriesMax: number;
  private readonly scheduler: Scheduler;
  private readonly network: Network;
  private readonly history = new GroupHistory();
  private readonly shared: SharedTable;
  private readonly table: TableAccess;
  private readonly keeper = new SimulatedProcess('keeper');
  private readonly servers: GroupServers;
  private readonly bucket = createMemoryObjectStore();
  private readonly members: SimulatedShareConsumer[] = [];
  private readonly violations: string[] = [];
  /** Offsets that somebody has said to be settled, whether it was taken or nothing was heard of it. */
  private readonly said = new Set<number>();
  /** By offset. */
  private readonly values = new Map<number, string>();
  private watch: ShareWatch | undefined;
  private topicId: TopicId = '';
  private produced = 0;
  private isCalm = false;
  private fault: unknown;

  constructor({ seed, plant }: ShareHistoryOptions) {
    this.seed = seed;
    this.random = seededRandom(seed);
    this.deliveriesMax = shareGroupLimits.shareDeliveriesMin + randomBelow(this.random, 5);
    this.scheduler = new Scheduler(this.random);
    this.network = new Network(this.scheduler, () => {});
    this.shared = new SharedTable(new MemoryTable(), this.scheduler);
    this.table = plant?.(this.shared) ?? this.shared;
    const { scheduler, network, history } = this;
    this.servers = new GroupServers({
      scheduler,
      network,
      history,
      clocksJump: false,
      broker: (process, clock) => this.broker(metadataOver(this.table, { process, network }), clock),
      fail: (error) => {
        this.fault ??= error;
      },
    });
  }

  async run(): Promise<ShareHistoryResult> {
    await this.storm();
    await this.peace();
    const violations = [...this.violations, ...(this.watch?.violations ?? [])];
    return { violations, counts: this.history.counts, records: this.produced };
  }

  private async storm(): Promise<void> {
    const { scheduler, random, shared } = this;
    const { keeper } = this;
    const producer = this.broker({ ...delegating(shared), close: async () => {} }, scheduler.clockOf(keeper));
    const lockMs = String(shareGroupLimits.shareLockMsMin);
    const attributes = {
      'share.record.lock.duration.ms': lockMs,
      'share.auto.offset.reset': 'earliest',
      'share.delivery.count.limit': String(this.deliveriesMax),
    };
    await shared.write([{ kind: 'put', key: groupConfigKey(GROUP), attributes }]);
    const { topicId } = await this.complete(createTopic(producer, { name: TOPIC, partitions: 1 }));
    this.topicId = topicId;
    const watch = new ShareWatch(
      { group: GROUP, topicId, partition: 0 },
      { nowMs: () => EPOCH_MS + scheduler.nowMs, deliveriesMax: this.deliveriesMax },
    );
    this.watch = watch;
    shared.watch = (written) => watch.note(written);
    this.network.rates = anyWeather(random);
    this.servers.storm(STORM_MS);
    for (let count = 10 + randomBelow(random, 30); count > 0; count--) {
      scheduler.schedule(keeper, random.fraction() * STORM_MS * 0.8, () => this.leave(this.produce(producer)));
    }
    for (let member = 2 + randomBelow(random, 3); member > 0; member--) this.start(topicId, random.fraction() * 5_000);
    await this.complete(scheduler.pause(keeper, STORM_MS));
  }

  private async produce(broker: Broker): Promise<void> {
    const values = Array.from({ length: 1 + randomBelow(this.random, 5) }, () => `v${this.produced++}`);
    const { baseOffset } = await produceBatches(broker, {
      topic: TOPIC,
      partition: 0,
      batches: batchOf(...values),
      acks: 'all',
    });
    for (const [at, value] of values.entries()) this.values.set((baseOffset ?? 0) + at, value);
  }

  private async peace(): Promise<void> {
    const { watch, scheduler } = this;
    this.isCalm = true;
    this.network.rates = NO_FAULTS;
    this.servers.calm();
    this.start(this.topicId, 0);
    const endMs = scheduler.nowMs + PEACE_MS_MAX;
    const isAtRest = () => watch?.partition?.startOffset === this.produced;
    while (!isAtRest()) {
      if (scheduler.nowMs >= endMs) {
        const partition = watch?.partition;
        const stands = partition && `${partition.startOffset} to ${endOffset(partition)}`;
        this.violations.push(`of ${this.produced} records not all are done with: ${stands} are in flight`);
        return;
      }
      await this.complete(scheduler.pause(this.keeper, LOOK_MS));
    }
    this.judge();
  }

  /** Every record was given to somebody; what nobody has settled, as often as it may be. */
  private judge(): void {
    for (const offset of this.values.keys()) {
      const times = this.watch?.deliveries.get(offset) ?? 0;
      if (times === 0) this.violations.push(`record ${offset} is lost: it was given to nobody`);
      if (this.said.has(offset)) continue;
      this.history.count('archived');
      if (times < this.deliveriesMax) this.violations.push(`record ${offset} is done with, by nobody`);
    }
  }

  /** Who is told of a record has acquired it, in the table as well. */
  private got(memberId: string, record: { offset: number; deliveries: number; value: string | undefined }): void {
    const { offset, deliveries, value } = record;
    this.history.count('delivered');
    if (deliveries > 1) this.history.count('delivered again');
    if (value === undefined || value !== this.values.get(offset))
      this.violations.push(`record ${offset} is given as ${value}`);
    if (!(this.watch?.acquired.has(`${offset} ${memberId} ${deliveries}`) ?? false)) {
      this.violations.push(`record ${offset} is given to ${memberId}, who has not acquired it`);
    }
  }

  /**
   * What somebody is told to be settled is done with, for ever. It may be so by another: acknowledgements below the
   * start are passed over.
   */
  private taken(memberId: string, said: ReadonlyMap<number, AcknowledgeType>): void {
    for (const [offset, type] of said) {
      if (type !== 'accept' && type !== 'reject') continue;
      this.history.count('settled');
      if (this.watch?.isDone(offset) !== true)
        this.violations.push(`record ${offset} is not settled, as ${memberId} is told`);
    }
  }

  /** Starts a member, which may crash or freeze; somebody else comes in its place. */
  private start(topicId: TopicId, afterMs: number): void {
    const { scheduler, history, servers, random, keeper } = this;
    const process = new SimulatedProcess(`member.${this.members.length}`);
    const site: ConsumerSite = {
      scheduler,
      servers,
      topicId,
      count: (what) => history.count(what),
      got: (memberId, record) => this.got(memberId, record),
      says: (said) => {
        for (const [offset, type] of said) if (type === 'accept' || type === 'reject') this.said.add(offset);
      },
      taken: (memberId, said) => this.taken(memberId, said),
      isCalm: () => this.isCalm,
    };
    const member = new SimulatedShareConsumer(site, process);
    this.members.push(member);
    scheduler.schedule(process, afterMs, () => this.leave(member.run()));
    if (this.isCalm) return;
    const fate = random.fraction();
    scheduler.schedule(keeper, afterMs + random.fraction() * STORM_MS, () => {
      if (this.isCalm || fate > 0.8) return;
      if (fate < 0.4) {
        history.count('members frozen');
        process.frozenUntilMs = scheduler.nowMs + 3_000 + random.fraction() * 20_000;
        return;
      }
      history.count('members crashed');
      process.alive = false;
      if (this.members.length < MEMBERS_MAX) this.start(topicId, random.fraction() * 5_000);
    });
  }

  private broker(metadata: MetadataStore, clock: Clock): Broker {
    const inline = createInlineObjectStore({ metadata, clock });
    const objects = createTieredObjectStore({ inline, bucket: this.bucket, inlineBytesMax: 4_096 });
    return createBroker({ metadata, objects, compression: nodeCompression, clock, random: this.random });
  }

  /** For what nobody waits for. */
  private leave(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.fault ??= error;
    });
  }

  private async complete<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    this.leave(
      work.then(() => {
        isDone = true;
      }),
    );
    const end = await this.scheduler.run(() => isDone || this.fault !== undefined, EVENTS_MAX);
    if (this.fault !== undefined) throw this.fault;
    if (end !== 'done') throw new Error(`history ${this.seed} ends (${end}) before its work is done`);
    return work;
  }
}
