/**
 * The processes of a simulated stack. All are at work in the same seconds of every round, and then rest for minutes, so
 * that graces go by while they still meet. They crash between any two calls and are followed by others that have seen
 * nothing; they freeze, for seconds or for hours, and go on where they were; their clocks are off and jump, as far as
 * clocks may.
 */
import type { Broker } from '../../../lib/broker/broker.ts';
import type { Clock } from '../../../lib/kernel/clock.ts';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../../lib/kernel/random.ts';
import { Network, NO_FAULTS } from '../network.ts';
import { type Scheduler, SimulatedProcess } from '../scheduler.ts';

export interface Actor {
  process: SimulatedProcess;
  broker: Broker;
  /** When a call of it last failed, for no reason of its own. */
  mishapMs: number;
}

export type Work = (actor: Actor) => Promise<void>;

interface Site {
  scheduler: Scheduler;
  skewMsMax: number;
  /** When everybody goes to work. */
  roundsMs: readonly number[];
  broker: (process: SimulatedProcess, clock: Clock) => Broker;
  fail: (error: unknown) => void;
}

interface Running {
  actor: Actor;
  name: string;
  work: Work;
  jump: (ms: number) => void;
}

/** How far apart they begin in a round, and within which time of it something happens to them. */
const SPREAD_MS = 400;
const MISHAP_WITHIN_MS = 3_000;
const SHORT_FREEZE_MS = 5_000;
/** Longer than any grace. */
const LONG_FREEZE_MS = 2.5 * 60 * 60_000;
/** After which calls, and how often. */
const FREEZE_AFTER = [
  ['upload merged/', 0.2],
  ['tail merged/', 0.1],
  ['tail ', 0.02],
] as const;

export class LifecycleProcesses {
  private readonly site: Site;
  private readonly random: Random;
  private readonly keeper = new SimulatedProcess('fates');
  private readonly actors = new Map<SimulatedProcess, Running>();
  private started = 0;
  private isCalm = false;

  constructor(site: Site) {
    this.site = site;
    this.random = site.scheduler.random;
  }

  /** How many have not come to the end of their work. */
  get working(): number {
    return this.actors.size;
  }

  /** One that nothing happens to. */
  unharmed(name: string): Actor {
    return this.make(name, 0).actor;
  }

  /** Does the work once in every round that is left. */
  start(name: string, work: Work): void {
    const running = { ...this.make(name, this.skew()), name, work };
    const { process } = running.actor;
    this.actors.set(process, running);
    const end = () => this.actors.delete(process);
    this.inRounds(running.actor, work).then(end, (error: unknown) => {
      this.site.fail(error);
      end();
    });
  }

  storm(): void {
    for (const ms of this.site.roundsMs) {
      this.site.scheduler.schedule(this.keeper, ms - this.site.scheduler.nowMs, () => {
        for (const running of this.actors.values()) this.decideFate(running);
      });
    }
  }

  calm(): void {
    this.isCalm = true;
  }

  /** Of a call that failed in the network. */
  failed(process: SimulatedProcess): void {
    const running = this.actors.get(process);
    if (running !== undefined) running.actor.mishapMs = this.site.scheduler.nowMs;
  }

  /** Some freeze right where it matters: between what they have seen or stored and what they do about it. */
  called(process: SimulatedProcess, what: string): void {
    const chance = FREEZE_AFTER.find(([call]) => what.startsWith(call))?.[1] ?? 0;
    if (chance > 0 && this.actors.has(process) && this.random.fraction() < chance) this.freeze(process);
  }

  private freeze(process: SimulatedProcess): void {
    const forMs = this.random.fraction() < 0.7 ? SHORT_FREEZE_MS : LONG_FREEZE_MS;
    process.frozenUntilMs = this.site.scheduler.nowMs + this.random.fraction() * forMs;
  }

  private make(name: string, skewMs: number): Omit<Running, 'work' | 'name'> {
    const process = new SimulatedProcess(`${name}.${this.started++}`, skewMs);
    const honest = this.site.scheduler.clockOf(process);
    let jumpMs = 0;
    const clock: Clock = { ...honest, now: () => honest.now() + jumpMs };
    const actor = { process, broker: this.site.broker(process, clock), mishapMs: Number.NEGATIVE_INFINITY };
    return {
      actor,
      jump: (ms) => {
        jumpMs = ms - skewMs;
      },
    };
  }

  private async inRounds(actor: Actor, work: Work): Promise<void> {
    const { scheduler, roundsMs } = this.site;
    for (;;) {
      const nextMs = roundsMs.find((ms) => ms > scheduler.nowMs);
      if (nextMs === undefined || this.isCalm) return;
      await scheduler.pause(actor.process, nextMs - scheduler.nowMs + this.random.fraction() * SPREAD_MS);
      await work(actor);
    }
  }

  private decideFate({ actor, name, work, jump }: Running): void {
    const { scheduler } = this.site;
    const { process } = actor;
    const fate = this.random.fraction();
    scheduler.schedule(this.keeper, this.random.fraction() * MISHAP_WITHIN_MS, () => {
      if (this.isCalm || !this.actors.has(process)) return;
      if (fate < 0.08) {
        process.alive = false;
        this.actors.delete(process);
        this.start(name, work);
      } else if (fate < 0.18) {
        this.freeze(process);
      } else if (fate < 0.22) {
        jump(this.skew());
      }
    });
  }

  private skew(): number {
    const { skewMsMax } = this.site;
    return randomBelow(this.random, 2 * skewMsMax) - skewMsMax;
  }
}

/** Of answers; in between, others of the same process may come. */
const ANSWERS_LATE = 0.3;

/** A network that says which calls it has let through, and whom it has failed. */
export class TellingNetwork extends Network {
  failed: (process: SimulatedProcess) => void = () => {};
  called: (process: SimulatedProcess, what: string) => void = () => {};

  override async call<T>(
    process: SimulatedProcess,
    what: string,
    kind: 'read' | 'write',
    work: () => Promise<T>,
  ): Promise<T> {
    // Where nothing goes wrong and nobody else is at work, when a call arrives makes no difference.
    if (this.rates === NO_FAULTS) return this.callAtOnce(process, what, work);
    try {
      const result = await super.call(process, what, kind, work);
      this.called(process, what);
      return result;
    } catch (error) {
      if (error instanceof MillraceError) this.failed(process);
      throw error;
    }
  }

  /** Most answers are there at once: what may come between them and the next call comes before that arrives, too. */
  protected override answerMs(): number {
    return this.scheduler.random.fraction() < ANSWERS_LATE ? super.answerMs() : 0;
  }

  private callAtOnce<T>(process: SimulatedProcess, what: string, work: () => Promise<T>): Promise<T> {
    this.note(`${process.name} ${what}`);
    return work();
  }
}
