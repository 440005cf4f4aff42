/**
 * Time as an argument. Everything that waits or asks for the time takes a `Clock`, so that the whole system can run in
 * a simulation whose time is virtual and whose runs repeat exactly.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump when the machine's clock is corrected. */
  now(): number;
  /** Milliseconds from an arbitrary origin that never go back; for deadlines and durations. */
  monotonic(): number;
  /** Resolves after `ms`, or as soon as `signal` aborts, whichever is first. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. The only place in `lib` that reads it. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};
