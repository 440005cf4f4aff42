/**
 * One simulated history: several processes with the real use cases over shared stores, each doing its work while calls
 * fail and processes crash and freeze; then peace, a last sweep, and a fresh process that reads everything.
 */

import { type Broker, createBroker } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import type { ReplicationRules } from '../../lib/broker/replication/rules.ts';
import { sweep } from '../../lib/broker/sweep/sweep.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { ledgerName } from '../../lib/kernel/ids.ts';
import { type Random, randomBelow, seededRandom } from '../../lib/kernel/random.ts';
import { ledgerOf } from '../../lib/log/topic/topic.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../lib/storage/objects/memory.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';
import { check, type Violation } from './checkers.ts';
import { countProducers } from './count-producers.ts';
import { countReplicas } from './count-replicas.ts';
import { DeletedTopics } from './deleted-topics.ts';
import { simulateGroup } from './groups/group-world.ts';
import { History } from './history.ts';
import { type HistoryKind, kindOf, producersOf } from './kinds.ts';
import { simulateLifecycle } from './lifecycle/lifecycle-world.ts';
import { LogActors } from './log-actors.ts';
import { anyWeather, Network, NO_FAULTS } from './network.ts';
import { PassingTopics } from './passing-topics.ts';
import { type PlantName, plantOf } from './plants.ts';
import { ProducerActors } from './producer-actors.ts';
import { type Place, Readings } from './readings.ts';
import { ReplicatedActors } from './replicated-actors.ts';
import { ReplicatedLedgers } from './replicated-ledgers.ts';
import { EPOCH_MS, Scheduler, SimulatedProcess } from './scheduler.ts';
import { metadataOver, objectsOver, SharedTable } from './stores.ts';
import { watchTable } from './table-watch.ts';
import type { ProducerSite } from './transactional-producers.ts';
import { simulateTriggers } from './triggers/trigger-world.ts';
import { Writings } from './writings.ts';

export interface HistoryOptions {
  seed: number;
  plant?: PlantName;
  /** What stands for the first bucket; memory by default, which is faster. Empty, and closed by the caller. */
  bucket?: ObjectStore;
  /** Called with every step, for a replay. */
  trace?: (line: string) => void;
}

export interface HistoryResult {
  seed: number;
  violations: Violation[];
  /** Sums up every step; equal for equal runs. */
  fingerprint: number;
  events: number;
  acked: number;
  /** Topics that were deleted, for sure. */
  deleted: number;
  faults: Record<string, number>;
  /** What became of batches with sequences and of transactions. */
  producers: Record<string, number>;
  /** What became of replicas. */
  replicas: Record<string, number>;
  /** What a group went through. */
  groups: Record<string, number>;
  /** What triggers went through. */
  triggers: Record<string, number>;
  /** What stored logs went through. */
  lifecycle: Record<string, number>;
}

/** Runs one history. The same options give the same result, step by step. */
export async function simulate(options: HistoryOptions): Promise<HistoryResult> {
  switch (kindOf(options.seed)) {
    case 'groups':
      return simulateGroup(options);
    case 'triggers':
      return simulateTriggers(options);
    case 'lifecycle':
      return simulateLifecycle(options);
    case 'log':
    case 'producers':
    case 'replicas':
      return new World(options).run();
  }
}

const EVENTS_MAX = 60_000;
/** No more are started in the place of crashed ones. */
const PROCESSES_MAX = 24;
const ORPHAN_AGE_MS = 1_500;
/** An upload may wait for seconds until the replicas are changed. */
const ORPHAN_AGE_AMONG_REPLICAS_MS = 6_000;
const TOPIC = 'simulated';
const OUTPUTS = 'outputs';
const OUTPUT_PARTITIONS = 2;

/** How producers work where faults last for seconds. */
const SLOW_PRODUCERS: Pace = { roundMs: 6_000, slowness: 6, withinMs: 40_000 };

type Pace = Pick<ProducerSite, 'roundMs' | 'slowness' | 'idleVisits'> & { withinMs?: number };

