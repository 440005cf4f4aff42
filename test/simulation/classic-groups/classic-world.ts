/**
 * One simulated history of a classic group: members that come, go, crash and freeze, over processes that do, too, and a
 * network that loses, delays and repeats what they write; then peace, until all who are left are one generation that
 * commits.
 */
import { type Broker, createBroker } from '../../../lib/broker/broker.ts';
import { nodeCompression } from '../../../lib/broker/compression.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import type { Clock } from '../../../lib/kernel/clock.ts';
import { type Random, randomBelow, seededRandom } from '../../../lib/kernel/random.ts';
import type { MetadataStore } from '../../../lib/storage/metadata/port.ts';
import { openSqliteMetadataStore } from '../../../lib/storage/metadata/sqlite.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createMemoryObjectStore } from '../../../lib/storage/objects/memory.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { GroupHistory } from '../groups/group-history.ts';
import { GroupServers } from '../groups/group-servers.ts';
import { anyWeather, Network, NO_FAULTS } from '../network.ts';
import { Scheduler, SimulatedProcess } from '../scheduler.ts';
import { metadataOver, SharedTable, type TableAccess } from '../stores.ts';
import { GROUP, type MemberPlan, PARTITIONS, SimulatedClassicMember, TOPIC } from './classic-member.ts';
import { ClassicWatch } from './classic-watch.ts';

const EVENTS_MAX = 250_000;
const STORM_MS = 50_000;
/** Until then whoever is gone is removed, and what is late has come. */
const PEACE_MS_MAX = 120_000;
const LOOK_MS = 1_000;
const MEMBERS_MAX = 12;

export interface ClassicHistoryOptions {
  seed: number;
  /** A planted bug. */
  plant?: (table: SharedTable) => TableAccess;
}

export interface ClassicHistoryResult {
  violations: string[];
  counts: ReadonlyMap<string, number>;
  commits: number;
  generations: number;
}

export async function simulateClassicGroup(options: ClassicHistoryOptions): Promise<ClassicHistoryResult> {
  return new ClassicWorld(options).run();
}

class ClassicWorld {
  private readonly seed: number;
  private readonly random: Random;
  private readonly scheduler: Scheduler;
  private readonly network: Network;
  private readonly history = new GroupHistory();
  private readonly store: MetadataStore;
  private readonly shared: SharedTable;
  private readonly table: TableAccess;
  private readonly watch = new ClassicWatch(GROUP);
  private readonly keeper = new SimulatedProcess('keeper');
  private readonly servers: GroupServers;
  private readonly members: SimulatedClassicMember[] = [];
  private numbers = 0;
  private isCalm = false;
  private fault: unknown;

