/**
 * What is to be done now and then, whoever calls: orphan objects, deletions, expired offsets, consumer instances that are over, a
 * piece of the consistency check. A schedule wakes it.
 */
import { maintain } from '../lib/broker/maintain.ts';
import { systemClock } from '../lib/kernel/clock.ts';
import { systemRandom } from '../lib/kernel/random.ts';
import { createDynamoMetadataStore } from '../lib/storage/metadata/dynamodb.ts';
import { createBrokerBackend } from './support/broker-backend.ts';
import { scheduledHandler } from './support/scheduled-handler.ts';
import { publishBackground } from './support/telemetry.ts';

const backend = createBrokerBackend('millrace-maintenance');
const { dynamo, environment, telemetry } = backend;
const { offsetsRetentionMs } = environment;
const table = createDynamoMetadataStore({
  client: dynamo,
  table: environment.table,
  clock: systemClock,
  random: systemRandom,
});

export const handler = scheduledHandler(backend, async (signal) => {
  const failed = await maintain(backend.broker, { offsetsRetentionMs, table, signal });
  publishBackground(telemetry);
  if (failed.length > 0) throw new Error(`Of the maintenance there failed: ${failed.join(', ')}.`);
});
