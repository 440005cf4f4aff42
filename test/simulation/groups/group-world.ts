/**
 * One simulated history of a consumer group: members that come, go, crash and freeze, over processes that do, too,
 * while topics grow, appear and vanish; then peace, until every partition has an owner that has committed all of it.
 */

import { type Broker, createBroker } from '../../../lib/broker/broker.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import type { Clock } from '../../../lib/kernel/clock.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { type Random, randomBelow, seededRandom } from '../../../lib/kernel/random.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { History } from '../history.ts';
import { anyWeather, Network, NO_FAULTS } from '../network.ts';
import { plantOf } from '../plants.ts';
import { Readings } from '../readings.ts';
import { Scheduler, SimulatedProcess } from '../scheduler.ts';
import { metadataOver, objectsOver, SharedTable } from '../stores.ts';
import type { HistoryOptions, HistoryResult } from '../world.ts';
import { countGroups } from './count-groups.ts';
import { checkGroup } from './group-checkers.ts';
import { GROUP, GroupHistory } from './group-history.ts';
import { type CommitMode, GroupMember, type MemberPlan } from './group-members.ts';
import { GroupServers } from './group-servers.ts';
import { OUTPUT_PARTITIONS, OUTPUTS } from './group-transactions.ts';
import { GroupWatch, nameOf } from './group-watch.ts';

const EVENTS_MAX = 250_000;
const STORM_MS = 60_000;
/** Long enough for everybody who is frozen, silent or held on to something to be done with. */
const PEACE_MS_MAX = 150_000;
const LOOK_MS = 2_000;
/** Until then whatever is late has come: also a commit of before, which counts when it is applied. */
const AFTERMATH_MS = 22_000;
const INPUT = 'in-a';
/** Comes, and perhaps goes and comes again. */
const PASSING = 'in-b';
const PRODUCES = 40;

export async function simulateGroup(options: HistoryOptions): Promise<HistoryResult> {
  return new GroupWorld(options).run();
}

