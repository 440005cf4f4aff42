/**
 * One simulated history of triggers: dispatchers that crash and freeze over shared stores that fail, woken by a stream
 * that loses, repeats and reorders, and by a sweeper; then peace, until every partition of every trigger is delivered.
 */
import { type Broker, createBroker } from '../../../lib/broker/broker.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { fetchRecords } from '../../../lib/broker/fetch/fetch.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { alterTrigger } from '../../../lib/broker/triggers/alter-trigger.ts';
import type { Trigger } from '../../../lib/coordination/triggers/trigger.ts';
import { isDelivering } from '../../../lib/coordination/triggers/trigger-item.ts';
import { topicMatcher } from '../../../lib/coordination/triggers/trigger-topics.ts';
import { utf8, utf8Text } from '../../../lib/kernel/bytes.ts';
import type { Clock } from '../../../lib/kernel/clock.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { type Random, randomBelow, seededRandom } from '../../../lib/kernel/random.ts';
import type { Topic } from '../../../lib/log/topic/topic.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import type { TriggerLog } from '../../../lib/triggers/ports.ts';
import { type SweepCursor, type SweepTriggersOptions, sweepTriggers } from '../../../lib/triggers/sweep.ts';
import { nameOf } from '../groups/group-watch.ts';
import { anyWeather, Network, NO_FAULTS } from '../network.ts';
import { plantOf } from '../plants.ts';
import { Scheduler, SimulatedProcess } from '../scheduler.ts';
import { metadataOver, objectsOver, SharedTable } from '../stores.ts';
import type { HistoryOptions, HistoryResult } from '../world.ts';
import { countTriggers } from './count-triggers.ts';
import { Destination } from './destination.ts';
import { type DeliveryPorts, DispatchServers, skew } from './dispatch-servers.ts';
import { checkTriggers } from './trigger-checkers.ts';
import { Functions } from './trigger-functions.ts';
import { type FinalPartition, TriggerHistory } from './trigger-history.ts';
import { allowAll, TriggerOwners } from './trigger-owners.ts';
import { groupOf, INPUT, PASSING, planWorld, type WorldPlan } from './trigger-settings.ts';
import { TriggerWatch } from './trigger-watch.ts';
import { WakeStream } from './wake-stream.ts';

const EVENTS_MAX = 400_000;
const STORM_MS = 200_000;
/**
 * Long enough for leases that nobody gives back, for pauses that have grown, and for batches that fail to be given up.
 */
const PEACE_MS_MAX = 45 * 60_000;
const LOOK_MS = 5_000;
const SWEEP_MS = 60_000;
const WRITERS = 2;
const PRODUCES = 45;
const KEYS = 6;

export async function simulateTriggers(options: HistoryOptions): Promise<HistoryResult> {
  return new TriggerWorld(options).run();
}

class TriggerWorld {
  private readonly seed: number;
  private readonly plant: ReturnType<typeof plantOf>;
  private readonly random: Random;
  private readonly scheduler: Scheduler;
  private readonly network: Network;
  private readonly history = new TriggerHistory();
  private readonly store: MetadataStore;
  private readonly table: SharedTable;
  private readonly bucket = createMemoryObjectStore();
  private readonly keeper = new SimulatedProcess('keeper');
  private readonly plan: WorldPlan;
  private readonly destination: Destination;
  private readonly functions: Functions;
  private readonly servers: DispatchServers;
  private readonly stream: WakeStream;
  private readonly owners: TriggerOwners;
  private fingerprint = 0;
  private acked = 0;
  private sweeps = 0;
  private isCalm = false;
  private fault: unknown;

