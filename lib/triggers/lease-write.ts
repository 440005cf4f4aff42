/**
 * Writes of a lease whose answer may get lost. Such a write can be made again as it is, because its condition names the
 * version that it replaces: if the first attempt has been applied, the second is refused and finds what the first has
 * written; if the first arrives late, it is refused.
 */

import type { Broker } from '../broker/broker.ts';
import { pauseMs } from '../coordination/triggers/backoff.ts';
import { MillraceError } from '../kernel/errors.ts';
import type { Attributes, Write } from '../kernel/items.ts';
import { storageLimits } from '../kernel/limits/storage.ts';
import { triggerLimits } from '../kernel/limits/triggers.ts';

export type LeaseStore = Pick<Broker, 'metadata' | 'clock' | 'random'>;

export type LeaseWriteResult =
  | { outcome: 'applied' }
  /** `wasUnknown`: an attempt before may have been applied, and be what is found. */
  | { outcome: 'refused'; index: number; item: Attributes | undefined; wasUnknown: boolean };

/** Throws where storage stays silent. */
export async function writeLease(
  { metadata, clock, random }: LeaseStore,
  writes: readonly Write[],
): Promise<LeaseWriteResult> {
  let wasUnknown = false;
  for (let attempt = 0; ; attempt++) {
    try {
      const written = await metadata.write(writes);
      return written.outcome === 'applied' ? { outcome: 'applied' } : { ...written, wasUnknown };
    } catch (error) {
      if (!(error instanceof MillraceError) || !error.retriable) throw error;
      if (attempt + 1 >= triggerLimits.triggerLeaseWritesMax) throw error;
      if (error.effect === 'unknown') wasUnknown = true;
    }
    const { storageRetryPauseMsMin: minMs, storageRetryPauseMsMax: maxMs } = storageLimits;
    await clock.sleep(pauseMs(attempt + 1, { minMs, maxMs, fraction: random.fraction() }));
  }
}
