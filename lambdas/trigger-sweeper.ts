/** Finds what a wake-up of a trigger missed, and wakes dispatchers for it. A schedule wakes it. */
import { type SweepCursor, sweepTriggers } from '../lib/triggers/sweep.ts';
import { createBrokerBackend } from './support/broker-backend.ts';
import { readDispatcher } from './support/environment.ts';
import { scheduledHandler } from './support/scheduled-handler.ts';
import { TriggerMetrics } from './support/trigger-metrics.ts';
import { wakeDispatcher } from './support/wake-dispatcher.ts';

const backend = createBrokerBackend('millrace-trigger-sweeper');
const { broker, telemetry } = backend;
const meter = new TriggerMetrics(telemetry.metrics);
const handOn = wakeDispatcher(readDispatcher(process.env));

/** Where the last run ended that had no time for all. */
let from: SweepCursor | undefined;

export const handler = scheduledHandler(backend, async (signal) => {
  do {
    const { next, failures } = await sweepTriggers(broker, { handOn, meter, log: telemetry.log, from });
    from = next;
    meter.publish();
    if (failures > 0) throw new Error(`Of the sweep of triggers ${failures} parts failed; the log names them.`);
  } while (from !== undefined && !signal.aborted);
});