  constructor({ seed, plant, trace }: HistoryOptions) {
    this.seed = seed;
    this.plant = plantOf(plant);
    this.random = seededRandom(seed);
    this.scheduler = new Scheduler(this.random);
    this.network = new Network(this.scheduler, (line) => {
      for (let index = 0; index < line.length; index++) {
        this.fingerprint = (Math.imul(this.fingerprint, 31) + line.charCodeAt(index)) | 0;
      }
      trace?.(line);
    });
    this.store = openSqliteMetadataStore({ path: ':memory:' });
    this.table = new SharedTable(this.store, this.scheduler);
    this.plan = planWorld(this.random);
    this.history.clocksAreWrong = this.plan.scenario === 'wrong-clocks';
    const { scheduler, network, history, plan } = this;
    const fail = (error: unknown) => {
      this.fault ??= error;
    };
    const broker = (process: SimulatedProcess, clock?: Clock) => this.broker(process, clock);
    this.destination = new Destination({ scheduler, network, history });
    const planted = (ports: DeliveryPorts) => this.plant?.delivery?.(ports) ?? ports;
    const { destination } = this;
    const site = { scheduler, network, history, plan, destination, broker, fail };
    this.servers = new DispatchServers({ ...site, planted }, () => this.functions);
    this.functions = new Functions({
      scheduler,
      network,
      history,
      plan,
      isCalm: () => this.isCalm,
      triggerOf: (target) => this.triggerOf(target),
      crash: (process) => this.servers.crash(process),
      freeze: (process) => this.servers.freeze(process),
    });
    this.owners = new TriggerOwners({ ...site, functions: this.functions });
    const { log } = this;
    this.stream = new WakeStream({ scheduler, broker, wake: (request) => this.servers.wake(request), log, fail });
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
      violations: checkTriggers(this.history),
      fingerprint: this.fingerprint,
      events: this.scheduler.events,
      acked: this.acked,
      deleted: this.history.counts.get('topics deleted') ?? 0,
      faults: Object.fromEntries(this.network.counts),
      producers: {},
      replicas: {},
      groups: {},
      triggers: countTriggers(this.history),
      lifecycle: {},
    };
  }

  private async storm(): Promise<void> {
    const founder = this.broker(new SimulatedProcess('founder'));
    const watch = new TriggerWatch(this.history, () => this.scheduler.nowMs);
    this.table.watch = (written) => {
      watch.note(written);
      this.stream.note(written);
    };
    const config = { 'ledger.partitions': 1 + randomBelow(this.random, 3) };
    await this.complete(createTopic(founder, { name: INPUT, partitions: 1 + randomBelow(this.random, 3), config }));
    for (const name of this.plan.names) await this.complete(this.owners.make(founder, name));
    const isStormy = this.plan.scenario !== 'unswept';
    if (isStormy) this.network.rates = anyWeather(this.random);
    this.servers.storm(STORM_MS);
    this.owners.storm(STORM_MS);
    for (let writer = 0; writer < WRITERS; writer++) this.leave(this.write(`writer.${writer}`));
    if (isStormy) this.sweepOften();
    const end = this.scheduler.nowMs + STORM_MS;
    this.scheduler.schedule(this.keeper, STORM_MS, () => {});
    await this.until(() => this.scheduler.nowMs >= end);
  }

  /** No more faults: what is left is delivered, by whoever still lives. */
  private async peace(): Promise<void> {
    this.isCalm = true;
    this.network.rates = NO_FAULTS;
    this.network.note('peace');
    this.servers.calm();
    this.destination.recover();
    const auditor = this.broker(new SimulatedProcess('auditor'));
    await this.complete(this.enableSome(auditor));
    const endMs = this.scheduler.nowMs + PEACE_MS_MAX;
    for (let rested = 0; rested < 2 && this.scheduler.nowMs < endMs; ) {
      await this.complete(this.scheduler.pause(this.keeper, LOOK_MS));
      await this.complete(this.look(auditor));
      rested = this.isAtRest() ? rested + 1 : 0;
    }
    for (const final of this.history.finals) final.records = await this.completed(this.recordsOf(auditor, final));
  }

  /** Of those that were disabled some stay so, and hold their place. */
  private async enableSome(broker: Broker): Promise<void> {
    for (const name of this.plan.names) {
      const record = this.recordOf(groupOf(name));
      if (record?.phase !== 'ready' || record.trigger.enabled || this.random.fraction() < 0.5) continue;
      await alterTrigger(broker, allowAll, name, { enabled: true });
    }
  }

  /** Every partition of every group, as it is now. */
  private async look(broker: Broker): Promise<void> {
    const { history, plan } = this;
    history.finals = [];
    const topics = await Promise.all([INPUT, PASSING].map((name) => broker.topics.getFresh(name).catch(ifMissing)));
    for (const group of plan.names.map(groupOf)) {
      const record = this.recordOf(group);
      for (const topic of topics) {
        if (topic === undefined) continue;
        const isDue = record !== undefined && isDelivering(record) && topicMatcher(record.trigger.topics)(topic.name);
        for (let index = 0; index < topic.partitions; index++)
          history.finals.push(this.finalOf(group, topic, index, isDue));
      }
    }
    history.unfinished = [...history.triggers.values()].flatMap((steps) => {
      const last = steps.at(-1)?.record;
      return last === undefined || last.phase === 'ready' ? [] : [`${last.trigger.name} is ${last.phase}`];
    });
  }

  private finalOf(group: string, topic: Topic, index: number, isDue: boolean): FinalPartition {
    const partition = nameOf({ topicId: topic.topicId, partition: index });
    const committed = this.history.commits.get(`${group}/${partition}`)?.at(-1)?.offset;
    const lease = this.history.leases.get(`${group}/${partition}`)?.at(-1)?.lease;
    return {
      group,
      topic: topic.name,
      partition,
      place: `${topic.name}-${index}`,
      committed,
      end: this.stream.endOf(topic, index),
      records: [],
      isDue,
      hasOpenWindow: lease?.window?.hasBegun === true,
    };
  }

  private isAtRest(): boolean {
    const { finals, runs, unfinished } = this.history;
    const isDone = finals.every(
      (final) => !final.isDue || ((final.committed ?? 0) === final.end && !final.hasOpenWindow),
    );
    return isDone && unfinished.length === 0 && runs.every(({ endedMs }) => endedMs < Number.POSITIVE_INFINITY);
  }

  private async recordsOf(
    broker: Broker,
    { topic, partition, end }: FinalPartition,
  ): Promise<FinalPartition['records']> {
    const records: FinalPartition['records'] = [];
    const index = Number(partition.split(':')[1]);
    for (let offset = 0; offset < end; ) {
      const position = { at: 'offset' as const, offset };
      const limitsOfFetch = { maxBytes: 500_000, maxRecords: 500, minBytes: 1, waitMs: 0 };
      const fetched = await fetchRecords(broker, { topic, partition: index, position, ...limitsOfFetch });
      for (const { key, value, timestamp, offset: at } of fetched.records) {
        const texts = { key: key && (utf8Text(key) ?? null), value: utf8Text(value ?? new Uint8Array()) ?? '' };
        records.push({ offset: at, timestamp, ...texts });
      }
      if (fetched.nextOffset <= offset) throw new Error(`the fetch of ${topic} ${index} ${offset} does not advance`);
      offset = fetched.nextOffset;
    }
    return records;
  }

  private async write(name: string): Promise<void> {
    const { random, scheduler } = this;
    const process = new SimulatedProcess(name, skew(random));
    const broker = this.broker(process);
    for (let number = 0; number < PRODUCES && !this.isCalm; number++) {
      const topic = random.fraction() < 0.85 ? INPUT : PASSING;
      await this.writeOnce(broker, topic, `${name}/${number}`).catch((error: unknown) => {
        if (!(error instanceof MillraceError)) throw error;
      });
      // Sometimes much comes at once.
      const pauseMs = random.fraction() < 0.3 ? 20 : (2 * STORM_MS) / PRODUCES;
      await scheduler.pause(process, random.fraction() * pauseMs);
    }
  }

  private async writeOnce(broker: Broker, topic: string, name: string): Promise<void> {
    const { random } = this;
    const { partitions } = await broker.topics.get(topic);
    const partition = randomBelow(random, partitions);
    const count = 1 + randomBelow(random, random.fraction() < 0.2 ? 20 : 4);
    const records = Array.from({ length: count }, (_, index) => {
      const key = random.fraction() < 0.2 ? null : utf8(`k${randomBelow(random, KEYS)}`);
      return { partition, key, value: utf8(`${name}/${index}`), headers: [] };
    });
    const outcomes = await produceRecords(broker, { topic, records, acks: 'all' });
    this.acked += outcomes.filter(({ outcome }) => outcome === 'written').length;
  }

  /** Once a minute, sometimes two at once, sometimes not to its end. */
  private sweepOften(): void {
    const { scheduler, random } = this;
    const isPunctual = this.isCalm || random.fraction() < 0.7;
    scheduler.schedule(this.keeper, isPunctual ? SWEEP_MS : SWEEP_MS * (0.5 + random.fraction()), () => {
      this.sweep();
      if (!this.isCalm && random.fraction() < 0.2) this.sweep();
      this.sweepOften();
    });
  }

  private sweep(): void {
    const { scheduler, random, network } = this;
    const process = new SimulatedProcess(`sweeper.${this.sweeps++}`, this.isCalm ? 0 : skew(random));
    const broker = this.broker(process);
    const handOn: SweepTriggersOptions['handOn'] = (request) =>
      network.call(process, 'hand on', 'write', async () => this.servers.wake(request));
    this.leave(this.sweepAll(broker, handOn).catch(ifFault));
    if (this.isCalm || random.fraction() > 0.2) return;
    scheduler.schedule(this.keeper, random.fraction() * 300, () => {
      process.alive = false;
    });
  }

  private async sweepAll(broker: Broker, handOn: SweepTriggersOptions['handOn']): Promise<void> {
    let from: SweepCursor | undefined;
    do {
      const options = { handOn, log: this.log, partitionsMax: 1 + randomBelow(this.random, 20), ...(from && { from }) };
      const { next, woken, repaired, finished, dropped } = await sweepTriggers(broker, options);
      const counts = { woken, repaired, finished, dropped };
      for (const [what, count] of Object.entries(counts)) this.history.count(`swept: ${what}`, count);
      from = next;
    } while (from !== undefined);
  }

  private readonly log: TriggerLog = {
    info: () => {},
    warn: (message, facts) => this.network.note(`${message} ${String(facts['error'])}`),
    error: (message, facts) => this.network.note(`${message} ${String(facts['error'])}`),
  };

  private recordOf(group: string) {
    return this.history.triggers.get(group)?.at(-1)?.record;
  }

  private triggerOf(target: string): Trigger {
    const steps = [...this.history.triggers.values()].flat();
    const trigger = steps.findLast(({ record }) => record?.trigger.target === target)?.record?.trigger;
    if (trigger === undefined) throw new Error(`${target} is the function of no trigger`);
    return trigger;
  }

  private broker(process: SimulatedProcess, clock: Clock = this.scheduler.clockOf(process)): Broker {
    const { scheduler, network, plant } = this;
    const site = { scheduler, process, table: this.table };
    const parts = { process, network };
    const table = plant?.table?.(this.table, { ...site, process: this.keeper }) ?? this.table;
    const honest = metadataOver(table, parts);
    const planted = plant?.metadata?.(honest, site) ?? honest;
    const metadata: MetadataStore = {
      ...planted,
      write: (writes) => {
        this.servers.writing(process, writes);
        return planted.write(writes);
      },
    };
    const inline = createInlineObjectStore({ metadata, clock });
    const objects = createTieredObjectStore({ inline, bucket: objectsOver(this.bucket, parts), inlineBytesMax: 4_096 });
    return createBroker({ metadata, objects, compression: nodeCompression, clock, random: this.random });
  }

  /** For what nobody waits for. */
  private leave(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.fault ??= error;
    });
  }

  private async complete(work: Promise<unknown>): Promise<void> {
    await this.completed(work);
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

function ifMissing(error: unknown): undefined {
  if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
  throw error;
}

function ifFault(error: unknown): void {
  if (!(error instanceof MillraceError)) throw error;
}
