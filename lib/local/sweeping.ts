/** Sweeps orphan objects and lets committed offsets expire now and then, until the signal aborts. Resolves when nothing of it is under way any more. */
import type { Broker } from '../broker/broker.ts';
import { expireOffsets } from '../broker/groups/expire-offsets.ts';
import { sweepOnward } from '../broker/sweep-onward.ts';
import { limits } from '../kernel/limits.ts';
import type { Logger } from './logger.ts';

export async function sweepUntil(broker: Broker, signal: AbortSignal, log: Logger): Promise<void> {
  while (!signal.aborted) {
    await broker.clock.sleep(limits.sweepIntervalMs, signal);
    if (signal.aborted) return;
    try {
      const report = await sweepOnward(broker);
      if (report.deleted > 0 || report.unreadable > 0) log.info('orphan objects were swept', { ...report });
    } catch (error) {
      // The next round begins where the last complete one ended.
      log.warn('a sweep of orphan objects failed', { error });
    }
    try {
      const report = await expireOffsets(broker);
      if (report.items > 0 || report.dead > 0) log.info('committed offsets have expired', { ...report });
    } catch (error) {
      // The next round begins anew, and has less to do.
      log.warn('committed offsets could not be looked through', { error });
    }
  }
}
