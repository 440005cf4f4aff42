import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CloudFormationCustomResourceEvent, Context } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { customResourceHandler } from '../../lambdas/support/custom-resource.ts';
import type { Registration } from '../../lambdas/support/register-trigger.ts';
import { createTelemetry } from '../../lambdas/support/telemetry.ts';
import { lambdaLimits } from '../../lib/kernel/limits/lambda.ts';

/** CloudFormation's end of the URL: refuses the first `refusals` answers. */
let refusals = 0;
let answers: { type: string | undefined; body: Record<string, unknown> }[] = [];
let server: Server;

beforeEach(async () => {
  refusals = 0;
  answers = [];
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (part: Buffer) => (text += part.toString()));
    request.on('end', () => {
      const refused = refusals-- > 0;
      if (!refused)
        answers.push({ type: request.headers['content-type'], body: JSON.parse(text) as Record<string, unknown> });
      response.writeHead(refused ? 503 : 200).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function ask(register: () => Promise<Registration>, leftMs = 120_000): Promise<void> {
  const event = {
    RequestType: 'Create',
    RequestId: 'request-1',
    StackId: 'stack-1',
    LogicalResourceId: 'Trigger',
    ResponseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/answer`,
    ResourceProperties: { ServiceToken: 'token', Trigger: '{"name":"orders"}' },
  } as unknown as CloudFormationCustomResourceEvent;
  const context = { getRemainingTimeInMillis: () => leftMs, awsRequestId: 'invocation-1' } as Context;
  return customResourceHandler({ telemetry: createTelemetry('registrar'), clients: [] }, register)(event, context);
}

describe('CloudFormation', () => {
  it('is told what was made, with no content type, for which its URL is not signed', async () => {
    await ask(async () => ({ status: 'SUCCESS', physicalId: 'orders' }));
    expect(answers).toMatchObject([
      {
        body: {
          Status: 'SUCCESS',
          PhysicalResourceId: 'orders',
          StackId: 'stack-1',
          RequestId: 'request-1',
          LogicalResourceId: 'Trigger',
        },
      },
    ]);
    expect(answers[0]?.type ?? '').toBe('');
  });

  it('is told the reason of a failure', async () => {
    await ask(async () => ({
      status: 'FAILED',
      physicalId: 'refused:request-1',
      reason: 'There is no topic "orders".',
    }));
    expect(answers[0]?.body).toMatchObject({ Status: 'FAILED', Reason: 'There is no topic "orders".' });
  });

  it('is told of a fault too, by the name under which something may have been made, and not its text', async () => {
    await ask(() => Promise.reject(new Error('a secret of the inside')));
    expect(answers[0]?.body).toMatchObject({ Status: 'FAILED', PhysicalResourceId: 'orders' });
    expect(JSON.stringify(answers)).not.toContain('secret');
  });

  it('is told before the time is over', async () => {
    await ask(() => new Promise(() => {}), lambdaLimits.scheduledTimeoutMarginMs + 5);
    expect(answers[0]?.body).toMatchObject({ Status: 'FAILED', Reason: "The registrar's time is over." });
  });

  it('is told again where it did not hear', async () => {
    refusals = 2;
    await ask(async () => ({ status: 'SUCCESS', physicalId: 'orders' }));
    expect(answers).toHaveLength(1);
  });
});
