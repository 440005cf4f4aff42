/**
 * Bounds how many ranges are under way, and what they take in memory until they are handed out. First come, first
 * served.
 */

export interface GateOptions {
  inFlightMax: number;
  bytesMax: number;
}

interface Waiter {
  bytes: number;
  enter: () => void;
}

export class Gate {
  private readonly inFlightMax: number;
  private readonly bytesMax: number;
  private inFlight = 0;
  private held = 0;
  private readonly waiters: Waiter[] = [];

  constructor({ inFlightMax, bytesMax }: GateOptions) {
    this.inFlightMax = inFlightMax;
    this.bytesMax = bytesMax;
  }

  /** Waits for both; `bytes` are at most `bytesMax`. Rejects with the signal's reason, and then holds nothing. */
  async enter(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { bytes, enter: resolve };
    const abort = () => {
      const index = this.waiters.indexOf(waiter);
      if (index < 0) return;
      this.waiters.splice(index, 1);
      reject(signal.reason);
      this.admit();
    };
    this.waiters.push(waiter);
    signal.addEventListener('abort', abort, { once: true });
    this.admit();
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** The request is over; its bytes stay. */
  arrived(): void {
    this.inFlight--;
    this.admit();
  }

  release(bytes: number): void {
    this.held -= bytes;
    this.admit();
  }

  private admit(): void {
    for (;;) {
      const [first] = this.waiters;
      if (first === undefined || this.inFlight >= this.inFlightMax || this.held + first.bytes > this.bytesMax) return;
      this.waiters.shift();
      this.inFlight++;
      this.held += first.bytes;
      first.enter();
    }
  }
}
