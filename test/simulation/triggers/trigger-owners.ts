/** Those who make, alter, replay and delete triggers, let topics grow, come and go, and break what is around. */

import type { Broker } from '../../../lib/broker/broker.ts';
import { alterTopic } from '../../../lib/broker/topics/alter-topic.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../../lib/broker/topics/delete-topic.ts';
import { alterTrigger } from '../../../lib/broker/triggers/alter-trigger.ts';
import { createTrigger } from '../../../lib/broker/triggers/create-trigger.ts';
import { deleteTrigger } from '../../../lib/broker/triggers/delete-trigger.ts';
import { getTrigger } from '../../../lib/broker/triggers/find-trigger.ts';
import { type ReplayFrom, replayTrigger } from '../../../lib/broker/triggers/replay-trigger.ts';
import type { TargetPolicy } from '../../../lib/broker/triggers/target-policy.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';
import type { Network } from '../network.ts';
import { type Scheduler, SimulatedProcess } from '../scheduler.ts';
import type { Destination } from './destination.ts';
import type { Functions } from './trigger-functions.ts';
import type { TriggerHistory } from './trigger-history.ts';
import { drawChanges, drawTrigger, INPUT, PASSING, type WorldPlan } from './trigger-settings.ts';

export interface OwnerSite {
  scheduler: Scheduler;
  network: Network;
  history: TriggerHistory;
  plan: WorldPlan;
  functions: Functions;
  destination: Destination;
  broker: (process: SimulatedProcess) => Broker;
  fail: (error: unknown) => void;
}

export const allowAll: TargetPolicy = { allows: async () => ({ allowed: true }) };
const PARTITIONS_MAX = 6;

export class TriggerOwners {
  private readonly site: OwnerSite;
  private readonly random: Random;
  private readonly keeper = new SimulatedProcess('owners');
  /** Triggers that were made, by name. */
  private readonly made = new Map<string, number>();
  private asked = 0;

  constructor(site: OwnerSite) {
    this.site = site;
    this.random = site.scheduler.random;
  }

  /** Somebody does something now and then. */
  storm(forMs: number): void {
    const { scheduler, plan } = this.site;
    if (plan.scenario === 'unswept') return;
    for (let times = randomBelow(this.random, 8); times > 0; times--) {
      scheduler.schedule(this.keeper, this.random.fraction() * forMs, () => this.act());
    }
  }

  async make(broker: Broker, name: string): Promise<void> {
    const times = this.made.get(name) ?? 0;
    this.made.set(name, times + 1);
    await createTrigger(broker, allowAll, drawTrigger(this.random, this.site.plan, name, times));
  }

  private act(): void {
    const { functions, destination, plan } = this.site;
    const fate = this.random.fraction();
    const name = plan.names[randomBelow(this.random, plan.names.length)] as string;
    const forMs = this.random.fraction() * 40_000;
    if (fate < 0.35) this.ask('alter', (broker) => this.alter(broker, name));
    else if (fate < 0.5) this.ask('replay', (broker) => this.replay(broker, name));
    else if (fate < 0.6) this.ask('delete', (broker) => this.remake(broker, name));
    else if (fate < 0.7) this.ask('grow', (broker) => this.grow(broker));
    else if (fate < 0.85 && !plan.windows) this.ask('pass', (broker) => this.pass(broker));
    else if (fate < 0.92) destination.fail(forMs);
    else functions.refuse(forMs / 2);
  }

  /** By a process of its own, which may die over it. */
  private ask(what: string, work: (broker: Broker) => Promise<void>): void {
    const { scheduler, history, network, fail } = this.site;
    const process = new SimulatedProcess(`${what}.${this.asked++}`);
    network.note(`${process.name} is asked for`);
    work(this.site.broker(process)).then(
      () => history.count(`asked to ${what}`),
      (error: unknown) => {
        if (!(error instanceof MillraceError)) fail(error);
      },
    );
    if (this.random.fraction() > 0.15) return;
    scheduler.schedule(this.keeper, this.random.fraction() * 200, () => {
      network.note(`${process.name} crashes`);
      process.alive = false;
    });
  }

  private async alter(broker: Broker, name: string): Promise<void> {
    const { trigger } = await getTrigger(broker, name);
    await alterTrigger(broker, allowAll, name, drawChanges(this.random, this.site.plan, trigger));
  }

  private async replay(broker: Broker, name: string): Promise<void> {
    const { random } = this;
    const kinds: ReplayFrom[] = [
      { from: 'earliest' },
      { from: 'latest' },
      { from: 'timestamp', timestampMs: broker.clock.now() - random.fraction() * 60_000 },
    ];
    const fate = random.fraction();
    if (fate < 0.4) {
      const from: ReplayFrom = { from: 'offset', offset: randomBelow(random, 10) };
      await replayTrigger(broker, name, { from, topic: INPUT, partition: 0 });
    } else await replayTrigger(broker, name, { from: kinds[randomBelow(random, kinds.length)] as ReplayFrom });
  }

  private async remake(broker: Broker, name: string): Promise<void> {
    await deleteTrigger(broker, name);
    const isFollowed = this.random.fraction() < 0.8;
    if (isFollowed) await this.make(broker, name);
  }

  private async grow(broker: Broker): Promise<void> {
    const { partitions } = await broker.topics.getFresh(INPUT);
    await alterTopic(broker, INPUT, {
      partitions: Math.min(PARTITIONS_MAX, partitions + 1 + randomBelow(this.random, 2)),
    });
  }

  private async pass(broker: Broker): Promise<void> {
    const config = { 'ledger.partitions': 1 + randomBelow(this.random, 3) };
    const create = () => createTopic(broker, { name: PASSING, partitions: 1 + randomBelow(this.random, 2), config });
    const isThere = await broker.topics.getFresh(PASSING).then(
      () => true,
      () => false,
    );
    if (!isThere) await create();
    else {
      await deleteTopic(broker, PASSING);
      this.site.history.count('topics deleted');
      if (this.random.fraction() < 0.5) await create();
    }
  }
}
