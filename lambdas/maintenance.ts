/**
 * What is to be done now and then, whoever calls (lib/broker/maintain.ts). One schedule wakes it once an hour for all of it, another
 * more often with `{"only":"merging"}`, for what must keep up with what is written.
 */
import { maintain } from '../lib/broker/maintain.ts';
import { systemClock } from '../lib/kernel/clock.ts';
import { systemRandom } from '../lib/kernel/random.ts';
import { createDynamoMetadataStore } from '../lib/storage/metadata/dynamodb.ts';
import { createBrokerBackend } from './support/broker-backend.ts';
import { isForMerging } from './support/maintenance-event.ts';
import { MaintenanceMetrics } from './support/maintenance-metrics.ts';
import { scheduledHandler } from './support/scheduled-handler.ts';

const backend = createBrokerBackend('millrace-maintenance');
const { dynamo, environment, telemetry } = backend;
const meter = new MaintenanceMetrics(telemetry.metrics);
const { offsetsRetentionMs } = environment;
const table = createDynamoMetadataStore({
  client: dynamo,
  table: environment.table,
  clock: systemClock,
  random: systemRandom,
});

export const handler = scheduledHandler(backend, async (signal, event) => {
  const only = isForMerging(event) ? 'merging' : undefined;
  const failed = await maintain({ ...backend.broker, meter }, { offsetsRetentionMs, table, only, signal });
  meter.publish();
  if (failed.length > 0) throw new Error(`Of the maintenance there failed: ${failed.join(', ')}.`);
});
