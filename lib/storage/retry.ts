/** The one retry loop of the adapters. The SDK's own is off, since it can't know which writes are safe to repeat. */
import type { Clock } from '../kernel/clock.ts';
import { storageLimits } from '../kernel/limits/storage.ts';
import type { Random } from '../kernel/random.ts';

export interface RetryOptions {
  clock: Clock;
  random: Random;
  /** Whether the call may be made again after this error. */
  mayRepeat: (error: unknown) => boolean;
}

/** Makes the call, and again after a pause with full jitter, `storageLimits.storageRetriesMax` times at most. */
export async function withRetries<T>(call: () => Promise<T>, { clock, random, mayRepeat }: RetryOptions): Promise<T> {
  for (let retry = 0; ; retry++) {
    try {
      return await call();
    } catch (error) {
      if (retry >= storageLimits.storageRetriesMax || !mayRepeat(error)) throw error;
    }
    await clock.sleep(retryPauseMs(retry, random));
  }
}

/** Full jitter: anything from nothing to a bound that doubles, so that writers who collided do not collide again. */
export function retryPauseMs(retry: number, random: Pick<Random, 'fraction'>): number {
  const bound = Math.min(storageLimits.storageRetryPauseMsMax, storageLimits.storageRetryPauseMsMin * 2 ** retry);
  return random.fraction() * bound;
}
