import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { lambdaLimits } from '../../lib/kernel/limits/lambda.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import type { DispatchRequest } from '../../lib/triggers/ports.ts';

/** Wakes a dispatcher by an asynchronous invocation, which Lambda answers as soon as it has it. */
export function wakeDispatcher(functionName: string): (request: DispatchRequest) => Promise<void> {
  const client = new LambdaClient({
    requestHandler: {
      connectionTimeout: storageLimits.storageConnectMsMax,
      requestTimeout: lambdaLimits.dispatcherWakeMsMax,
      throwOnRequestTimeout: true,
    },
  });
  return async (request) => {
    const Payload = Buffer.from(JSON.stringify(request));
    await client.send(new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event', Payload }));
  };
}
