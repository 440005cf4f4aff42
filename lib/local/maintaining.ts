/** Does what is to be done now and then, until the signal aborts. Resolves when nothing of it is under way any more. */
import type { Broker } from '../broker/broker.ts';
import { type MaintenanceRequest, maintain } from '../broker/maintain.ts';
import { limits } from '../kernel/limits.ts';

export async function maintainUntil(
  broker: Broker,
  signal: AbortSignal,
  request: Omit<MaintenanceRequest, 'signal'>,
): Promise<void> {
  while (!signal.aborted) {
    await broker.clock.sleep(limits.maintenanceIntervalMs, signal);
    if (!signal.aborted) await maintain(broker, { ...request, signal });
  }
}
