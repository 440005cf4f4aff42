/**
 * What is to be done now and then, whoever calls (lib/broker/maintain.ts). One schedule wakes it once an hour for all
 * of it, another more often with `{"only":"merging"}`, for what must keep up with what is written; the table's stream
 * for what has just been asked for.
 */
import { maintain } from '../lib/broker/maintain.ts';
import { createBrokerBackend, openTable } from './support/broker-backend.ts';
import { appearedIn, isForMerging, takeUpAll } from './support/maintenance-event.ts';
import { MaintenanceMetrics } from './support/maintenance-metrics.ts';
import { scheduledHandler } from './support/scheduled-handler.ts';

const backend = createBrokerBackend('millrace-maintenance', { hasDisk: true });
const { environment, telemetry } = backend;
const meter = new MaintenanceMetrics(telemetry.metrics);
const { offsetsRetentionMs } = environment;
const table = openTable(backend);

export const handler = scheduledHandler(backend, async (signal, event) => {
  const appeared = appearedIn(event);
  if (appeared !== undefined) return takeUpAll(backend.broker, appeared, signal);
  const only = isForMerging(event) ? 'merging' : undefined;
  const failed = await maintain({ ...backend.broker, meter }, { offsetsRetentionMs, table, only, signal });
  meter.publish();
  if (failed.length > 0) throw new Error(`Of the maintenance there failed: ${failed.join(', ')}.`);
  return undefined;
});