class World {
  private readonly seed: number;
  private readonly plant: PlantName | undefined;
  private readonly random: Random;
  private readonly scheduler: Scheduler;
  private readonly network: Network;
  private readonly history = new History();
  private readonly store: MetadataStore;
  private readonly table: SharedTable;
  private readonly bucket: ObjectStore;
  private readonly partitions: number;
  /** Records of inline size only, of segment size only, or both. */
  private readonly inlineBytesMax: number;
  private readonly keeper = new SimulatedProcess('keeper');
  private readonly passing: PassingTopics;
  private readonly deleted: DeletedTopics;
  private readonly readings: Readings;
  private readonly writings: Writings;
  private readonly kind: HistoryKind;
  /** Which producers there are with sequences and transactions. */
  private readonly producers: ReturnType<typeof producersOf>;
  /** Only where ledgers have several replicas. */
  private readonly replicated: ReplicatedLedgers | undefined;
  private actors: ReplicatedActors | undefined;
  /** For what nobody waits for. */
  private readonly leave = (work: Promise<void>) => {
    work.catch((error: unknown) => {
      this.fault ??= error;
    });
  };
  /** All partitions of the topics that stay. */
  private readonly places: Place[] = [];
  private fingerprint = 0;
  private working = 0;
  private processes = 0;
  private fault: unknown;

  constructor({ seed, plant, trace, bucket = createMemoryObjectStore() }: HistoryOptions) {
    this.seed = seed;
    this.plant = plant;
    this.random = seededRandom(seed);
    this.scheduler = new Scheduler(this.random);
    this.network = new Network(this.scheduler, (line) => {
      for (let index = 0; index < line.length; index++) {
        this.fingerprint = (Math.imul(this.fingerprint, 31) + line.charCodeAt(index)) | 0;
      }
      trace?.(line);
    });
    this.passing = new PassingTopics(this.history, this.scheduler);
    this.readings = new Readings(this.history, this.random);
    this.writings = new Writings(this.history, this.random, this.readings);
    this.kind = kindOf(seed);
    this.producers = producersOf(seed);
    this.store = openSqliteMetadataStore({ path: ':memory:' });
    this.table = new SharedTable(this.store, this.scheduler);
    this.deleted = new DeletedTopics({ metadata: this.store, bucket });
    this.bucket = this.deleted.watched();
    this.partitions = 1 + randomBelow(this.random, 3);
    const { history, scheduler, network } = this;
    if (this.kind === 'replicas') this.replicated = new ReplicatedLedgers({ history, scheduler, network, bucket });
    // What is stored inline has no replicas.
    const sizes = this.replicated === undefined ? [0, 400, 4_096] : [0, 0, 400];
    this.inlineBytesMax = sizes[randomBelow(this.random, sizes.length)] as number;
  }

  async run(): Promise<HistoryResult> {
    try {
      await this.storm();
      await this.peace();
    } finally {
      await this.store.close();
    }
    const acked = this.history.produces.filter(({ answer }) => answer.kind === 'acked').length;
    return {
      seed: this.seed,
      violations: check(this.history),
      fingerprint: this.fingerprint,
      events: this.scheduler.events,
      acked,
      deleted: this.history.passing.topics.filter(({ action, answer }) => action === 'delete' && answer.kind === 'done')
        .length,
      faults: Object.fromEntries(this.network.counts),
      producers: countProducers(this.history.producers),
      replicas: countReplicas(this.history.replication),
      groups: {},
      triggers: {},
      lifecycle: {},
    };
  }

  /** The processes do their work, with faults. */
  private async storm(): Promise<void> {
    const founder = this.broker(new SimulatedProcess('founder'));
    const watch = watchTable(this.history);
    this.table.watch = (written) => {
      if (this.kind === 'log') return this.deleted.note(written);
      watch(written);
      this.replicated?.watch.note(written);
    };
    const inputs = await this.found(founder, TOPIC, this.partitions);
    const outputs = this.producers === 'all' ? await this.found(founder, OUTPUTS, OUTPUT_PARTITIONS) : [];
    this.network.rates = anyWeather(this.random);
    if (this.replicated !== undefined) this.startReplicated(this.replicated, inputs, outputs);
    else this.startOthers(inputs, outputs);
    await this.until(() => this.working === 0);
  }

  private startOthers(inputs: readonly Place[], outputs: readonly Place[]): void {
    const { scheduler, writings, readings, passing, places } = this;
    const actors = new LogActors({ scheduler, writings, readings, passing, inputs, places });
    // The others have the log to themselves, and topics that come and go.
    const withProducers = this.producers !== 'none';
    const writers = withProducers ? 1 : 2 + randomBelow(this.random, 3);
    const requests = withProducers ? 15 : 60 + randomBelow(this.random, 60);
    for (let index = 0; index < writers; index++)
      this.start(`writer${index}`, (b, p) => actors.write(b, p, Math.ceil(requests / writers)));
    for (let index = 0; index < 2; index++) this.start(`reader${index}`, (b, p) => actors.read(b, p));
    this.start('sweeper', (b, p) => this.sweepOften(b, p));
    if (withProducers) this.startProducers(inputs, outputs);
    else for (let index = 0; index < 2; index++) this.start(`owner${index}`, (b, p) => this.passing.own(b, p));
  }

