/**
 * What lies between a process and the stores: every call takes time, and any call may go wrong in the ways that calls
 * over a network do. Between any two steps the caller may crash or freeze.
 */
import { MillraceError } from '../../lib/kernel/errors.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import { type Scheduler, SimulatedProcess } from './scheduler.ts';

/** Chances per call, from 0 to 1. */
export interface FaultRates {
  /** Refused before anything happened. */
  throttle: number;
  /** Lost on the way there. */
  lostRequest: number;
  /** Applied; the answer is lost. */
  lostResponse: number;
  /** The caller gives up; the request arrives later all the same. */
  lateRequest: number;
  /** Delivered a second time, later. */
  duplicate: number;
}

export const NO_FAULTS: FaultRates = { throttle: 0, lostRequest: 0, lostResponse: 0, lateRequest: 0, duplicate: 0 };

/** Each kind of fault with a chance of its own, or none. */
export function anyWeather(random: Random): FaultRates {
  const chance = (max: number) => (random.fraction() < 0.5 ? 0 : random.fraction() * max);
  return {
    throttle: chance(0.1),
    lostRequest: chance(0.05),
    lostResponse: chance(0.15),
    lateRequest: chance(0.15),
    duplicate: chance(0.1),
  };
}

export type FaultKind = keyof FaultRates | 'none';

export class Network {
  protected readonly scheduler: Scheduler;
  /** Messages on their way outlive their sender. */
  private readonly wire = new SimulatedProcess('wire');
  rates: FaultRates = NO_FAULTS;
  /** Calls that were made, by what became of them; a simulation without faults in it proves little. */
  readonly counts = new Map<FaultKind, number>();
  protected readonly trace: (line: string) => void;

  constructor(scheduler: Scheduler, trace: (line: string) => void) {
    this.scheduler = scheduler;
    this.trace = trace;
  }

  async call<T>(process: SimulatedProcess, what: string, kind: 'read' | 'write', work: () => Promise<T>): Promise<T> {
    const { scheduler } = this;
    const apply = () => scheduler.within(work);
    await scheduler.pause(process, this.requestMs());
    const fault = this.draw(kind);
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
    this.trace(`${scheduler.nowMs.toFixed(3)} ${process.name} ${what}${fault === 'none' ? '' : ` ${fault}`}`);
    switch (fault) {
      case 'throttle':
        throw new MillraceError('THROTTLING_QUOTA_EXCEEDED', 'simulated throttle', { effect: 'none' });
      case 'lostRequest':
        await scheduler.pause(process, CALL_TIMEOUT_MS);
        throw lost();
      case 'lateRequest':
        this.deliverLater(what, apply);
        await scheduler.pause(process, CALL_TIMEOUT_MS);
        throw lost();
      case 'lostResponse':
        await apply();
        await scheduler.pause(process, CALL_TIMEOUT_MS);
        throw lost();
      case 'duplicate':
        this.deliverLater(what, apply);
        break;
      case 'none':
        break;
    }
    const result = await apply();
    const answerMs = this.answerMs();
    if (answerMs > 0) await scheduler.pause(process, answerMs);
    return result;
  }

  /** Something that happens beside the calls. */
  note(what: string): void {
    this.trace(`${this.scheduler.nowMs.toFixed(3)} ${what}`);
  }

  private deliverLater(what: string, apply: () => Promise<unknown>): void {
    const { random } = this.scheduler;
    // Mostly soon; sometimes so late that much has been sealed meanwhile.
    const delayMs = random.fraction() * (random.fraction() < 0.5 ? 200 : 4_000);
    this.scheduler.schedule(this.wire, delayMs, () => {
      this.trace(`${this.scheduler.nowMs.toFixed(3)} wire delivers ${what}`);
      void apply();
    });
  }

  private draw(kind: 'read' | 'write'): FaultKind {
    const { rates } = this;
    let point = this.scheduler.random.fraction();
    const kinds: FaultKind[] =
      kind === 'read'
        ? ['throttle', 'lostRequest', 'lostResponse']
        : ['throttle', 'lostRequest', 'lostResponse', 'lateRequest', 'duplicate'];
    for (const fault of kinds) {
      if (fault === 'none') continue;
      if (point < rates[fault]) return fault;
      point -= rates[fault];
    }
    return 'none';
  }

  /** How long a request takes to its store. */
  protected requestMs(): number {
    const { random } = this.scheduler;
    return random.fraction() < 0.95 ? 1 + random.fraction() * 9 : randomBelow(random, 500);
  }

  /** How long an answer takes; 0: it is there in the same step. */
  protected answerMs(): number {
    return this.requestMs();
  }
}

const CALL_TIMEOUT_MS = 100;

function lost(): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', 'simulated timeout', { effect: 'unknown' });
}
