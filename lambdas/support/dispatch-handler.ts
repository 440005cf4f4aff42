/**
 * The dispatcher's Lambda handler. A dispatch may last as long as the function may, and its metrics are to be seen
 * before it ends: they are published every few seconds.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middyHandler, { type MiddlewareObj } from '@middy/core';
import { executionModeStandard } from '@middy/core/Standard';
import type { Context } from 'aws-lambda';
import { settled } from '../../lib/broker/broker.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { lambdaLimits } from '../../lib/kernel/limits/lambda.ts';
import type { DispatchOptions } from '../../lib/triggers/dispatcher.ts';
import type { DispatchRequest, DispatchSummary } from '../../lib/triggers/ports.ts';
import type { BrokerBackend } from './broker-backend.ts';
import { tracing } from './tracing.ts';
import type { TriggerMetrics } from './trigger-metrics.ts';

export function dispatchHandler(
  { broker, telemetry, clients }: BrokerBackend,
  meter: TriggerMetrics,
  dispatch: (request: DispatchRequest, options: DispatchOptions) => Promise<DispatchSummary>,
) {
  return middyHandler<DispatchRequest, void>({ timeoutEarlyInMillis: 0, executionMode: executionModeStandard })
    .use([
      injectLambdaContext(telemetry.logger, { logEvent: false }) as MiddlewareObj<DispatchRequest, void>,
      tracing<DispatchRequest, void>(clients),
    ])
    .handler(async (request: DispatchRequest, context: Context): Promise<void> => {
      const deadlineMs = systemClock.monotonic() + context.getRemainingTimeInMillis();
      const done = new AbortController();
      const publishing = publishNowAndThen(meter, done.signal);
      try {
        const { counts, durationMs } = await dispatch(request, { deadlineMs });
        telemetry.log.info('A dispatch is done', { trigger: request.trigger, ...counts, durationMs });
      } finally {
        done.abort();
        await publishing;
        await settled(broker);
        meter.publish();
      }
    });
}

async function publishNowAndThen(meter: TriggerMetrics, done: AbortSignal): Promise<void> {
  while (!done.aborted) {
    await systemClock.sleep(lambdaLimits.triggerMetricsMs, done);
    meter.publish();
  }
}
