/**
 * Delivers partitions of a trigger to its function, until nothing is left or its own time is over; then the next goes
 * on.
 */
import type { DispatchRequest } from '../lib/triggers/ports.ts';
import { createBrokerBackend } from './support/broker-backend.ts';
import { createDeployedDispatcher } from './support/dispatch.ts';
import { dispatchHandler } from './support/dispatch-handler.ts';
import { readFunctionName } from './support/environment.ts';
import { TriggerMetrics } from './support/trigger-metrics.ts';

const backend = createBrokerBackend('millrace-dispatcher');
const { broker, telemetry } = backend;
const meter = new TriggerMetrics(telemetry.metrics);
const functionName = readFunctionName(process.env);
const dispatcher = createDeployedDispatcher({ broker, meter, functionName });

export const handler = dispatchHandler(backend, meter, (request: DispatchRequest, options) =>
  dispatcher.dispatch(request, options),
);
