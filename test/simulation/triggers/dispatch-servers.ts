/**
 * The processes that deliver: each with a broker and a dispatcher of its own. They crash and freeze between any two
 * steps, and their clocks are off. A request goes to any of them, and may be lost, come late, or twice.
 */
import type { Broker } from '../../../lib/broker/broker.ts';
import { leasesKey } from '../../../lib/coordination/triggers/lease-item.ts';
import type { Clock } from '../../../lib/kernel/clock.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import type { Write } from '../../../lib/kernel/items.ts';
import { triggerLimits } from '../../../lib/kernel/limits/triggers.ts';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';
import { Dispatcher, type DispatcherDependencies } from '../../../lib/triggers/dispatcher.ts';
import { createKafkaEventFormat } from '../../../lib/triggers/event/kafka-event-format.ts';
import type { DispatchRequest, DispatchSummary, StoredTrigger, TriggerLog } from '../../../lib/triggers/ports.ts';
import { readStoredTrigger } from '../../../lib/triggers/read-stored-trigger.ts';
import type { Network } from '../network.ts';
import { type Scheduler, SimulatedProcess } from '../scheduler.ts';
import type { Destination } from './destination.ts';
import type { Functions } from './trigger-functions.ts';
import type { TriggerHistory } from './trigger-history.ts';
import { groupOf, type WorldPlan } from './trigger-settings.ts';

/** What dispatchers are made with, apart from the table; a planted bug takes their place. */
export type DeliveryPorts = Pick<DispatcherDependencies, 'invoker' | 'events' | 'destinations' | 'readTrigger'>;

export interface DispatchSite {
  scheduler: Scheduler;
  network: Network;
  history: TriggerHistory;
  plan: WorldPlan;
  destination: Destination;
  broker: (process: SimulatedProcess, clock: Clock) => Broker;
  planted: (ports: DeliveryPorts) => DeliveryPorts;
  /** For what ends the history. */
  fail: (error: unknown) => void;
}

interface Server {
  process: SimulatedProcess;
  clock: Clock;
  dispatcher: Dispatcher;
  jumpMs: number;
}

const SERVERS = 3;
const MISHAPS_MAX = 10;
const FREEZE_MS_MAX = 90_000;
/** Two of them differ by less than the clocks may. */
const SKEW_MS_MAX = Math.floor(triggerLimits.triggerClockSkewMsMax * 0.45);
const JUMP_MS_MAX = 120_000;
const DEATHS_MAX = 60;

export class DispatchServers {
  private readonly site: DispatchSite;
  private readonly functions: () => Functions;
  private readonly random: Random;
  private readonly keeper = new SimulatedProcess('servers');
  private readonly wire = new SimulatedProcess('wake-ups');
  private readonly servers: Server[] = [];
  /** They freeze or die when they next write a lease. */
  private readonly doomed = new Map<SimulatedProcess, 'freeze' | 'crash'>();
  private readonly rates: { lost: number; again: number };
  private started = 0;
  private isCalm = false;

  constructor(site: DispatchSite, functions: () => Functions) {
    this.site = site;
    this.functions = functions;
    this.random = site.scheduler.random;
    const chance = (max: number) => (this.random.fraction() < 0.3 ? 0 : this.random.fraction() * max);
    this.rates = { lost: site.plan.scenario === 'unswept' ? 0 : chance(0.5), again: chance(0.3) };
    for (let index = 0; index < SERVERS; index++) this.servers.push(this.start());
  }

  storm(forMs: number): void {
    const { scheduler, plan } = this.site;
    if (plan.scenario === 'unswept') return;
    for (let mishaps = randomBelow(this.random, MISHAPS_MAX); mishaps > 0; mishaps--) {
      scheduler.schedule(this.keeper, this.random.fraction() * forMs, () => this.mishap());
    }
  }

  calm(): void {
    this.isCalm = true;
    this.doomed.clear();
    for (const server of this.servers) server.jumpMs = 0;
  }

