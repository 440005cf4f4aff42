/**
 * A Lambda handler over the HTTP door, for API Gateway HTTP APIs and function URLs.
 *
 * Whatever happens, the caller gets the API's own answer: a fault outside of the app becomes a problem document, and so
 * does a request whose time is over, just before the platform would cut it off. Before it answers, the handler waits
 * for everything that was accepted to be stored and sequenced: Lambda freezes the process after the answer and may end
 * it without a word, and a frozen flush is a lost one.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import middyHandler, { type MiddlewareObj, type MiddyHandlerObject } from '@middy/core';
import { executionModeStandard } from '@middy/core/Standard';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { settled } from '../../lib/broker/broker.ts';
import { bugProblem, problemAnswer, problemResponse } from '../../lib/http/problems.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { lambdaLimits } from '../../lib/kernel/limits/lambda.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import type { Backend } from './backend.ts';
import { requestOf, resultOf } from './http-event.ts';
import { serveMetered } from './telemetry.ts';
import { tracing } from './tracing.ts';

type Event = APIGatewayProxyEventV2;
type Result = APIGatewayProxyStructuredResultV2;

export interface ApiHandlerOptions {
  /** How middy answers; buffered by default. */
  executionMode?: typeof executionModeStandard;
  /** From the app's answer to what the execution mode takes. */
  render?: (response: Response, method: string) => Promise<Result> | Result;
}

export function apiHandler(backend: Backend, options: ApiHandlerOptions = {}) {
  const { executionMode = executionModeStandard, render = resultOf } = options;
  const { telemetry } = backend;
  const settings = {
    timeoutEarlyInMillis: lambdaLimits.lambdaTimeoutMarginMs,
    timeoutEarlyResponse: timeIsOver,
    executionMode,
  };
  return middyHandler<Event, Result>(settings)
    .use([
      // Never the event: it has the caller's key and the records in it.
      injectLambdaContext(telemetry.logger, { logEvent: false }) as MiddlewareObj<Event, Result>,
      logMetrics(telemetry.metrics) as MiddlewareObj<Event, Result>,
      tracing(backend.clients),
      faultAnswers(backend, render),
    ])
    .handler(async (event: Event, _context: Context, { signal }: MiddyHandlerObject): Promise<Result> => {
      const request = requestOf(event, signal);
      const response = await serveMetered({
        telemetry,
        correlationId: event.requestContext.requestId,
        request,
        serve: async () => {
          const answer = await backend.door.app.fetch(request);
          await settled(backend.broker);
          return answer;
        },
      });
      return render(response, request.method);
    });
}

function timeIsOver(): never {
  throw new MillraceError('REQUEST_TIMED_OUT', "The function's time is over.", { effect: 'unknown' });
}

/** The last step of a request that failed outside of the app. */
function faultAnswers(
  { telemetry }: Backend,
  render: NonNullable<ApiHandlerOptions['render']>,
): MiddlewareObj<Event, Result> {
  return {
    onError: async (request) => {
      const { error, event } = request;
      const method = event.requestContext.http.method;
      if (error instanceof MillraceError) {
        telemetry.log.warn('A request ended early', { code: error.code, detail: error.message });
        request.response = await render(problemAnswer(error), method);
        return;
      }
      const problem = bugProblem(systemRandom);
      telemetry.log.error('A request failed outside of the app', { id: problem.id, error });
      request.response = await render(problemResponse(problem), method);
    },
  };
}
