/**
 * Wakes dispatchers for the partitions that have grown, by the table's stream. It holds up a shard, and so does nothing
 * else.
 */
import { storageLimits } from '../lib/kernel/limits/storage.ts';
import { mapBounded } from '../lib/kernel/map-bounded.ts';
import { routeChanges } from '../lib/triggers/route.ts';
import { createBrokerBackend } from './support/broker-backend.ts';
import { readDispatcher } from './support/environment.ts';
import { streamHandler } from './support/stream-handler.ts';
import { wakeDispatcher } from './support/wake-dispatcher.ts';

const backend = createBrokerBackend('millrace-router');
const { broker, telemetry } = backend;
const wake = wakeDispatcher(readDispatcher(process.env));

export const handler = streamHandler(backend, async (changes) => {
  const requests = await routeChanges(broker, changes, telemetry.log);
  await mapBounded(requests, storageLimits.storageFanOutMax, wake);
});