  /** An asynchronous invocation of a dispatcher: nobody hears what becomes of it. */
  wake(request: DispatchRequest): void {
    const { history } = this.site;
    if (!this.isCalm && this.random.fraction() < this.rates.lost) {
      history.count('wake-ups lost');
      return;
    }
    this.deliver(request);
    if (this.isCalm || this.random.fraction() >= this.rates.again) return;
    history.count('wake-ups delivered twice');
    this.deliver(request);
  }

  crash(process: SimulatedProcess): void {
    const at = this.servers.findIndex((server) => server.process === process);
    if (at < 0 || this.started > DEATHS_MAX) return;
    this.site.history.count('dispatchers crashed');
    this.site.network.note(`${process.name} crashes`);
    process.alive = false;
    this.servers[at] = this.start();
  }

  freeze(process: SimulatedProcess): void {
    if (this.isCalm || !process.alive || !this.servers.some((server) => server.process === process)) return;
    const { scheduler, network, history } = this.site;
    const forMs = this.random.fraction() * (this.random.fraction() < 0.5 ? 12_000 : FREEZE_MS_MAX);
    history.count('dispatchers frozen');
    history.sawNothing(process.name, scheduler.nowMs, scheduler.nowMs + forMs);
    network.note(`${process.name} freezes for ${forMs.toFixed(0)} ms`);
    process.frozenUntilMs = scheduler.nowMs + forMs;
  }

  /** Told right before a process sends this to the table. */
  writing(process: SimulatedProcess, writes: readonly Write[]): void {
    if (!writes.some(({ key }) => key.pk.startsWith(LEASES))) return;
    for (const write of writes) {
      const holder = write.kind === 'update' ? write.changes.set?.['h'] : undefined;
      if (typeof holder === 'string') this.site.history.holders.set(holder, process.name);
    }
    const doom = this.doomed.get(process);
    if (doom === undefined || this.isCalm) return;
    this.doomed.delete(process);
    if (doom === 'crash') this.crash(process);
    else this.freeze(process);
  }

  private deliver(request: DispatchRequest): void {
    const { scheduler } = this.site;
    const fate = this.random.fraction();
    const delayMs = this.random.fraction() * (fate < 0.7 ? 50 : fate < 0.95 ? 2_000 : 30_000);
    scheduler.schedule(this.wire, delayMs, () => {
      const server = this.servers[randomBelow(this.random, this.servers.length)] as Server;
      scheduler.schedule(server.process, 1, () => this.dispatch(server, request));
    });
  }

  private dispatch({ process, dispatcher, clock }: Server, request: DispatchRequest): void {
    const { history, network, plan, fail } = this.site;
    history.count('dispatches');
    network.note(`${process.name} is woken for ${request.work.map(workText).join(', ')}`);
    // Time for one invocation at least, as a function of Lambda has it.
    const { timeoutMs = 0 } = history.triggers.get(groupOf(request.trigger))?.at(-1)?.record?.trigger ?? {};
    const lifeMs = triggerLimits.triggerEndMarginMs + timeoutMs + 5_000 + this.random.fraction() * 30_000;
    const options = plan.hasDeadline ? { deadlineMs: clock.monotonic() + lifeMs } : {};
    dispatcher.dispatch(request, options).then((summary) => this.noteEnds(process, summary), fail);
  }

  private noteEnds(process: SimulatedProcess, { partitions, counts }: DispatchSummary): void {
    const { history, network } = this.site;
    for (const { topic, partition, end } of partitions) {
      history.count(`ended ${end}`);
      network.note(`${process.name} has ended ${topic}-${partition}: ${end}`);
    }
    history.count('retries', counts.retries);
  }

