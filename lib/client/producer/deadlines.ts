/** What ends a delivery from outside: its time is over, or the producer stops. */
import type { Clock } from '../../kernel/clock.ts';
import { MillraceClientError } from '../errors.ts';

export interface Deadline {
  /** Its reason is the `MillraceClientError` that the delivery fails with. */
  signal: AbortSignal;
  /** Nobody waits for it any more. */
  end(): void;
}

export class Deadlines {
  private readonly clock: Clock;
  private readonly running = new Set<AbortController>();
  private stopped: MillraceClientError | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** At this time of the monotonic clock. */
  begin(atMs: number): Deadline {
    const controller = new AbortController();
    if (this.stopped !== undefined) {
      controller.abort(this.stopped);
      return { signal: controller.signal, end: () => {} };
    }
    const ended = new AbortController();
    this.running.add(controller);
    const leftMs = atMs - this.clock.monotonic();
    if (leftMs <= 0) controller.abort(timedOut());
    else {
      void this.clock.sleep(leftMs, ended.signal).then(() => {
        if (!ended.signal.aborted) controller.abort(timedOut());
      });
    }
    const end = () => {
      this.running.delete(controller);
      ended.abort(null);
    };
    return { signal: controller.signal, end };
  }

  /** Ends all that run, and all that will begin. */
  stop(reason: MillraceClientError): void {
    this.stopped ??= reason;
    for (const controller of this.running) controller.abort(reason);
  }
}

function timedOut(): MillraceClientError {
  return new MillraceClientError('DELIVERY_TIMEOUT', 'The record was not delivered within deliveryTimeoutMs.', {
    retriable: true,
    effect: 'none',
  });
}

/** What the promise becomes, or the signal's reason, whichever is first. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason as Error);
    if (signal.aborted) return aborted();
    signal.addEventListener('abort', aborted, { once: true });
    const done = () => signal.removeEventListener('abort', aborted);
    promise.then(resolve, reject).finally(done);
  });
}
