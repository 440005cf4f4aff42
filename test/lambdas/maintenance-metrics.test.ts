import { afterEach, describe, expect, it, vi } from 'vitest';
import { MaintenanceMetrics } from '../../lambdas/support/maintenance-metrics.ts';
import { publishedMetrics } from '../support/published-metrics.ts';

function published() {
  const { metrics, lines } = publishedMetrics('millrace-maintenance');
  return { lines, meter: new MaintenanceMetrics(metrics, 'acme') };
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe('metrics of the maintenance', () => {
  it('are one line a run', () => {
    const { lines, meter } = published();
    meter.merged({ bytes: 5_000, waitingBytes: 70, waitingMs: 3_000, blocked: 1 });
    meter.compacted({ bytes: 900, dirtyBytes: 0, blocked: 2 });
    meter.checked(2);
    meter.checked(1);
    meter.publish();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      service: 'millrace-maintenance',
      tenant: 'acme',
      MergedBytes: 5_000,
      MergeBacklogBytes: 70,
      MergeBacklogAge: 3_000,
      MergeBlocked: 1,
      CompactedBytes: 900,
      CompactionBlocked: 2,
      CheckFindings: 3,
    });
    meter.publish();
    expect(lines).toHaveLength(1);
  });

  it('leave out what is nothing, but say of a check that it found nothing', () => {
    const { lines, meter } = published();
    meter.merged({ bytes: 0, waitingBytes: 0, waitingMs: 0, blocked: 0 });
    meter.publish();
    expect(lines).toEqual([]);
    meter.checked(0);
    meter.publish();
    expect(lines[0]).toMatchObject({ CheckFindings: 0 });
    expect(lines[0]).not.toHaveProperty('MergedBytes');
  });
});
