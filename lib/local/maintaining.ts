/** Does what is to be done now and then, until the signal aborts. Resolves when nothing of it is under way any more. */
import type { Broker } from '../broker/broker.ts';
import { carryOutErasures } from '../broker/erasures/carry-out-erasures.ts';
import { type MaintenanceRequest, maintain } from '../broker/maintain.ts';
import { MillraceError } from '../kernel/errors.ts';
import { erasureLimits } from '../kernel/limits/erasures.ts';

export async function maintainUntil(
  broker: Broker,
  signal: AbortSignal,
  { everyMs, ...request }: Omit<MaintenanceRequest, 'signal'> & { everyMs: number },
): Promise<void> {
  while (!signal.aborted) {
    await broker.clock.sleep(everyMs, signal);
    if (!signal.aborted) await maintain(broker, { ...request, signal });
  }
}

/** Carries erasures out as soon as they are asked for. */
export async function eraseUntil(broker: Broker, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await broker.clock.sleep(erasureLimits.localErasureIntervalMs, signal);
    if (signal.aborted) return;
    try {
      await carryOutErasures(broker, { signal });
    } catch (error) {
      // Storage does not answer; the next one looks again.
      if (!(error instanceof MillraceError)) throw error;
      broker.log.warn('Erasures could not be carried out', { error });
    }
  }
}
