/**
 * Breaks in long runs of short work, each piece of which is done as soon as it is asked for: a request that asks for
 * ten thousand of them would hold back everybody else until its last one.
 */
import type { Clock } from './clock.ts';

export interface TurnsOptions {
  clock: Clock;
  /** How long is worked without a break. */
  turnMs: number;
}

export class Turns {
  readonly #options: TurnsOptions;
  /** Of the turn that is being taken. */
  #endsMs: number | undefined;
  #break: Promise<void> | undefined;
  /** Those who wait for a turn of their own, the next one first. */
  readonly #waiting: (() => void)[] = [];

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** What is to be waited for before there is more work; nothing while the turn has time left. */
  nextBreak(): Promise<void> | undefined {
    if (this.#break === undefined && this.#isOver()) this.#break = this.#rest();
    return this.#break;
  }

  /**
   * The same for who may have more to do than fills a turn: of those who wait, each goes on after a break of its own,
   * in the order of asking, so that what they do in one piece does not add up.
   */
  ownTurn(): Promise<void> | undefined {
    if (!this.#isOver()) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    if (this.#waiting.length === 1) void this.#serve();
    return promise;
  }

  /** Begins a turn where none is being taken. */
  #isOver(): boolean {
    const nowMs = this.#options.clock.monotonic();
    if (this.#endsMs === undefined) this.#begin(nowMs);
    return nowMs >= (this.#endsMs as number);
  }

  #begin(nowMs: number): void {
    this.#endsMs = nowMs + this.#options.turnMs;
    void this.#endWhenIdle();
  }

  /** Others get to work before it is over: no break is needed for them. */
  async #endWhenIdle(): Promise<void> {
    await this.#options.clock.sleep(0);
    this.#endsMs = undefined;
  }

  /** Begins when the turn is over, so that what has come in meanwhile is looked at first. */
  async #rest(): Promise<void> {
    await this.#options.clock.sleep(0);
    this.#break = undefined;
    this.#endsMs = undefined;
  }

  async #serve(): Promise<void> {
    const { clock } = this.#options;
    while (this.#waiting.length > 0) {
      await clock.sleep(0);
      this.#begin(clock.monotonic());
      this.#waiting.shift()?.();
    }
  }
}
