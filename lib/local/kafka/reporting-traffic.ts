/**
 * Says in the log, from time to time, what has gone through a gateway: a line that people read, and of which a stack's
 * filters make metrics (`GATEWAY_METRICS`). Nothing is said of a time in which nobody was connected.
 */
import { memoryUsage } from 'node:process';
import type { Gateway } from '../../kafka/gateway.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { GatewayMetric } from '../../kernel/gateway-metrics.ts';
import type { Logger } from '../logger.ts';

export interface Reporting {
  gateway: Pick<Gateway, 'takeReport'>;
  everyMs: number;
  clock: Clock;
  log: Pick<Logger, 'info'>;
}

/** Until the signal aborts, and then once more. */
export async function reportTraffic({ gateway, everyMs, clock, log }: Reporting, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal);
    const { byApi, ...counts } = gateway.takeReport();
    if (Object.values(counts).every((count) => count === 0)) continue;
    const kafka: Record<GatewayMetric, number> = { ...counts, memoryBytes: memoryUsage.rss() };
    log.info("Kafka's clients since the last such line", { kafka, byApi });
  }
}