  constructor({ seed, plant }: ClassicHistoryOptions) {
    this.seed = seed;
    this.random = seededRandom(seed);
    this.scheduler = new Scheduler(this.random);
    this.network = new Network(this.scheduler, () => {});
    this.store = openSqliteMetadataStore({ path: ':memory:' });
    this.shared = new SharedTable(this.store, this.scheduler);
    this.table = plant?.(this.shared) ?? this.shared;
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

  async run(): Promise<ClassicHistoryResult> {
    try {
      await this.storm();
      await this.peace();
    } finally {
      await this.store.close();
    }
    const { violations, commits, handedOut } = this.watch;
    return { violations, counts: this.history.counts, commits, generations: handedOut.size };
  }

  private async storm(): Promise<void> {
    const { scheduler, random } = this;
    this.shared.watch = (written) => this.watch.note(written);
    const founder = new SimulatedProcess('founder');
    const broker = this.broker(founder, scheduler.clockOf(founder));
    await this.complete(createTopic(broker, { name: TOPIC, partitions: PARTITIONS.length }));
    this.network.rates = anyWeather(random);
    this.servers.storm(STORM_MS);
    for (let member = 2 + randomBelow(random, 3); member > 0; member--) this.start(this.plan(member));
    await this.complete(scheduler.pause(this.keeper, STORM_MS));
  }

  private async peace(): Promise<void> {
    this.isCalm = true;
    this.network.rates = NO_FAULTS;
    this.servers.calm();
    this.start(this.plan(0));
    const endMs = this.scheduler.nowMs + PEACE_MS_MAX;
    while (!this.isAtRest()) {
      if (this.scheduler.nowMs >= endMs) {
        this.watch.violations.push(`the group does not come to rest: ${this.described()}`);
        return;
      }
      await this.complete(this.scheduler.pause(this.keeper, LOOK_MS));
    }
    const before = this.numbers;
    await this.complete(this.scheduler.pause(this.keeper, 10 * LOOK_MS));
    for (const partition of PARTITIONS) {
      const last = this.watch.committed.get(partition);
      if (last === undefined || last.number < before)
        this.watch.violations.push(`nobody commits partition ${partition}`);
    }
  }

  private get alive(): SimulatedClassicMember[] {
    return this.members.filter(({ process }) => process.alive);
  }

  private isAtRest(): boolean {
    const owned = this.alive.flatMap(({ owns }) => owns).toSorted((a, b) => a - b);
    const newest = this.watch.newest;
    return owned.join() === PARTITIONS.join() && this.alive.every(({ generation }) => generation === newest);
  }

  private described(): string {
    return this.alive
      .map(({ process, generation, owns }) => `${process.name} ${generation} [${owns.join()}]`)
      .join('; ');
  }

  private plan(number: number): MemberPlan {
    const { random } = this;
    return {
      ...(random.fraction() < 0.3 && { instanceId: `instance${number}` }),
      sessionTimeoutMs: 6_000 + randomBelow(random, 3_001),
      rebalanceTimeoutMs: 8_000 + randomBelow(random, 4_001),
    };
  }

  /** Starts a member, which may crash, freeze or leave; somebody with the same plan may come later. */
  private start(plan: MemberPlan, afterMs = this.random.fraction() * 15_000): void {
    const { scheduler, history, servers, random, keeper } = this;
    const process = new SimulatedProcess(`member.${this.members.length}`);
    const site = {
      scheduler,
      servers,
      count: (what: string) => history.count(what),
      number: () => this.numbers++,
    };
    const member = new SimulatedClassicMember(site, plan, process);
    this.members.push(member);
    scheduler.schedule(process, this.isCalm ? 0 : afterMs, () => this.leave(this.live(member)));
    if (this.isCalm) return;
    const fate = random.fraction();
    scheduler.schedule(keeper, afterMs + random.fraction() * 40_000, () => {
      if (this.isCalm || fate > 0.85) return;
      if (fate < 0.35) {
        history.count('members crashed');
        member.crash();
      } else if (fate < 0.6) {
        history.count('members frozen');
        process.frozenUntilMs = scheduler.nowMs + 3_000 + random.fraction() * 12_000;
        return;
      } else {
        member.leaveSoon();
      }
      if (this.members.length < MEMBERS_MAX) this.start(plan, random.fraction() * 9_000);
    });
  }

  private async live(member: SimulatedClassicMember): Promise<void> {
    await member.run();
    member.crash();
  }

  private broker(process: SimulatedProcess, clock: Clock): Broker {
    const honest = metadataOver(this.table, { process, network: this.network });
    const metadata: MetadataStore = {
      ...honest,
      write: (writes) => {
        this.servers.writing(process, writes);
        return honest.write(writes);
      },
    };
    const inline = createInlineObjectStore({ metadata, clock });
    const objects = createTieredObjectStore({ inline, bucket: createMemoryObjectStore(), inlineBytesMax: 4_096 });
    return createBroker({ metadata, objects, compression: nodeCompression, clock, random: this.random });
  }

  /** For what nobody waits for. */
  private leave(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.fault ??= error;
    });
  }

  private async complete(work: Promise<unknown>): Promise<void> {
    let isDone = false;
    this.leave(
      work.then(() => {
        isDone = true;
      }),
    );
    const end = await this.scheduler.run(() => isDone || this.fault !== undefined, EVENTS_MAX);
    if (this.fault !== undefined) throw this.fault;
    if (end !== 'done') throw new Error(`history ${this.seed} ends (${end}) before its work is done`);
  }
}
