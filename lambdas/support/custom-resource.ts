/**
 * A Lambda handler of CloudFormation's custom resources. CloudFormation waits until it is answered at the URL in its
 * request, so that an answer is sent whatever happens, and shortly before the function's time is over.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middyHandler, { type MiddlewareObj } from '@middy/core';
import { executionModeStandard } from '@middy/core/Standard';
import type { CloudFormationCustomResourceEvent, Context } from 'aws-lambda';
import { systemClock } from '../../lib/kernel/clock.ts';
import { lambdaLimits } from '../../lib/kernel/limits/lambda.ts';
import type { BrokerBackend } from './broker-backend.ts';
import { physicalIdOf, type Registration } from './register-trigger.ts';
import { tracing } from './tracing.ts';

type Event = CloudFormationCustomResourceEvent;

export function customResourceHandler(
  { telemetry, clients }: Pick<BrokerBackend, 'telemetry' | 'clients'>,
  register: (event: Event) => Promise<Registration>,
) {
  return middyHandler<Event, void>({ timeoutEarlyInMillis: 0, executionMode: executionModeStandard })
    .use([
      // Never the event: its URL lets whoever has it answer for us.
      injectLambdaContext(telemetry.logger, { logEvent: false }) as MiddlewareObj<Event, void>,
      tracing<Event, void>(clients),
    ])
    .handler(async (event: Event, context: Context): Promise<void> => {
      const answered = new AbortController();
      const leftMs = Math.max(0, context.getRemainingTimeInMillis() - lambdaLimits.scheduledTimeoutMarginMs);
      const timeIsOver = systemClock
        .sleep(leftMs, answered.signal)
        .then(() => failed(event, "The registrar's time is over."));
      const registration = register(event).catch((error: unknown) => {
        telemetry.log.error('A trigger could not be registered', { request: event.RequestType, error });
        return failed(event, `The registrar failed; its log says why, at the request ${context.awsRequestId}.`);
      });
      const result = await Promise.race([registration, timeIsOver]);
      answered.abort();
      telemetry.log.info('A trigger was asked for', { request: event.RequestType, ...result });
      await answer(event, result);
    });
}

function failed(event: Event, reason: string): Registration {
  return { status: 'FAILED', physicalId: physicalIdOf(event), reason };
}

async function answer(event: Event, { status, physicalId, reason }: Registration): Promise<void> {
  const body = JSON.stringify({
    Status: status,
    Reason: reason,
    PhysicalResourceId: physicalId,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
  });
  for (let attempt = 1; ; attempt++) {
    try {
      const signal = AbortSignal.timeout(lambdaLimits.customResourceAnswerMsMax);
      // The URL is signed for no content type.
      const sent = await fetch(event.ResponseURL, { method: 'PUT', headers: { 'content-type': '' }, body, signal });
      if (sent.ok) return;
      throw new Error(`CloudFormation's URL answered ${sent.status}`);
    } catch (error) {
      if (attempt === lambdaLimits.customResourceAnswersMax) throw error;
    }
  }
}
