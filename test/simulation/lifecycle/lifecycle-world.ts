/**
 * One simulated history of storage: writers, readers and several maintainers over shared stores that fail, for hours of
 * virtual time, while pages are merged and retired, old records go and topics are deleted; then peace, maintenance
 * until nothing is left to do, and a look at everything that is there.
 */
import { type Broker, createBroker } from '../../../lib/broker/broker.ts';
import { Check, type CheckPlace } from '../../../lib/broker/check/check.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import type { Clock } from '../../../lib/kernel/clock.ts';
import { type Random, seededRandom } from '../../../lib/kernel/random.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../../lib/storage/objects/memory.ts';
import type { ObjectStore } from '../../../lib/storage/objects/port.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { MemoryTable } from '../memory-table.ts';
import { anyWeather, NO_FAULTS } from '../network.ts';
import { plantOf } from '../plants.ts';
import { Scheduler, SimulatedProcess } from '../scheduler.ts';
import { metadataOver, objectsOver, SharedTable } from '../stores.ts';
import type { HistoryOptions, HistoryResult } from '../world.ts';
import { AtRest } from './at-rest.ts';
import { countLifecycle } from './count-lifecycle.ts';
import { ErasureWatch } from './erasure-watch.ts';
import { checkLifecycle } from './lifecycle-checkers.ts';
import { LifecycleHistory, type Place } from './lifecycle-history.ts';
import { LifecycleKeepers } from './lifecycle-keepers.ts';
import { LifecycleProcesses, TellingNetwork } from './lifecycle-processes.ts';
import { LifecycleReaders } from './lifecycle-readers.ts';
import { type LifecyclePlan, planLifecycle } from './lifecycle-settings.ts';
import { LifecycleTransactions } from './lifecycle-transactions.ts';
import { LifecycleWriters } from './lifecycle-writers.ts';
import { presignedBy } from './planned-urls.ts';
import { walkStores } from './store-walk.ts';
import { TrueLog } from './true-log.ts';

const EVENTS_MAX = 400_000;
/** Longer than each grace and the age from which what is left is an orphan. */
const QUIET_MS = 80 * 60_000;
const QUIET_ROUNDS_MAX = 16;
/** What one round condemns the next one deletes; and what it deletes may free something else. */
const IDLE_ROUNDS = 3;
/** What the consistency check leaves to the maintenance, and more. */
const CHECK_AFTER_MS = 26 * 60 * 60_000;

export async function simulateLifecycle(options: HistoryOptions): Promise<HistoryResult> {
  return new LifecycleWorld(options).run();
}

class LifecycleWorld {
  private readonly seed: number;
  private readonly plant: ReturnType<typeof plantOf>;
  private readonly random: Random;
  private readonly scheduler: Scheduler;
  private readonly network: TellingNetwork;
  private readonly plan: LifecyclePlan;
  private readonly history: LifecycleHistory;
  private readonly store = new MemoryTable();
  private readonly table: SharedTable;
  private readonly truth: TrueLog;
  private readonly erasures: ErasureWatch;
  private readonly bucket: ObjectStore;
  private readonly keeper = new SimulatedProcess('keeper');
  private readonly processes: LifecycleProcesses;
  private readonly writers: LifecycleWriters;
  private readonly transactions: LifecycleTransactions;
  private readonly readers: LifecycleReaders;
  private readonly keepers: LifecycleKeepers;
  private readonly places: Place[];
  /** Reads by URLs that are under way. */
  private pending = 0;
  private fingerprint = 0;
  private fault: unknown;

