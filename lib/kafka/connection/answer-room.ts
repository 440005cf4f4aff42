/**
 * Room for what one request is answered, from before it is made until the client has taken it: as much as it is thought
 * to need at first, and as it has when it is there.
 */
import { concatBytes } from '../../kernel/bytes.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Budget } from './budget.ts';
import { bytesIn } from './frames.ts';

export class AnswerRoom {
  readonly #budget: Budget;
  #taken = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Waits for room for so many bytes, once for a request. Whether there is: not where the signal aborts before. */
  take(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (bytes <= kafkaLimits.kafkaFreeBytes) return Promise.resolve(true);
    return new Promise((resolve) => {
      const withdrawn = () => {
        this.#budget.withdraw(this);
        resolve(false);
      };
      const granted = () => {
        signal.removeEventListener('abort', withdrawn);
        this.#taken += bytes;
        resolve(true);
      };
      if (this.#budget.take(this, bytes, granted)) granted();
      else signal.addEventListener('abort', withdrawn, { once: true });
    });
  }

  /** The same without waiting, where there is room now. */
  takeNow(bytes: number): boolean {
    if (bytes <= kafkaLimits.kafkaFreeBytes) return true;
    const isThere = this.#budget.takeNow(bytes);
    if (isThere) this.#taken += bytes;
    return isThere;
  }

  /**
   * The answer is there. As it is to be sent: parts of something larger keep all of that in memory, and where there is
   * no room for it the answer is copied.
   */
  settle(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
    const bytes = bytesIn(chunks);
    const held = memoryOf(chunks);
    const isAlone = held - bytes <= kafkaLimits.kafkaFreeBytes;
    if (!isAlone && this.#budget.takeIfFree(held - this.#taken)) {
      this.#taken = held;
      return chunks;
    }
    this.#settle(bytes);
    return isAlone ? chunks : [concatBytes(chunks)];
  }

  #settle(bytes: number): void {
    const needed = bytes > kafkaLimits.kafkaFreeBytes ? bytes : 0;
    if (needed > this.#taken) this.#budget.overdraw(needed - this.#taken);
    else if (needed < this.#taken) this.#budget.give(this.#taken - needed);
    this.#taken = needed;
  }

  release(): void {
    if (this.#taken > 0) this.#budget.give(this.#taken);
    this.#taken = 0;
  }
}

/** Of all that the chunks are parts of. */
function memoryOf(chunks: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const buffer of new Set(chunks.map((chunk) => chunk.buffer))) bytes += buffer.byteLength;
  return bytes;
}
