/**
 * Time as an argument. Everything that waits or asks for the time takes a `Clock`, so that the whole system can run in
 * a simulation whose time is virtual and whose runs repeat exactly.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump when the machine's clock is corrected. */
  now(): number;
  /** Milliseconds from an arbitrary origin that never go back; for deadlines and durations. */
  monotonic(): number;
  /**
   * Resolves after `ms`, or as soon as `signal` aborts, whichever is first. Never rejects. After 0 it resolves when
   * everything else had a turn that can go on now, such as what has come in by sockets.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. The only place in `lib` that reads it. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      // A timer takes a millisecond at least, of which much would come together. Browsers have nothing else.
      if (ms <= 0 && typeof setImmediate === 'function') return void setImmediate(resolve);
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};