  /** Faults last for seconds, and so does everything else. */
  private startReplicated(replicated: ReplicatedLedgers, inputs: readonly Place[], outputs: readonly Place[]): void {
    const { scheduler, writings, readings, places } = this;
    const { ledgers } = replicated;
    const isBusy = () => this.working > 0;
    const plant = plantOf(this.plant);
    const planted = (rules: ReplicationRules) => plant?.rules?.(rules) ?? rules;
    const actors = new ReplicatedActors({ scheduler, writings, readings, places, ledgers, isBusy, planted });
    this.actors = actors;
    const writers = this.producers === 'none' ? 3 + randomBelow(this.random, 2) : 2;
    for (let index = 0; index < writers; index++)
      this.start(`writer${index}`, (b, p) => actors.write(b, p), { withinMs: 40_000 });
    const beside = { withinMs: 40_000, beside: true };
    for (let index = 0; index < 2; index++) this.start(`reader${index}`, (b, p) => actors.read(b, p), beside);
    for (let index = 0; index < 2; index++) this.start(`caretaker${index}`, (b, p) => actors.keep(b, p), beside);
    this.start('sweeper', (b, p) => this.sweepOften(b, p, 6_000), beside);
    // Among transactions nobody waits for the long pauses of others.
    const pace = this.producers === 'all' ? { ...SLOW_PRODUCERS, idleVisits: 0 } : SLOW_PRODUCERS;
    if (this.producers !== 'none') this.startProducers(inputs, outputs, pace);
    replicated.storm();
  }

  /** No more faults: everything that was under way ends; then the log is read by someone who has seen nothing. */
  private async peace(): Promise<void> {
    this.network.rates = NO_FAULTS;
    this.replicated?.buckets.calm();
    await this.until(() => false);
    await this.restore();
    await this.complete(this.scheduler.pause(this.keeper, this.orphanAgeMs * 4));
    await this.complete(this.deleted.finish(this.broker(new SimulatedProcess('last deleter'))));
    this.history.passing.leftOver = await this.deleted.leftOver();
    await this.complete(this.lastSweep(this.broker(new SimulatedProcess('last sweeper'))));
    const auditor = new SimulatedProcess('auditor');
    const witness = this.broker(auditor);
    for (const place of this.places) await this.complete(this.readings.audit(witness, place));
    await this.complete(this.passing.audit(this.broker(auditor), auditor));
    if (this.fault !== undefined) throw this.fault;
  }

  /** All replicas come back by themselves. */
  private async restore(): Promise<void> {
    const { replicated, actors } = this;
    if (replicated === undefined || actors === undefined) return;
    const process = new SimulatedProcess('restorer');
    await this.complete(actors.restore(this.broker(process), process, () => replicated.watch.isRestored()));
    this.history.replication.unrestored = replicated.watch.unrestored();
  }

