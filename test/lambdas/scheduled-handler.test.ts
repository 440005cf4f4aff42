import type { Context } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import type { BrokerBackend } from '../../lambdas/support/broker-backend.ts';
import { scheduledHandler } from '../../lambdas/support/scheduled-handler.ts';
import { createTelemetry } from '../../lambdas/support/telemetry.ts';
import { lambdaLimits } from '../../lib/kernel/limits/lambda.ts';
import { makeBroker, makeStores } from '../support/broker.ts';

function handlerOf(work: (signal: AbortSignal, event: unknown) => Promise<void>, event: unknown = {}) {
  const { broker } = makeBroker({ stores: makeStores() });
  const backend = { broker, telemetry: createTelemetry('scheduled'), clients: [] } as unknown as BrokerBackend;
  const handler = scheduledHandler(backend, work);
  return (leftMs: number) => handler(event, { getRemainingTimeInMillis: () => leftMs } as Context);
}

describe('the handler of scheduled work', () => {
  it('tells the work to end a margin before its time is over', async () => {
    const run = handlerOf(
      (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    );
    await expect(run(lambdaLimits.scheduledTimeoutMarginMs + 5)).resolves.toBeUndefined();
  });

  it('leaves the work alone while there is time', async () => {
    let aborted: boolean | undefined;
    await handlerOf(async (signal) => {
      aborted = signal.aborted;
    })(lambdaLimits.scheduledTimeoutMarginMs + 60_000);
    expect(aborted).toBe(false);
  });

  it('hands the work the event that its schedule has for it', async () => {
    const events: unknown[] = [];
    await handlerOf(async (_, event) => void events.push(event), { only: 'merging' })(60_000);
    expect(events).toEqual([{ only: 'merging' }]);
  });

  it('fails where the work does', async () => {
    const run = handlerOf(() => Promise.reject(new Error('not done')));
    await expect(run(60_000)).rejects.toThrow('not done');
  });
});