  private mishap(): void {
    if (this.isCalm) return;
    const { scheduler, network, history, plan } = this.site;
    const server = this.servers[randomBelow(this.random, this.servers.length)] as Server;
    const kind = this.random.fraction();
    if (plan.scenario === 'wrong-clocks' && kind < 0.5) {
      history.count('clocks jumped');
      server.jumpMs = (this.random.fraction() - 0.5) * 2 * JUMP_MS_MAX;
      network.note(`${server.process.name} jumps by ${server.jumpMs.toFixed(0)} ms`);
      scheduler.schedule(this.keeper, this.random.fraction() * 60_000, () => {
        server.jumpMs = 0;
      });
    } else if (kind < 0.65) {
      // Worst is when something was decided, and not written.
      this.doomed.set(server.process, this.random.fraction() < 0.6 ? 'freeze' : 'crash');
    } else if (kind < 0.8) this.crash(server.process);
    else this.freeze(server.process);
  }

  private start(): Server {
    const { scheduler, broker: makeBroker } = this.site;
    const process = new SimulatedProcess(`dispatcher.${this.started++}`, skew(this.random));
    const own = scheduler.clockOf(process);
    const server = { process, jumpMs: 0 } as Server;
    server.clock = { ...own, now: () => Math.floor(own.now() + server.jumpMs) };
    const broker = makeBroker(process, server.clock);
    server.dispatcher = this.dispatcher(process, broker);
    return server;
  }

  private dispatcher(process: SimulatedProcess, broker: Broker): Dispatcher {
    const { planted, destination, network, history } = this.site;
    const ports: DeliveryPorts = {
      invoker: { invoke: (invocation) => this.functions().invoker(process).invoke(invocation) },
      events: createKafkaEventFormat({ eventSourceArn: 'arn:aws:kafka:simulated', bootstrapServers: 'simulated:9092' }),
      destinations: { send: (failed) => destination.send(process, failed) },
      readTrigger: (name) => this.readTrigger(process, broker, name),
    };
    return new Dispatcher({
      broker,
      ...planted(ports),
      log: this.log(process),
      handOn: async (request) => {
        history.count('partitions handed on', request.work.length);
        await network.call(process, 'hand on', 'write', async () => this.wake(request));
      },
    });
  }

  private async readTrigger(
    process: SimulatedProcess,
    broker: Broker,
    name: string,
  ): Promise<StoredTrigger | undefined> {
    const { scheduler, history } = this.site;
    const fromMs = scheduler.nowMs;
    try {
      return await readStoredTrigger(broker, name);
    } catch (error) {
      if (!(error instanceof MillraceError)) this.site.fail(error);
      // Those who could not read it go on with what they know, for as long as that is kept.
      history.sawNothing(process.name, fromMs, scheduler.nowMs + triggerLimits.triggerChangeMs);
      throw error;
    }
  }

  private log(process: SimulatedProcess): TriggerLog {
    const { network, destination, plan, fail } = this.site;
    const note = (message: string, facts: Record<string, unknown>) => {
      network.note(`${process.name}: ${message} ${factsText(facts)}`);
      const isDropped = message === 'Records were given up' && !plan.hasDestination;
      if (isDropped) destination.dropped(process, groupOf(String(facts['trigger'])), facts);
      const { error } = facts;
      // Storage may fail; anything else that is thrown is a bug.
      if (error instanceof Error && !(error instanceof MillraceError)) fail(error);
    };
    return { info: () => {}, warn: note, error: note };
  }
}

const LEASES = leasesKey('');

/** Within what clocks may differ by. */
export function skew(random: Random): number {
  return randomBelow(random, 2 * SKEW_MS_MAX) - SKEW_MS_MAX;
}

function workText({ topic, partition, wanted }: DispatchRequest['work'][number]): string {
  return `${topic}-${partition} up to ${wanted}`;
}

function factsText(facts: Record<string, unknown>): string {
  return Object.entries(facts)
    .map(([name, value]) => `${name} ${value instanceof Error ? value.message : JSON.stringify(value)}`)
    .join(', ');
}