  constructor({ seed, plant, trace }: HistoryOptions) {
    this.seed = seed;
    this.plant = plantOf(plant);
    this.random = seededRandom(seed);
    this.scheduler = new Scheduler(this.random);
    this.network = new TellingNetwork(this.scheduler, (line) => {
      for (let index = 0; index < line.length; index++) {
        this.fingerprint = (Math.imul(this.fingerprint, 31) + line.charCodeAt(index)) | 0;
      }
      trace?.(line);
    });
    this.plan = planLifecycle(this.random);
    this.history = new LifecycleHistory(this.plan, () => this.scheduler.nowMs);
    this.table = new SharedTable(this.store, this.scheduler);
    this.truth = new TrueLog(this.history, () => this.scheduler.nowMs);
    const atRest = new AtRest();
    this.erasures = new ErasureWatch(this.history, atRest);
    this.bucket = this.truth.watching(createMemoryObjectStore(), atRest);
    this.table.watch = (written) => {
      this.truth.note(written);
      atRest.note(written);
      this.erasures.note(written);
    };
    this.places = this.plan.topics.flatMap(({ name, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition })),
    );
    const { scheduler, network, history, places, bucket } = this;
    this.processes = new LifecycleProcesses({
      scheduler,
      skewMsMax: this.plan.skewMsMax,
      roundsMs: this.plan.roundsMs,
      broker: (process, clock) => this.broker(process, clock),
      fail: (error) => {
        this.fault ??= error;
      },
    });
    network.failed = (process) => this.processes.failed(process);
    network.called = (process, what) => this.processes.called(process, what);
    this.writers = new LifecycleWriters({ scheduler, history, places });
    this.transactions = new LifecycleTransactions({ scheduler, history, places, writers: this.writers });
    this.readers = new LifecycleReaders({
      scheduler,
      network,
      history,
      places,
      bucket,
      leave: (work) => this.leave(work),
    });
    this.keepers = new LifecycleKeepers({ scheduler, history, places });
  }

  async run(): Promise<HistoryResult> {
    try {
      await this.storm();
      await this.peace();
    } finally {
      await this.store.close();
    }
    return {
      seed: this.seed,
      violations: checkLifecycle(this.history),
      fingerprint: this.fingerprint,
      events: this.scheduler.events,
      acked: this.history.acks.length,
      deleted: this.history.counts.get('deletions finished') ?? 0,
      faults: Object.fromEntries(this.network.counts),
      producers: {},
      replicas: {},
      groups: {},
      triggers: {},
      lifecycle: countLifecycle(this.history),
    };
  }

  private async storm(): Promise<void> {
    const founder = this.processes.unharmed('founder');
    for (const topic of this.plan.topics) await this.completed(this.keepers.create(founder.broker, topic));
    this.network.rates = anyWeather(this.random);
    const { processes, writers, keepers } = this;
    for (let index = 0; index < 2; index++) processes.start(`writer${index}`, (actor) => writers.write(actor));
    for (let index = 0; index < 2; index++) {
      const name = `sequenced${index}`;
      processes.start(name, (actor) => writers.writeInSequence(name, actor));
    }
    processes.start('transactional0', (actor) => this.transactions.atOnce('transactional0', actor));
    processes.start('transactional1', (actor) => this.transactions.inParts('transactional1', actor));
    for (let index = 0; index < 2; index++) processes.start(`reader${index}`, this.readers.reader());
    for (let index = 0; index < 2; index++) processes.start(`maintainer${index}`, (actor) => keepers.keep(actor));
    processes.start('sweeper', (actor) => keepers.sweepOften(actor));
    processes.start('owner', (actor) => keepers.own(actor));
    processes.storm();
    await this.until(() => processes.working === 0 && this.pending === 0);
  }

  /** No more faults: what is under way ends, maintenance comes to its end, and everything is looked at. */
  private async peace(): Promise<void> {
    this.network.rates = NO_FAULTS;
    this.processes.calm();
    this.network.note('peace');
    const last = this.processes.unharmed('last maintainer');
    for (let round = 0, idle = 0; round < QUIET_ROUNDS_MAX && idle < IDLE_ROUNDS; round++) {
      await this.completed(this.scheduler.pause(this.keeper, QUIET_MS));
      idle = (await this.completed(this.keepers.keepAll(last))) ? 0 : idle + 1;
    }
    this.erasures.searchAgain();
    this.history.leftOver = await walkStores({
      metadata: this.store,
      bucket: this.bucket,
      hasErased: this.history.erasures.size > 0,
    });
    const auditor = this.processes.unharmed('auditor');
    for (const place of this.places) {
      await this.completed(this.audit(auditor, place));
    }
    await this.completed(this.scheduler.pause(this.keeper, CHECK_AFTER_MS));
    await this.completed(this.check(auditor.broker));
    await this.until(() => this.pending === 0);
  }

  private async audit(auditor: Parameters<LifecycleReaders['audit']>[0], place: Place): Promise<void> {
    const topic = await auditor.broker.topics.getFresh(place.topic).catch(() => undefined);
    if (topic === undefined) return;
    this.history.audited.add(topic.topicId);
    await this.readers.audit(auditor, place);
  }

  /** As the program does it itself. */
  private async check(broker: Broker): Promise<void> {
    const check = new Check({ broker, table: this.store, deep: true });
    for (let place: CheckPlace | undefined, begun = false; !begun || place !== undefined; begun = true) {
      const { findings, next } = await check.step(place);
      this.history.findings.push(...findings.map(({ kind, what }) => `${kind}: ${what}`));
      place = next;
    }
  }

  private broker(process: SimulatedProcess, clock: Clock): Broker {
    const { scheduler, network, plant } = this;
    const site = { scheduler, process, table: this.table };
    const parts = { process, network };
    const table = plant?.table?.(this.table, { ...site, process: this.keeper }) ?? this.table;
    const honest = metadataOver(table, parts);
    const metadata = plant?.metadata?.(honest, site) ?? honest;
    const ownBucket = presignedBy(scheduler, objectsOver(this.bucket, parts));
    const bucket = plant?.bucket?.(ownBucket, site) ?? ownBucket;
    const inline = createInlineObjectStore({ metadata, clock });
    const objects = createTieredObjectStore({ inline, bucket, inlineBytesMax: this.plan.inlineBytesMax });
    return createBroker({ metadata, objects, compression: nodeCompression, clock, random: this.random });
  }

  /** For what nobody waits for, until the end. */
  private leave(work: Promise<void>): void {
    this.pending++;
    const end = () => {
      this.pending--;
    };
    work.then(end, (error: unknown) => {
      this.fault ??= error;
    });
  }

  private async completed<T>(work: Promise<T>): Promise<T> {
    let ended: { result: T } | undefined;
    work.then(
      (result) => {
        ended = { result };
      },
      (error: unknown) => {
        this.fault ??= error;
      },
    );
    await this.until(() => ended !== undefined);
    if (ended === undefined) throw new Error(`history ${this.seed} came to rest before its work was done`);
    return ended.result;
  }

  private async until(done: () => boolean): Promise<void> {
    const end = await this.scheduler.run(() => done() || this.fault !== undefined, EVENTS_MAX);
    if (this.fault !== undefined) throw this.fault;
    if (end === 'limit') throw new Error(`history ${this.seed} does not end within ${EVENTS_MAX} events`);
  }
}
