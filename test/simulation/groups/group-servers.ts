/**
 * The processes that answer the members of a group, and what lies between them and the members: a call goes to any of
 * them, and may be lost, answered too late, or made a second time much later. They crash and freeze, and their clocks
 * are off and jump.
 */
import type { Broker } from '../../../lib/broker/broker.ts';
import { OFFSETS_PREFIX } from '../../../lib/coordination/groups/offsets-item.ts';
import type { Clock } from '../../../lib/kernel/clock.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import type { Write } from '../../../lib/kernel/items.ts';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';
import type { Network } from '../network.ts';
import { type Scheduler, SimulatedProcess } from '../scheduler.ts';
import type { GroupHistory } from './group-history.ts';

export type Asked<T> =
  | { kind: 'answer'; answer: T }
  | { kind: 'error'; error: MillraceError }
  /** Nothing was heard in time. */
  | { kind: 'lost' };

export interface ServerSite {
  scheduler: Scheduler;
  network: Network;
  history: GroupHistory;
  /** A process of the program under test. */
  broker: (process: SimulatedProcess, clock: Clock) => Broker;
  /** For what ends the history. */
  fail: (error: unknown) => void;
  /** Whether clocks may be wrong by more than they are always off. */
  clocksJump?: boolean;
}

interface Server {
  process: SimulatedProcess;
  broker: Broker;
  jumpMs: number;
}

const SERVERS = 3;
const MISHAPS_MAX = 8;
/** Mostly longer than a session. */
const FREEZE_MS_MIN = 3_000;
const FREEZE_MS_MAX = 20_000;
const SKEW_MS_MAX = 400;

export class GroupServers {
  private readonly site: ServerSite;
  private readonly random: Random;
  private readonly keeper = new SimulatedProcess('servers');
  private readonly servers: Server[] = [];
  /** They freeze when they commit something. */
  private readonly doomed = new Set<SimulatedProcess>();
  private started = 0;
  private isCalm = false;
  /** Chances per call of a member, from 0 to 1. */
  private readonly rates: { lost: number; again: number };

  constructor(site: ServerSite) {
    this.site = site;
    this.random = site.scheduler.random;
    const chance = (max: number) => (this.random.fraction() < 0.3 ? 0 : this.random.fraction() * max);
    this.rates = { lost: chance(0.15), again: chance(0.3) };
    for (let index = 0; index < SERVERS; index++) this.servers.push(this.start());
  }

  /** Servers go down, stop for a while, and mistake the time, until all is calm. */
  storm(forMs: number): void {
    const { scheduler } = this.site;
    for (let mishaps = randomBelow(this.random, MISHAPS_MAX); mishaps > 0; mishaps--) {
      scheduler.schedule(this.keeper, this.random.fraction() * forMs, () => this.mishap());
    }
  }

  calm(): void {
    this.isCalm = true;
    for (const server of this.servers) server.jumpMs = 0;
  }

  /** Asks any server. What it does may go on after the caller has given up; or be done twice, by two of them. */
  async ask<T>(client: SimulatedProcess, timeoutMs: number, work: (broker: Broker) => Promise<T>): Promise<Asked<T>> {
    const { scheduler, history, fail } = this.site;
    if (!this.isCalm && this.random.fraction() < this.rates.again) {
      history.count('asked again');
      const laterMs = this.random.fraction() * (this.random.fraction() < 0.5 ? 500 : 8_000);
      const { process, broker } = this.any();
      scheduler.schedule(process, laterMs, () => {
        work(broker).catch((error: unknown) => {
          if (!(error instanceof MillraceError)) fail(error);
        });
      });
    }
    const { process, broker } = this.any();
    const isLost = !this.isCalm && this.random.fraction() < this.rates.lost;
    return new Promise((resolve) => {
      const deliver = (asked: Asked<T>) => {
        if (isLost) history.count('answers lost');
        else scheduler.schedule(client, this.delayMs(), () => resolve(asked));
      };
      scheduler.schedule(client, timeoutMs, () => resolve({ kind: 'lost' }));
      scheduler.schedule(process, this.delayMs(), () => {
        work(broker).then(
          (answer) => deliver({ kind: 'answer', answer }),
          (error: unknown) => {
            if (error instanceof MillraceError) deliver({ kind: 'error', error });
            else fail(error);
          },
        );
      });
    });
  }

  /** Told right before a process sends this to the table. */
  writing(process: SimulatedProcess, writes: readonly Write[]): void {
    if (this.isCalm || !writes.some(({ key }) => key.sk.startsWith(OFFSETS_PREFIX))) return;
    if (this.doomed.delete(process)) this.freeze(process);
  }

  private any(): Server {
    return this.servers[randomBelow(this.random, this.servers.length)] as Server;
  }

  private mishap(): void {
    if (this.isCalm) return;
    const { scheduler, network, history } = this.site;
    const at = randomBelow(this.random, this.servers.length);
    const server = this.servers[at] as Server;
    const kind = this.random.fraction();
    if (kind < 0.3) {
      history.count('servers crashed');
      network.note(`${server.process.name} crashes`);
      server.process.alive = false;
      this.servers[at] = this.start();
    } else if (kind < 0.65 || this.site.clocksJump === false) {
      // Worst is when it has decided on something, and not written it.
      if (this.random.fraction() < 0.7) this.doomed.add(server.process);
      else this.freeze(server.process);
    } else {
      history.count('clocks jumped');
      server.jumpMs = (this.random.fraction() - 0.5) * 30_000;
      network.note(`${server.process.name} jumps by ${server.jumpMs.toFixed(0)} ms`);
      scheduler.schedule(this.keeper, this.random.fraction() * 15_000, () => {
        server.jumpMs = 0;
      });
    }
  }

  private freeze(process: SimulatedProcess): void {
    const { scheduler, network, history } = this.site;
    history.count('servers frozen');
    network.note(`${process.name} freezes`);
    process.frozenUntilMs = scheduler.nowMs + FREEZE_MS_MIN + this.random.fraction() * (FREEZE_MS_MAX - FREEZE_MS_MIN);
  }

  private start(): Server {
    const { scheduler, broker } = this.site;
    const skewMs = randomBelow(this.random, 2 * SKEW_MS_MAX) - SKEW_MS_MAX;
    const process = new SimulatedProcess(`server.${this.started++}`, skewMs);
    const clock = scheduler.clockOf(process);
    const server = { process, jumpMs: 0 } as Server;
    server.broker = broker(process, { ...clock, now: () => Math.floor(clock.now() + server.jumpMs) });
    return server;
  }

  private delayMs(): number {
    return 1 + this.random.fraction() * 9;
  }
}
