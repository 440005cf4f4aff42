/**
 * One thread of virtual time for a whole simulated world.
 *
 * Whatever waits, for a message or for time to pass, waits here as an event. The scheduler runs one event at a time,
 * lets everything that follows from it come to rest, and goes on with the next: by due time, which the seed's random
 * delays decide. Nothing else moves, so the same seed gives the same run.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../lib/kernel/clock.ts';
import type { Random } from '../../lib/kernel/random.ts';

interface Event {
  dueMs: number;
  /** Breaks ties in the order of scheduling. */
  order: number;
  process: SimulatedProcess;
  run: () => void;
}

/** Something that can crash and freeze: its events are dropped or put off then. */
export class SimulatedProcess {
  readonly name: string;
  alive = true;
  frozenUntilMs = 0;
  /** How far its clock is off. */
  readonly skewMs: number;

  constructor(name: string, skewMs = 0) {
    this.name = name;
    this.skewMs = skewMs;
  }
}

export class Scheduler {
  readonly random: Random;
  nowMs = 0;
  events = 0;
  private readonly queue: Event[] = [];
  private order = 0;
  private realWork = 0;

  constructor(random: Random) {
    this.random = random;
  }

  /** Runs `run` after `delayMs`, unless the process has crashed by then; later if it is frozen then. */
  schedule(process: SimulatedProcess, delayMs: number, run: () => void): void {
    this.push({ dueMs: this.nowMs + delayMs, order: this.order++, process, run });
  }

  /** Resolves after `delayMs` of virtual time; never, if the process crashes before. */
  pause(process: SimulatedProcess, delayMs: number): Promise<void> {
    return new Promise((resolve) => this.schedule(process, delayMs, resolve));
  }

  /** Does real work (a file system's, say) within an event: no other event runs until it has ended. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    this.realWork++;
    try {
      return await work();
    } finally {
      this.realWork--;
    }
  }

  /** The process's clock: virtual, and off by its skew. */
  clockOf(process: SimulatedProcess): Clock {
    return {
      now: () => EPOCH_MS + Math.floor(this.nowMs) + process.skewMs,
      monotonic: () => this.nowMs,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          signal?.addEventListener('abort', () => resolve(), { once: true });
          this.schedule(process, Math.max(0, ms), resolve);
        }),
    };
  }

  /** Runs events until `done()`, until none is left, or until the limit. Says which it was. */
  async run(done: () => boolean, eventsMax: number): Promise<'done' | 'idle' | 'limit'> {
    await this.rest();
    for (const last = this.events + eventsMax; this.events < last; ) {
      if (done()) return 'done';
      const event = this.pop();
      if (event === undefined) return 'idle';
      if (!event.process.alive) continue;
      this.nowMs = Math.max(this.nowMs, event.dueMs);
      if (event.process.frozenUntilMs > this.nowMs) {
        this.push({ ...event, dueMs: event.process.frozenUntilMs });
        continue;
      }
      this.events++;
      event.run();
      await this.rest();
    }
    return 'limit';
  }

  /** Until all that follows from the last event waits for another. */
  private async rest(): Promise<void> {
    // A tick comes when no promise that is kept has anybody to tell any more; only real work takes turns, which cost
    // more.
    await tick();
    while (this.realWork > 0) await turn();
    if (this.events % EVENTS_BETWEEN_TURNS === 0) await turn();
  }

  private push(event: Event): void {
    const { queue } = this;
    let index = queue.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(event, queue[parent] as Event)) break;
      queue[index] = queue[parent] as Event;
      index = parent;
    }
    queue[index] = event;
  }

  private pop(): Event | undefined {
    const { queue } = this;
    const first = queue[0];
    const last = queue.pop();
    if (last === undefined || queue.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && before(queue[child + 1] as Event, queue[child] as Event)) child++;
      if (!before(queue[child] as Event, last)) break;
      queue[index] = queue[child] as Event;
      index = child;
    }
    queue[index] = last;
    return first;
  }
}

/** After so many the thread's own timers and messages have a turn. */
const EVENTS_BETWEEN_TURNS = 1_000;

function tick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** Where virtual time begins on the wall clock: 2026-01-01. */
export const EPOCH_MS = 1_767_225_600_000;

function before(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}
