import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { limits } from '../../lib/kernel/limits.ts';
import type { DispatchRequest } from '../../lib/triggers/ports.ts';

/** Wakes a dispatcher by an asynchronous invocation, which Lambda answers as soon as it has it. */
export function wakeDispatcher(functionName: string): (request: DispatchRequest) => Promise<void> {
  const client = new LambdaClient({
    requestHandler: {
      connectionTimeout: limits.storageConnectMsMax,
      requestTimeout: limits.dispatcherWakeMsMax,
      throwOnRequestTimeout: true,
    },
  });
  return async (request) => {
    const Payload = Buffer.from(JSON.stringify(request));
    await client.send(new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event', Payload }));
  };
}
