import { afterEach, describe, expect, it, vi } from 'vitest';
import { TriggerMetrics } from '../../lambdas/support/trigger-metrics.ts';
import { publishedMetrics } from '../support/published-metrics.ts';

function published() {
  const { metrics, lines } = publishedMetrics('millrace-dispatcher');
  return { lines, meter: new TriggerMetrics(metrics, 'acme') };
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe('metrics of triggers', () => {
  it('are one line a trigger, with counts added up, the newest lag of each partition and the greatest age', () => {
    const { lines, meter } = published();
    meter.count('orders', { invocations: 1, delivered: 5 });
    meter.count('orders', { invocations: 1, delivered: 7, errors: 1 });
    meter.lag('orders', { topic: 't', partition: 0 }, 90);
    meter.lag('orders', { topic: 't', partition: 0 }, 40);
    meter.lag('orders', { topic: 't', partition: 1 }, 2);
    meter.iteratorAge('orders', 900);
    meter.iteratorAge('orders', 100);
    meter.count('returns', { destinationSends: 1 });
    meter.publish();
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({
      service: 'millrace-dispatcher',
      tenant: 'acme',
      trigger: 'orders',
      TriggerInvocations: 2,
      RecordsDelivered: 12,
      TriggerErrors: 1,
      TriggerLag: 42,
      TriggerIteratorAge: 900,
    });
    expect(lines[1]).toMatchObject({ trigger: 'returns', DestinationSends: 1 });
  });

  it('are by service, tenant and trigger', () => {
    const { lines, meter } = published();
    meter.count('orders', { retries: 1 });
    meter.publish();
    expect(lines[0]).toMatchObject({
      _aws: { CloudWatchMetrics: [{ Namespace: 'Millrace', Dimensions: [['service', 'tenant', 'trigger']] }] },
    });
  });

  it('are published once, and none where there is nothing', () => {
    const { lines, meter } = published();
    meter.publish();
    meter.count('orders', { retries: 1 });
    meter.publish();
    meter.publish();
    expect(lines).toHaveLength(1);
  });
});
