import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { triggerLimits } from '../../../lib/kernel/limits/triggers.ts';
import type { FunctionInvoker, Invocation } from '../../../lib/triggers/ports.ts';
import { createLambdaInvoker, lambdaClientConfig } from '../../../lib/triggers/targets/lambda-invoker.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { type ScriptedServer, startScriptedServer } from '../scripted-server.ts';

const TARGET = 'arn:aws:lambda:eu-central-1:123456789012:function:ship:live';
const invocation: Invocation = { trigger: 'f', target: TARGET, payload: utf8('{"records":{}}'), timeoutMs: 60_000 };

describe('the invoker of Lambda', () => {
  let server: ScriptedServer;
  let client: LambdaClient;
  let clock: ManualClock;
  let invoker: FunctionInvoker;

  beforeEach(async () => {
    server = await startScriptedServer();
    client = clientOf(server.url);
    clock = new ManualClock();
    invoker = createLambdaInvoker({ client, clock });
  });

  afterEach(async () => {
    client.destroy();
    await server.close();
  });

  test('invokes the function and gives what it returned', async () => {
    const headers = { 'x-amzn-requestid': 'r-1', 'x-amz-executed-version': '7' };
    server.script({ status: 200, headers, body: '{"batchItemFailures":[]}' });
    expect(await invoker.invoke({ ...invocation, tenantId: 'blue' })).toEqual({
      outcome: 'returned',
      requestId: 'r-1',
      response: { batchItemFailures: [] },
      executedVersion: '7',
    });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: 'POST', body: '{"records":{}}' });
    expect(decodeURIComponent(request?.path ?? '')).toBe(`/2015-03-31/functions/${TARGET}/invocations`);
    expect(request?.headers).toMatchObject({
      'x-amz-invocation-type': 'RequestResponse',
      'x-amz-tenant-id': 'blue',
    });
    expect(clock.sleeping).toBe(0);
  });

  test.each([
    ['', undefined],
    ['null', null],
    ['"done"', 'done'],
    ['done', 'done'],
  ])('takes the payload %j', async (body, response) => {
    server.script({ status: 200, body });
    expect(await invoker.invoke(invocation)).toMatchObject({ outcome: 'returned', response });
    expect(server.requests[0]?.headers).not.toHaveProperty('x-amz-tenant-id');
  });

  test.each([
    ['{"errorMessage":"no such order","errorType":"TypeError","trace":[]}', 'TypeError: no such order'],
    [
      '{"errorMessage":"2026-11-22T00:00:00Z r-1 Task timed out after 3.00 seconds"}',
      '2026-11-22T00:00:00Z r-1 Task timed out',
    ],
    ['null', 'no message'],
    ['', 'no message'],
  ])('tells by the function error of %s', async (body, message) => {
    server.script({ status: 200, headers: { 'x-amz-function-error': 'Unhandled' }, body });
    const result = await invoker.invoke(invocation);
    expect(result).toMatchObject({
      outcome: 'failed',
      error: { kind: 'Unhandled', message: expect.stringContaining(message) },
    });
  });

  test.each([
    [429, 'TooManyRequestsException', 'not-run'],
    [409, 'ResourceConflictException', 'not-run'],
    [502, 'ENINotReadyException', 'not-run'],
    [404, 'ResourceNotFoundException', 'refused'],
    [403, 'AccessDeniedException', 'refused'],
    [403, 'ExpiredTokenException', 'not-run'],
    [400, 'InvalidParameterValueException', 'refused'],
    [413, 'RequestTooLargeException', 'refused'],
    [502, 'InvalidRuntimeException', 'refused'],
    [502, 'KMSDisabledException', 'refused'],
    [410, 'EFSIOException', 'unknown'],
    [408, 'RequestTimeout', 'unknown'],
    [500, 'ServiceException', 'unknown'],
    [503, 'ServiceUnavailable', 'unknown'],
  ])('takes %i %s for %s, and asks once', async (status, kind, outcome) => {
    server.script({ status, headers: { 'x-amzn-errortype': kind }, body: '{"Message":"sorry"}' });
    expect(await invoker.invoke(invocation)).toMatchObject({ outcome, error: { kind } });
    expect(server.requests).toHaveLength(1);
    expect(clock.sleeping).toBe(0);
  });

  test('does not know what became of an invocation whose connection ended, and does not repeat it', async () => {
    server.script('reset');
    expect(await invoker.invoke(invocation)).toMatchObject({ outcome: 'unknown' });
    expect(server.requests).toHaveLength(1);
  });

  test('knows that nothing ran where nothing listens', async () => {
    await server.close();
    expect(await invoker.invoke(invocation)).toMatchObject({ outcome: 'not-run' });
  });

  test("waits for the function's time and a margin, and then does not know", async () => {
    server.script('hang');
    const arrival = server.arrival();
    const result = invoker.invoke(invocation);
    await arrival;
    await clock.advance(invocation.timeoutMs + triggerLimits.invocationMarginMs - 1);
    expect(clock.sleeping).toBe(1);
    await clock.advance(1);
    expect(await result).toMatchObject({ outcome: 'unknown' });
    expect(server.requests).toHaveLength(1);
  });

  test('has 64 invocations under way at once', async () => {
    server.script('hang');
    const results = Array.from({ length: 64 }, () => invoker.invoke(invocation));
    while (server.requests.length < 64) await server.arrival();
    await clock.advance(invocation.timeoutMs + triggerLimits.invocationMarginMs);
    expect(new Set((await Promise.all(results)).map((result) => result.outcome))).toEqual(new Set(['unknown']));
  });
});

function clientOf(endpoint: string): LambdaClient {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  return new LambdaClient({ ...lambdaClientConfig(), endpoint, region: 'eu-central-1', credentials });
}
