/**
 * Functions of AWS Lambda, invoked and waited for. One attempt is made for each call: the SDK would repeat a request
 * whose answer was lost, while the function may still be running, and two invocations for one partition is what must
 * not be.
 *
 * No connection has an idle timeout, since nothing is sent while a function runs; the whole call ends when the
 * function's own time and a margin are over.
 */
import {
  InvokeCommand,
  type InvokeCommandOutput,
  type LambdaClient,
  type LambdaClientConfig,
} from '@aws-sdk/client-lambda';
import { utf8Text } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import type { FunctionInvoker, Invocation, InvocationResult } from '../ports.ts';
import { invocationFailure } from './invocation-failure.ts';

export interface LambdaInvokerOptions {
  /** Made with `lambdaClientConfig`. It stays the caller's. */
  client: LambdaClient;
  clock: Clock;
}

/** What every client of this adapter is made with; region, credentials and endpoint come from the environment. */
export function lambdaClientConfig(): LambdaClientConfig {
  const agent = { keepAlive: true, maxSockets: triggerLimits.invocationConnectionsMax };
  return {
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: storageLimits.storageConnectMsMax,
      requestTimeout: 0,
      socketTimeout: 0,
      httpAgent: agent,
      httpsAgent: agent,
    },
  };
}

export function createLambdaInvoker({ client, clock }: LambdaInvokerOptions): FunctionInvoker {
  return { invoke: (invocation) => invoke(client, clock, invocation) };
}

async function invoke(client: LambdaClient, clock: Clock, invocation: Invocation): Promise<InvocationResult> {
  const answered = new AbortController();
  const overdue = new AbortController();
  const command = new InvokeCommand({
    FunctionName: invocation.target,
    InvocationType: 'RequestResponse',
    Payload: invocation.payload,
    ...(invocation.tenantId === undefined ? {} : { TenantId: invocation.tenantId }),
  });
  void clock
    .sleep(invocation.timeoutMs + triggerLimits.invocationMarginMs, answered.signal)
    .then(() => overdue.abort());
  try {
    return resultOf(await client.send(command, { abortSignal: overdue.signal }));
  } catch (error) {
    return invocationFailure(error);
  } finally {
    answered.abort();
  }
}

function resultOf(output: InvokeCommandOutput): InvocationResult {
  const requestId = output.$metadata.requestId ?? '';
  const executed = output.ExecutedVersion === undefined ? {} : { executedVersion: output.ExecutedVersion };
  const response = parsed(output.Payload ?? new Uint8Array(0));
  if (output.FunctionError === undefined) return { outcome: 'returned', requestId, response, ...executed };
  return {
    outcome: 'failed',
    requestId,
    error: { kind: output.FunctionError, message: messageOf(response) },
    ...executed,
  };
}

/** The runtimes of Lambda answer with JSON; what a runtime of someone's own answers otherwise stays the text it is. */
function parsed(payload: Uint8Array): unknown {
  const text = utf8Text(payload);
  if (text === undefined || text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const NO_MESSAGE = 'no message';

/** Of `{errorType, errorMessage}`, which the runtimes answer with; Lambda itself gives a message only. */
function messageOf(response: unknown): string {
  if (typeof response === 'string') return response;
  if (typeof response !== 'object' || response === null) return NO_MESSAGE;
  const { errorType, errorMessage } = response as { errorType?: unknown; errorMessage?: unknown };
  return [errorType, errorMessage].filter((part) => typeof part === 'string' && part !== '').join(': ') || NO_MESSAGE;
}
