/**
 * X-Ray traces by Powertools' tracer, with a subsegment for every call to AWS.
 *
 * The X-Ray SDK takes longer to load than everything else of a function together, and most requests are not sampled. So
 * it is loaded by the first request that is, and never where tracing is off.
 */
import type { MiddlewareObj } from '@middy/core';
import type { BrokerBackend } from './broker-backend.ts';

/** A handler's middleware. Answers are not recorded: there are records in them. */
export function tracing<Event, Result>(clients: BrokerBackend['clients']): MiddlewareObj<Event, Result> {
  let loaded: MiddlewareObj<Event, Result> | undefined;
  return {
    before: async (request) => {
      if (loaded === undefined && isSampled()) loaded = await load(clients);
      return loaded?.before?.(request);
    },
    after: (request) => loaded?.after?.(request),
    onError: (request) => loaded?.onError?.(request),
  };
}

/** The trace header that Lambda sets for every invocation says whether its trace is kept. */
function isSampled(): boolean {
  return (
    process.env['POWERTOOLS_TRACE_ENABLED'] !== 'false' && /\bSampled=1\b/.test(process.env['_X_AMZN_TRACE_ID'] ?? '')
  );
}

async function load<Event, Result>(clients: BrokerBackend['clients']): Promise<MiddlewareObj<Event, Result>> {
  const [{ Tracer }, { captureLambdaHandler }] = await Promise.all([
    import('@aws-lambda-powertools/tracer'),
    import('@aws-lambda-powertools/tracer/middleware'),
  ]);
  // Clients are watched one by one: the SDK's HTTP handler holds the functions that the tracer would replace.
  const tracer = new Tracer({ captureHTTPsRequests: false });
  for (const client of clients) tracer.captureAWSv3Client(client);
  return captureLambdaHandler(tracer, { captureResponse: false });
}