  private async found(founder: Broker, name: string, partitions: number): Promise<Place[]> {
    const { replicationFactor, config: rules } = this.replicated?.request ?? {};
    const config = { 'ledger.partitions': 1 + randomBelow(this.random, 3), ...rules };
    const places = Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition }));
    const create = async () => {
      await createTopic(founder, { name, partitions, replicationFactor, config });
      const topic = await founder.topics.get(name);
      this.replicated?.created(topic);
      for (const { partition } of places) {
        const { ledger, slot } = ledgerOf(topic, partition);
        this.history.producers.places.set(`${name}-${partition}`, { ledger: ledgerName(ledger), slot });
      }
    };
    await this.complete(create());
    this.places.push(...places);
    return places;
  }

  private startProducers(inputs: readonly Place[], outputs: readonly Place[], pace: Pace = {}): void {
    const { history, scheduler, readings, leave } = this;
    const leaderAcks = this.replicated && [0, 0.3, 1][randomBelow(this.random, 3)];
    const parts = { history, scheduler, readings, inputs, outputs, leave, leaderAcks, ...pace };
    const actors = new ProducerActors(parts);
    const works = this.producers === 'all' ? actors.all() : actors.sequenced();
    for (const [name, work] of works) this.start(name, work, pace);
  }

  /**
   * Starts a process that may crash and freeze; a crashed one is followed by another that has seen nothing. What goes
   * on `beside` the work is not waited for.
   */
  private start(
    name: string,
    work: (broker: Broker, process: SimulatedProcess) => Promise<void>,
    { withinMs = 1_500, beside = false } = {},
  ): void {
    if (!beside) this.working++;
    const skewMs = randomBelow(this.random, 200) - 100;
    const process = new SimulatedProcess(`${name}.${this.processes++}`, skewMs);
    let ended = false;
    const end = () => {
      if (ended) return;
      ended = true;
      if (!beside) this.working--;
    };
    work(this.broker(process), process).then(end, (error: unknown) => {
      this.fault ??= error;
      end();
    });
    const fate = this.random.fraction();
    if (fate < 0.25) {
      this.scheduler.schedule(this.keeper, this.random.fraction() * withinMs, () => {
        if (ended) return;
        process.alive = false;
        end();
        if (this.processes < PROCESSES_MAX) this.start(name, work, { withinMs, beside });
      });
    } else if (fate < 0.5) {
      this.scheduler.schedule(this.keeper, this.random.fraction() * withinMs, () => {
        process.frozenUntilMs = this.scheduler.nowMs + this.random.fraction() * 6_000;
      });
    }
  }

  private broker(process: SimulatedProcess): Broker {
    const site = { scheduler: this.scheduler, process, table: this.table };
    const plant = plantOf(this.plant);
    const parts = { process, network: this.network };
    const table = plant?.table?.(this.table, { ...site, process: this.keeper }) ?? this.table;
    const honest = metadataOver(table, parts);
    const metadata = plant?.metadata?.(honest, site) ?? honest;
    const planted = (store: ObjectStore) => plant?.bucket?.(store, site) ?? store;
    const bucket = this.replicated?.buckets.of(process, planted) ?? planted(objectsOver(this.bucket, parts));
    const clock = this.scheduler.clockOf(process);
    const objects = createTieredObjectStore({
      inline: createInlineObjectStore({ metadata, clock }),
      bucket,
      inlineBytesMax: this.inlineBytesMax,
    });
    const replicaLagMsMax = this.replicated?.lagMsMax;
    return createBroker({
      metadata,
      objects,
      compression: nodeCompression,
      clock,
      random: this.random,
      replicaLagMsMax,
    });
  }

  private async sweepOften(broker: Broker, process: SimulatedProcess, everyMsMax = 1_200): Promise<void> {
    for (let pass = 0; pass < 8; pass++) {
      await this.scheduler.pause(process, 200 + this.random.fraction() * everyMsMax);
      await this.sweepOnce(broker).catch((error: unknown) => {
        if (!(error instanceof MillraceError)) throw error;
      });
    }
  }

  private get orphanAgeMs(): number {
    return this.replicated === undefined ? ORPHAN_AGE_MS : ORPHAN_AGE_AMONG_REPLICAS_MS;
  }

  private sweepOnce(broker: Broker) {
    const toMs = broker.clock.now();
    return sweep(broker, { fromMs: EPOCH_MS - 1_000, toMs, orphanAgeMs: this.orphanAgeMs });
  }

  /** After it, everything that is stored is in a ledger: a second sweep finds nothing to delete. */
  private async lastSweep(broker: Broker): Promise<void> {
    await this.sweepOnce(broker);
    const { deleted } = await this.sweepOnce(broker);
    if (deleted > 0) this.history.orphans.push(`${deleted} objects of a second sweep`);
    this.history.orphans.push(...(this.replicated?.watch.orphans() ?? []));
  }

  private async complete(work: Promise<void>): Promise<void> {
    let state: 'running' | 'done' | 'failed' = 'running';
    work.then(
      () => (state = 'done'),
      (error: unknown) => {
        state = 'failed';
        this.fault ??= error;
      },
    );
    await this.until(() => state !== 'running');
    if (this.fault !== undefined) throw this.fault;
    if (state === 'running') throw new Error(`history ${this.seed} came to rest before its work was done`);
  }

  private async until(done: () => boolean): Promise<void> {
    const end = await this.scheduler.run(done, EVENTS_MAX);
    if (end === 'limit') throw new Error(`history ${this.seed} does not end within ${EVENTS_MAX} events`);
  }
}
