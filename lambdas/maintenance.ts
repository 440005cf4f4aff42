/** What is to be done now and then, whoever calls: orphan objects, expired offsets, consumer instances that are over. A schedule wakes it. */
import { maintain } from '../lib/broker/maintain.ts';
import { createBrokerBackend } from './support/broker-backend.ts';
import { scheduledHandler } from './support/scheduled-handler.ts';

const backend = createBrokerBackend('millrace-maintenance');
const { offsetsRetentionMs } = backend.environment;

export const handler = scheduledHandler(backend, async (signal) => {
  const failed = await maintain(backend.broker, { offsetsRetentionMs, signal });
  if (failed.length > 0) throw new Error(`Of the maintenance there failed: ${failed.join(', ')}.`);
});
