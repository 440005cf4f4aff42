/**
 * X-Ray traces by Powertools' tracer, with a subsegment for every call to AWS.
 *
 * The X-Ray SDK takes longer to load than everything else of a function together, and most requests are not sampled. So
 * it is loaded by the first request that is, and never where tracing is off.
 */
import type { MiddlewareObj } from '@middy/core';

/** A handler's middleware. Answers are not recorded: there are records in them. */
export function tracing<Event, Result>(): MiddlewareObj<Event, Result> {
  let loaded: MiddlewareObj<Event, Result> | undefined;
  return {
    before: async (request) => {
      if (loaded === undefined && isSampled()) loaded = await load();
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

async function load<Event, Result>(): Promise<MiddlewareObj<Event, Result>> {
  const [{ Tracer }, { captureLambdaHandler }] = await Promise.all([
    import('@aws-lambda-powertools/tracer'),
    import('@aws-lambda-powertools/tracer/middleware'),
  ]);
  return captureLambdaHandler(new Tracer(), { captureResponse: false });
}
