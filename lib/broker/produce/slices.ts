/**
 * Work that keeps the processor, in slices: after so much of it everybody else has a turn before it goes on. A request
 * of some MB can ask for seconds of inflating, which would hold back all other clients, and nothing that is inflated
 * would be collected meanwhile.
 *
 * Whoever wants much of it takes turns with who wants little: work has an owner, such as the request that it is of.
 * That of one owner is done in its order.
 */
import type { Clock } from '../../kernel/clock.ts';
import { batchLimits } from '../../kernel/limits/batches.ts';

export class Slices {
  readonly #clock: Clock;
  /** By owner, the one whose turn is next first. */
  readonly #waiting = new Map<unknown, (() => void)[]>();
  #spentMs = 0;
  #isResting = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Does it now, where the slice has time left and nobody waits; otherwise in its turn. */
  run<Result>(owner: unknown, work: () => Result): Result | Promise<Result> {
    if (!this.#isResting && this.#spentMs < batchLimits.checkingSliceMs) return this.#do(work);
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const later = () => {
      try {
        resolve(this.#do(work));
      } catch (error) {
        reject(error);
      }
    };
    const others = this.#waiting.get(owner);
    if (others === undefined) this.#waiting.set(owner, [later]);
    else others.push(later);
    if (!this.#isResting) void this.#goOn();
    return promise;
  }

  #do<Result>(work: () => Result): Result {
    const beganMs = this.#clock.monotonic();
    try {
      return work();
    } finally {
      this.#spentMs += this.#clock.monotonic() - beganMs;
    }
  }

  async #goOn(): Promise<void> {
    this.#isResting = true;
    while (this.#waiting.size > 0) {
      await this.#clock.sleep(0);
      this.#spentMs = 0;
      while (this.#spentMs < batchLimits.checkingSliceMs && this.#waiting.size > 0) this.#next()?.();
    }
    this.#isResting = false;
  }

  /** The owner whose turn it was comes last, with what else it wants. */
  #next(): (() => void) | undefined {
    for (const [owner, works] of this.#waiting) {
      const work = works.shift();
      this.#waiting.delete(owner);
      if (works.length > 0) this.#waiting.set(owner, works);
      return work;
    }
    return undefined;
  }
}
