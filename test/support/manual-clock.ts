import assert from 'node:assert/strict';
import type { Clock } from '../../lib/kernel/clock.ts';

interface Sleeper {
  atMs: number;
  wake: () => void;
}

/** Lets everything run that does not wait for the clock: stores in memory answer within one turn of the event loop. */
export async function idle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
}

/** A clock that goes only when a test says so, and then stops at every sleeper on its way. */
export class ManualClock implements Clock {
  private nowMs: number;
  private readonly origin: number;
  private readonly sleepers = new Set<Sleeper>();

  constructor(nowMs = Date.UTC(2026, 0, 1)) {
    this.nowMs = nowMs;
    this.origin = nowMs - 5_000;
  }

  /** Whole milliseconds, as the machine's. */
  now(): number {
    return Math.floor(this.nowMs);
  }

  /** Not the same number as `now`, so that no code can take the one for the other. */
  monotonic(): number {
    return this.nowMs - this.origin;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = {
        atMs: this.nowMs + Math.max(0, ms),
        wake: () => {
          this.sleepers.delete(sleeper);
          signal?.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      this.sleepers.add(sleeper);
      signal?.addEventListener('abort', sleeper.wake, { once: true });
    });
  }

  /** How many sleep: what a process that has nothing to do must not have. */
  get sleeping(): number {
    return this.sleepers.size;
  }

  /** Goes on by this much; all that happens meanwhile has happened when it returns. */
  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    await idle();
    for (let next = this.next(); next !== undefined && next.atMs <= endMs; next = this.next()) {
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.wake();
      await idle();
    }
    this.nowMs = endMs;
  }

  /** Goes on until the promise settles, at most this long; returns how long it took. */
  async until(promise: Promise<unknown>, maxMs = 120_000): Promise<number> {
    const startMs = this.nowMs;
    const state = { settled: false };
    const settle = () => {
      state.settled = true;
    };
    promise.then(settle, settle);
    await idle();
    while (!state.settled) {
      const next = this.next();
      assert(next !== undefined, 'it waits for something other than the clock');
      assert(next.atMs - startMs <= maxMs, `it takes longer than ${maxMs} ms`);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.wake();
      await idle();
    }
    return this.nowMs - startMs;
  }

  private next(): Sleeper | undefined {
    let earliest: Sleeper | undefined;
    for (const sleeper of this.sleepers) {
      if (earliest === undefined || sleeper.atMs < earliest.atMs) earliest = sleeper;
    }
    return earliest;
  }
}
