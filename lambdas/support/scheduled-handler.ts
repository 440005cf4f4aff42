/**
 * A Lambda handler of work that a schedule wakes, and that nobody waits for.
 *
 * The work is told by its signal to end a while before the platform would cut it off, and is to note by then where it goes on
 * next time. What throws is an error of the function, which alarms count; the schedule does not repeat it.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middyHandler, { type MiddlewareObj } from '@middy/core';
import { executionModeStandard } from '@middy/core/Standard';
import type { Context } from 'aws-lambda';
import { settled } from '../../lib/broker/broker.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { limits } from '../../lib/kernel/limits.ts';
import type { BrokerBackend } from './broker-backend.ts';
import { tracing } from './tracing.ts';

export function scheduledHandler(
  { broker, telemetry, clients }: BrokerBackend,
  work: (signal: AbortSignal, event: unknown) => Promise<void>,
) {
  return middyHandler<unknown, void>({ timeoutEarlyInMillis: 0, executionMode: executionModeStandard })
    .use([
      injectLambdaContext(telemetry.logger, { logEvent: false }) as MiddlewareObj<unknown, void>,
      tracing<unknown, void>(clients),
    ])
    .handler(async (event: unknown, context: Context): Promise<void> => {
      const done = new AbortController();
      const timeIsOver = new AbortController();
      const leftMs = Math.max(0, context.getRemainingTimeInMillis() - limits.scheduledTimeoutMarginMs);
      void systemClock.sleep(leftMs, done.signal).then(() => timeIsOver.abort());
      try {
        await work(timeIsOver.signal, event);
      } finally {
        done.abort();
        await settled(broker);
      }
    });
}
