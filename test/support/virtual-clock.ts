import type { Clock } from '../../lib/kernel/clock.ts';

interface Sleeper {
  atMs: number;
  wake: () => void;
}

/** A clock that stands still until the test moves it. */
export class VirtualClock implements Clock {
  private nowMs: number;
  private sleepers: Sleeper[] = [];

  constructor(nowMs = 1_767_225_600_000) {
    this.nowMs = nowMs;
  }

  now(): number {
    return this.nowMs;
  }

  monotonic(): number {
    return this.nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true || ms <= 0) return resolve();
      const sleeper = { atMs: this.nowMs + ms, wake: resolve };
      this.sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.sleepers = this.sleepers.filter((other) => other !== sleeper);
        resolve();
      });
    });
  }

  /** How many sleep now. */
  get sleeping(): number {
    return this.sleepers.length;
  }

  /** Moves on, and wakes whose time has come in the order of their times. */
  advance(ms: number): void {
    this.nowMs += ms;
    const due = this.sleepers.filter((sleeper) => sleeper.atMs <= this.nowMs).sort((a, b) => a.atMs - b.atMs);
    this.sleepers = this.sleepers.filter((sleeper) => sleeper.atMs > this.nowMs);
    for (const sleeper of due) sleeper.wake();
  }
}
