import { afterEach, describe, expect, it, vi } from 'vitest';
import { MaintenanceMetrics } from '../../lambdas/support/maintenance-metrics.ts';
import { publishedMetrics } from '../support/published-metrics.ts';

/** What of CloudWatch's embedded format says what the numbers are. */
interface Embedded {
  _aws: { CloudWatchMetrics: { Metrics: { Name: string; Unit: string }[] }[] };
}

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
    meter.maintained({ mergedBytes: 5_000, backlogBytes: 70, backlogAge: 3_000, blocked: 1 });
    meter.maintained({ compactedBytes: 900, dirtyBytes: 0, dirtyPercent: 40, compactionBlocked: 2 });
    meter.maintained({ retiredPages: 7, clearedObjects: 6, condemnedObjects: 5 });
    meter.maintained({ sweptObjects: 8, erasuresOpen: 9 });
    meter.maintained({ sweptObjects: 1, checkFindings: 3 });
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
      CompactionDirtyPercent: 40,
      CompactionBlocked: 2,
      RetiredPages: 7,
      ClearedObjects: 6,
      CondemnedWaiting: 5,
      SweptObjects: 9,
      ErasuresOpen: 9,
      CheckFindings: 3,
    });
    const units = (lines[0] as unknown as Embedded)._aws.CloudWatchMetrics[0]?.Metrics;
    expect(units).toContainEqual({ Name: 'CompactionDirtyPercent', Unit: 'Percent' });
    expect(units).toContainEqual({ Name: 'MergeBacklogAge', Unit: 'Milliseconds' });
    expect(units).toContainEqual({ Name: 'SweptObjects', Unit: 'Count' });
    meter.publish();
    expect(lines).toHaveLength(1);
  });

  it('leave out what is nothing, but say of a check that it found nothing', () => {
    const { lines, meter } = published();
    meter.maintained({ mergedBytes: 0, backlogBytes: 0, erasuresOpen: 0 });
    meter.publish();
    expect(lines).toEqual([]);
    meter.maintained({ checkFindings: 0 });
    meter.publish();
    expect(lines[0]).toMatchObject({ CheckFindings: 0 });
    expect(lines[0]).not.toHaveProperty('MergedBytes');
  });
});
