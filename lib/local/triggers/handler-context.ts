/** The second argument of a handler, with what Lambda's runtime for Node gives it. */
import type { Clock } from '../../kernel/clock.ts';
import type { InvokeMessage } from './handler-messages.ts';

export const MEMORY_LIMIT_MB = '128';

export interface Completion {
  succeed: (result?: unknown) => void;
  fail: (error: unknown) => void;
}

export function handlerContext(
  functionName: string,
  { requestId, timeoutMs, tenantId }: InvokeMessage,
  { succeed, fail }: Completion,
  clock: Clock,
) {
  const deadlineMs = clock.monotonic() + timeoutMs;
  return {
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${functionName}`,
    memoryLimitInMB: MEMORY_LIMIT_MB,
    awsRequestId: requestId,
    logGroupName: logGroupOf(functionName),
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: true,
    ...(tenantId !== undefined && { tenantId }),
    getRemainingTimeInMillis: () => Math.max(0, Math.round(deadlineMs - clock.monotonic())),
    // Of runtimes long gone; handlers that are as old still call them.
    succeed,
    fail,
    done: (error?: unknown, result?: unknown) => (isPresent(error) ? fail(error) : succeed(result)),
  };
}

export function isPresent(error: unknown): boolean {
  return error !== undefined && error !== null;
}

export function logGroupOf(functionName: string): string {
  return `/aws/lambda/${functionName}`;
}
