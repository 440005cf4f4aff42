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

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** What is to be waited for before there is more work; nothing while the turn has time left. */
  nextBreak(): Promise<void> | undefined {
    if (this.#break !== undefined) return this.#break;
    const { clock, turnMs } = this.#options;
    const nowMs = clock.monotonic();
    if (this.#endsMs === undefined) {
      this.#endsMs = nowMs + turnMs;
      void this.#endWhenIdle();
    }
    if (nowMs < this.#endsMs) return undefined;
    this.#break = this.#rest();
    return this.#break;
  }

  /** Resolves when there is time for a little more work. */
  async taken(): Promise<void> {
    for (let pause = this.nextBreak(); pause !== undefined; pause = this.nextBreak()) await pause;
  }

  /**
   * For work that fills a turn, or several: of those who wait for the same break, each has it done in a turn of its
   * own, in the order of asking.
   */
  async run<Result>(work: () => Result): Promise<Awaited<Result>> {
    for (let pause = this.nextBreak(); pause !== undefined; pause = this.nextBreak()) await pause;
    return await work();
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
}