class GroupWorld {
  private readonly seed: number;
  private readonly plant: ReturnType<typeof plantOf>;
  private readonly random: Random;
  private readonly scheduler: Scheduler;
  private readonly network: Network;
  private readonly history = new GroupHistory();
  private readonly log = new History();
  private readonly store: MetadataStore;
  private readonly table: SharedTable;
  private readonly watch: GroupWatch;
  private readonly bucket = createMemoryObjectStore();
  private readonly keeper = new SimulatedProcess('keeper');
  private readonly servers: GroupServers;
  private readonly isTransactional: boolean;
  private readonly readsPassing: boolean;
  private fingerprint = 0;
  private members = 0;
  private sent = 0;
  private acked = 0;
  private deleted = 0;
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
    this.watch = new GroupWatch(GROUP, this.history, () => this.scheduler.nowMs);
    this.isTransactional = this.random.fraction() < 0.35;
    this.readsPassing = this.random.fraction() < 0.6;
    this.history.equalSubscriptions = !this.readsPassing || this.random.fraction() < 0.5;
    const { scheduler, network, history } = this;
    this.servers = new GroupServers({
      scheduler,
      network,
      history,
      broker: (process, clock) => this.broker(process, clock),
      fail: (error) => {
        this.fault ??= error;
      },
    });
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
      violations: checkGroup(this.history),
      fingerprint: this.fingerprint,
      events: this.scheduler.events,
      acked: this.acked,
      deleted: this.deleted,
      faults: Object.fromEntries(this.network.counts),
      producers: {},
      replicas: {},
      groups: countGroups(this.history),
      triggers: {},
      lifecycle: {},
    };
  }

  private async storm(): Promise<void> {
    const founder = this.fresh('founder');
    this.table.watch = (written) => this.watch.note(written);
    await this.complete(this.found(founder.broker, INPUT, 1 + randomBelow(this.random, 5)));
    if (this.isTransactional) await this.complete(this.found(founder.broker, OUTPUTS, OUTPUT_PARTITIONS));
    this.network.rates = anyWeather(this.random);
    this.servers.storm(STORM_MS);
    for (const plan of this.plans())
      this.start(plan, this.random.fraction() < 0.5 ? 0 : this.random.fraction() * 30_000);
    for (let writer = 0; writer < 2; writer++) this.leave(this.write(new SimulatedProcess(`writer.${writer}`)));
    this.leave(this.changeTopics(new SimulatedProcess('owner')));
    const end = this.scheduler.nowMs + STORM_MS;
    this.scheduler.schedule(this.keeper, STORM_MS, () => {});
    await this.until(() => this.scheduler.nowMs >= end);
  }

  /** No more faults: whoever is left, and one that joins now, take over everything and read it to its end. */
  private async peace(): Promise<void> {
    this.isCalm = true;
    this.network.rates = NO_FAULTS;
    this.servers.calm();
    this.network.note('peace');
    this.start(this.plan('survivor', {}), 0);
    const auditor = this.fresh('auditor');
    await this.complete(this.scheduler.pause(this.keeper, AFTERMATH_MS));
    await this.complete(this.writeLast(auditor.broker));
    const endMs = this.scheduler.nowMs + PEACE_MS_MAX;
    for (let rested = 0; rested < 2 && this.scheduler.nowMs < endMs; ) {
      await this.complete(this.scheduler.pause(this.keeper, LOOK_MS));
      await this.complete(this.look(auditor.broker));
      rested = this.isAtRest() ? rested + 1 : 0;
    }
    await this.complete(this.audit(auditor.broker));
  }

  /** A record more in every partition, with which a group that works commits all of it. */
  private async writeLast(broker: Broker): Promise<void> {
    for (const topic of this.wanted) {
      const found = await broker.topics.getFresh(topic).catch(ifMissing);
      for (let partition = 0; partition < (found?.partitions ?? 0); partition++) {
        const records = [{ partition, key: null, value: utf8(`last of ${topic}/${partition}`), headers: [] }];
        await produceRecords(broker, { topic, records, acks: 'all' });
      }
    }
  }

  private get wanted(): string[] {
    return this.readsPassing ? [INPUT, PASSING] : [INPUT];
  }

  /** Every partition that the members want, as it is now. */
  private async look(broker: Broker): Promise<void> {
    const { history, watch } = this;
    history.finals = [];
    for (const topic of this.wanted) {
      const found = await broker.topics.getFresh(topic).catch(ifMissing);
      if (found === undefined) continue;
      for (let index = 0; index < found.partitions; index++) {
        const name = nameOf({ topicId: found.topicId, partition: index });
        const values = await this.valuesOf(broker, topic, index);
        const committed = watch.committed.get(name) ?? 0;
        const owners = watch.ownersOf(name);
        history.finals.push({ topic, partition: name, end: values.length, committed, owners, values });
      }
    }
  }

  private isAtRest(): boolean {
    return this.history.finals.every(({ end, committed, owners }) => committed === end && owners.length === 1);
  }

  private async audit(broker: Broker): Promise<void> {
    if (!this.isTransactional) return;
    const outputs: string[] = [];
    for (let index = 0; index < OUTPUT_PARTITIONS; index++)
      outputs.push(...(await this.valuesOf(broker, OUTPUTS, index)));
    this.history.outputs = outputs;
  }

  private async valuesOf(broker: Broker, topic: string, partition: number): Promise<string[]> {
    this.log.finals.length = 0;
    await new Readings(this.log, this.random).audit(broker, { topic, partition });
    const [final] = this.log.finals;
    if (final?.failure !== undefined) throw new Error(`${topic} ${partition} cannot be read: ${final.failure}`);
    return final?.values.map(({ value }) => value) ?? [];
  }

  private plans(): MemberPlan[] {
    const plans = Array.from({ length: 2 + randomBelow(this.random, 3) }, (_, index) => {
      const isStatic = this.random.fraction() < 0.3;
      return this.plan(`member${index}`, isStatic ? { instanceId: `instance${index}` } : {});
    });
    const [first] = plans;
    // Somebody is started twice by mistake.
    if (first?.instanceId !== undefined && this.random.fraction() < 0.5) plans.push({ ...first, name: 'twin' });
    return plans;
  }

  private plan(name: string, { instanceId }: { instanceId?: string }): MemberPlan {
    const { random } = this;
    const modes: CommitMode[] = this.isTransactional ? ['transactional'] : ['delivered', 'manual'];
    const wants =
      this.readsPassing && (this.history.equalSubscriptions || name === 'survivor' || random.fraction() < 0.6);
    const byPattern = { pattern: 'in-.*' };
    const byName = { names: wants ? [INPUT, PASSING] : [INPUT] };
    return {
      name,
      mode: modes[randomBelow(random, modes.length)] as CommitMode,
      ...(instanceId !== undefined && { instanceId }),
      ...(wants && random.fraction() < 0.5 ? byPattern : byName),
      sessionTimeoutMs: 6_000 + randomBelow(random, 4_001),
      bringsId: random.fraction() < 0.6,
    };
  }

  /** Starts a member, which may crash, freeze or leave; somebody like it may come later, and knows nothing of it. */
  private start(plan: MemberPlan, afterMs: number): void {
    const { scheduler, network, history, servers, random, keeper } = this;
    const process = new SimulatedProcess(`${plan.name}.${this.members++}`);
    const { plant } = this;
    const member = new GroupMember(
      {
        scheduler,
        network,
        history,
        servers,
        isCalm: () => this.isCalm,
        cursor: async (id, text) => (await plant?.cursor?.(this.store, id, text)) ?? text,
      },
      plan,
      process,
    );
    scheduler.schedule(process, afterMs, () => this.leave(member.run()));
    if (this.isCalm) return;
    const again = () => {
      if (random.fraction() < 0.6 && this.members < MEMBERS_MAX) this.start(plan, random.fraction() * 9_000);
    };
    const fate = random.fraction();
    scheduler.schedule(keeper, afterMs + 3_000 + random.fraction() * 45_000, () => {
      if (this.isCalm) return;
      if (fate < 0.3) {
        network.note(`${process.name} crashes`);
        history.count('members crashed');
        process.alive = false;
        again();
      } else if (fate < 0.6) {
        network.note(`${process.name} freezes`);
        history.count('members frozen');
        process.frozenUntilMs = scheduler.nowMs + 4_000 + random.fraction() * 14_000;
      } else if (fate < 0.85) {
        member.sayGoodbye(random.fraction() < 0.5 ? 'for good' : 'to come back');
        again();
      }
    });
  }

  private async write(process: SimulatedProcess): Promise<void> {
    const { random } = this;
    for (let number = 0; number < PRODUCES && !this.isCalm; number++) {
      const topic = random.fraction() < 0.7 ? INPUT : PASSING;
      const values = Array.from(
        { length: 1 + randomBelow(random, 3) },
        (_, index) => `${process.name}/${number}/${index}`,
      );
      await this.servers.ask(process, 3_000, async (broker) => {
        const { partitions } = await broker.topics.get(topic);
        const partition = randomBelow(random, partitions);
        // Each sending has records of its own, as far as the group is concerned.
        const sent = this.sent++;
        const records = values.map((value) => ({
          partition,
          key: null,
          value: utf8(`${value}#${sent}`),
          headers: [],
        }));
        const [first] = await produceRecords(broker, { topic, records, acks: 'all' });
        if (first?.outcome === 'written') this.acked++;
      });
      await this.scheduler.pause(process, random.fraction() * 2_000);
    }
  }

  private async changeTopics(process: SimulatedProcess): Promise<void> {
    const { random, scheduler, servers } = this;
    const pause = () => scheduler.pause(process, 2_000 + random.fraction() * 18_000);
    const grow = async () => {
      await servers.ask(process, 5_000, async (broker) => {
        const { partitions } = await broker.topics.getFresh(INPUT);
        await alterTopic(broker, INPUT, {
          partitions: Math.min(PARTITIONS_MAX, partitions + 1 + randomBelow(random, 2)),
        });
        this.history.count('topics grown');
      });
    };
    const create = () =>
      servers.ask(process, 5_000, async (broker) => this.found(broker, PASSING, 1 + randomBelow(random, 3)));
    const remove = () =>
      servers.ask(process, 5_000, async (broker) => {
        await deleteTopic(broker, PASSING);
        this.deleted++;
      });
    await pause();
    await create();
    for (let step = 0; step < 4 && !this.isCalm; step++) {
      await pause();
      if (this.isCalm) return;
      const what = random.fraction();
      if (what < 0.35) await grow();
      else if (what < 0.6) await remove();
      else await create();
    }
  }

  private async found(broker: Broker, name: string, partitions: number): Promise<void> {
    const config = { 'ledger.partitions': 1 + randomBelow(this.random, 3) };
    await createTopic(broker, { name, partitions, config });
  }

  private fresh(name: string): { broker: Broker; process: SimulatedProcess } {
    const process = new SimulatedProcess(name);
    return { broker: this.broker(process, this.scheduler.clockOf(process)), process };
  }

  private broker(process: SimulatedProcess, clock: Clock): Broker {
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

  private async complete(work: Promise<void>): Promise<void> {
    let isDone = false;
    work.then(
      () => {
        isDone = true;
      },
      (error: unknown) => {
        this.fault ??= error;
      },
    );
    await this.until(() => isDone);
    if (!isDone) throw new Error(`history ${this.seed} came to rest before its work was done`);
  }

  private async until(done: () => boolean): Promise<void> {
    const end = await this.scheduler.run(() => done() || this.fault !== undefined, EVENTS_MAX);
    if (this.fault !== undefined) throw this.fault;
    if (end === 'limit') throw new Error(`history ${this.seed} does not end within ${EVENTS_MAX} events`);
  }
}

/** No more are started in the place of others. */
const MEMBERS_MAX = 14;
const PARTITIONS_MAX = 9;

function ifMissing(error: unknown): undefined {
  if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
  throw error;
}
