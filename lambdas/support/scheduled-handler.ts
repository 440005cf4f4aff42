/**
 * A Lambda handler of work that a schedule wakes, or what a stream tells of, and that nobody waits for.
 *
 * The work is told by its signal to end a while before the platform would cut it off, and is to note by then where it
 * goes on next time. What throws is an error of the function, which alarms count; a schedule does not repeat it.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middyHandler, { type MiddlewareObj } from '@middy/core';
import { executionModeStandard } from '@middy/core/Standard';
import type { Context } from 'aws-lambda';
import { settled } from '../../lib/broker/broker.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { lambdaLimits } from '../../lib/kernel/limits/lambda.ts';
import type { BrokerBackend } from './broker-backend.ts';
import { tracing } from './tracing.ts';

export function scheduledHandler<Answer>(
  { broker, telemetry, clients }: BrokerBackend,
  work: (signal: AbortSignal, event: unknown) => Promise<Answer>,
) {
  return middyHandler<unknown, Answer>({ timeoutEarlyInMillis: 0, executionMode: executionModeStandard })
    .use([
      injectLambdaContext(telemetry.logger, { logEvent: false }) as MiddlewareObj<unknown, Answer>,
      tracing<unknown, Answer>(clients),
    ])
    .handler(async (event: unknown, context: Context): Promise<Answer> => {
      const done = new AbortController();
      const timeIsOver = new AbortController();
      const leftMs = Math.max(0, context.getRemainingTimeInMillis() - lambdaLimits.scheduledTimeoutMarginMs);
      void systemClock.sleep(leftMs, done.signal).then(() => timeIsOver.abort());
      try {
        return await work(timeIsOver.signal, event);
      } finally {
        done.abort();
        await settled(broker);
      }
    });
}
