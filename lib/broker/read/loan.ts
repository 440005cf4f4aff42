/**
 * Bytes of caches that readers look at for a while after they were given them: until a client has taken its answer.
 * When the cache has let go of them and every reader has said that it is done, their memory goes at once. V8 would find
 * out at its next full collection, and makes one for every 64 MB of buffers: with the fresh memory that is needed
 * meanwhile, half of the processor time of a fetch.
 */

/** What one reader was lent, until it says that it looks at none of it any more. */
export class Loan {
  readonly #ends: (() => void)[] = [];

  add(ended: () => void): void {
    this.#ends.push(ended);
  }

  end(): void {
    for (const ended of this.#ends.splice(0)) ended();
  }
}

/** Something that a cache lends, as soon as it is looked up: nobody finds it after the cache has let go of it. */
export abstract class Lent {
  #readers = 0;
  #isKept = true;

  /** A reader without a loan may look at it for ever: then it is V8 that finds out. */
  lend(loan: Loan | undefined): void {
    if (loan === undefined) {
      this.#readers = Number.POSITIVE_INFINITY;
      return;
    }
    this.#readers += 1;
    loan.add(() => {
      this.#readers -= 1;
      this.#releaseIfDone();
    });
  }

  /** The cache keeps it no longer. */
  letGo(): void {
    this.#isKept = false;
    this.#releaseIfDone();
  }

  /** Nobody will look at it. */
  protected abstract release(): void;

  #releaseIfDone(): void {
    if (!this.#isKept && this.#readers === 0) this.release();
  }
}
