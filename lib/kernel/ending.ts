/** Ending waits that are many and short: what the platform has for it takes longer than the rest of such a wait. */

/**
 * Why a wait is over that nobody asks about. Without a reason `abort` makes an error with a stack, which takes 4 µs.
 */
export const OVER = 'over';

/** A wait that `end` ends, and another's signal as well. */
export class Ending {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #other: AbortSignal | undefined;
  readonly #abort = () => this.#controller.abort(OVER);

  /**
   * What `AbortSignal.any` is for, which takes 12 µs more: it keeps weak references, so that nobody has to say `end`.
   */
  constructor(other?: AbortSignal) {
    this.signal = this.#controller.signal;
    this.#other = other;
    if (other?.aborted === true) this.#abort();
    else other?.addEventListener('abort', this.#abort, { once: true });
  }

  /** To be called however the wait has ended: the other signal may live long. */
  end(): void {
    this.#other?.removeEventListener('abort', this.#abort);
    this.#abort();
  }
}
