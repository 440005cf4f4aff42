/**
 * Room for the large things of all connections of a process: requests, or answers. A thing takes its room as soon as
 * its size is known, and goes on only when it has it, so that each one that was begun can be finished; those that wait
 * get it in their order.
 */
export class Budget {
  readonly #bytesMax: number;
  #used = 0;
  /** Somebody has gone without since something was given back. */
  #isShort = false;
  readonly #waiting = new Map<object, { bytes: number; granted: () => void }>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Somebody waits, or goes without: who has room should not keep it idly. */
  get isContended(): boolean {
    return this.#isShort || this.#waiting.size > 0;
  }

  /**
   * Whether there is room now. Where not, `granted` is called when `holder` has got it. A holder waits for one thing at
   * a time.
   */
  take(holder: object, bytes: number, granted: () => void): boolean {
    if (this.#taken(bytes)) return true;
    this.#waiting.set(holder, { bytes, granted });
    return false;
  }

  /** Whether there is room now; where there is, it is taken. */
  takeNow(bytes: number): boolean {
    const isThere = this.#taken(bytes);
    if (!isThere) this.#isShort = true;
    return isThere;
  }

  /** The same for who can do without as well: nobody has to hurry for it. */
  takeIfFree(bytes: number): boolean {
    return this.#taken(bytes);
  }

  /** Takes what is there already, whether there is room or not: whoever comes next waits the longer. */
  overdraw(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
    this.#isShort = false;
    this.#grant();
  }

  /** It does not wait any more. */
  withdraw(holder: object): void {
    if (this.#waiting.delete(holder)) this.#grant();
  }

  #grant(): void {
    for (const [holder, { bytes, granted }] of this.#waiting) {
      if (!this.#fits(bytes)) return;
      this.#waiting.delete(holder);
      this.#used += bytes;
      granted();
    }
  }

  /** Who waits comes first. */
  #taken(bytes: number): boolean {
    if (this.#waiting.size > 0 || !this.#fits(bytes)) return false;
    this.#used += bytes;
    return true;
  }

  /** Whatever is larger than all the room has it alone. */
  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#bytesMax;
  }
}
