import { describe, expect, it } from 'vitest';
import { createKafkaEventFormat } from '../../lib/triggers/event/kafka-event-format.ts';
import { invokeBatch } from '../../lib/triggers/invoke-batch.ts';
import { silentTriggerMeter } from '../../lib/triggers/ports.ts';
import { Tally } from '../../lib/triggers/tally.ts';
import { aTrigger } from '../support/dispatch-world.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** What an invocation comes to that may begin so long from now. */
async function invoked(leftMs: number) {
  const clock = new ManualClock();
  const tally = new Tally('f', silentTriggerMeter);
  const calls: string[] = [];
  const parts = {
    clock,
    tally,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    events: createKafkaEventFormat({ eventSourceArn: 'arn:aws:kafka:x', bootstrapServers: 'b:9092' }),
    invoker: {
      invoke: async ({ target }: { target: string }) => {
        calls.push(target);
        return { outcome: 'returned', requestId: 'r', response: undefined } as const;
      },
    },
  };
  const batch = { trigger: aTrigger, topic: 't', partition: 0, records: [] };
  const { result } = await invokeBatch(parts, batch, clock.monotonic() + leftMs);
  return { result: result.result, calls: calls.length, counts: tally.counts };
}

describe('an invocation', () => {
  it('is made while the lease is held for as long as it may take', async () => {
    expect(await invoked(0)).toMatchObject({ result: 'done', calls: 1, counts: { invocations: 1 } });
  });

  it('is not made by a process that was frozen since it wrote the lease, and is not counted', async () => {
    expect(await invoked(-1)).toMatchObject({
      result: 'throttled',
      calls: 0,
      counts: { invocations: 0, throttles: 1 },
    });
  });
});
