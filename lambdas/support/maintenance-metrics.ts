/**
 * What the maintenance counts, in CloudWatch's embedded format: one line a run. What is nothing is left out, since
 * CloudWatch bills each hour in which a metric was published: a tenant that nobody uses has none.
 */
import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { BrokerMeter } from '../../lib/broker/broker-meter.ts';
import {
  MAINTENANCE_METRICS,
  type MaintenanceCounts,
  type MaintenanceMetric,
} from '../../lib/kernel/maintenance-metrics.ts';

/** Of those that are no counts. */
const UNITS: Partial<Record<MaintenanceMetric, (typeof MetricUnit)[keyof typeof MetricUnit]>> = {
  mergedBytes: MetricUnit.Bytes,
  backlogBytes: MetricUnit.Bytes,
  backlogAge: MetricUnit.Milliseconds,
  compactedBytes: MetricUnit.Bytes,
  dirtyBytes: MetricUnit.Bytes,
  dirtyPercent: MetricUnit.Percent,
};

export class MaintenanceMetrics implements BrokerMeter {
  private readonly metrics: Metrics;
  private readonly tenant: string;
  /** What several chores say of one is added up. */
  private counted: MaintenanceCounts = {};

  constructor(metrics: Metrics, tenant = process.env['MILLRACE_TENANT'] ?? 'none') {
    this.metrics = metrics;
    this.tenant = tenant;
  }

  /** Nobody produces or fetches through the maintenance. */
  produced(): void {}

  fetched(): void {}

  maintained(counts: MaintenanceCounts): void {
    for (const [metric, value] of Object.entries(counts) as [MaintenanceMetric, number][]) {
      this.counted[metric] = (this.counted[metric] ?? 0) + value;
    }
  }

  /** Nothing is awaited in between: the line is of this run. */
  publish(): void {
    const { metrics, counted } = this;
    this.counted = {};
    // That a piece was looked at and is fine is worth a line: it is once a day.
    const some = (Object.entries(counted) as [MaintenanceMetric, number][]).filter(
      ([metric, value]) => value > 0 || metric === 'checkFindings',
    );
    if (some.length === 0) return;
    metrics.addDimension('tenant', this.tenant);
    for (const [metric, value] of some) {
      metrics.addMetric(MAINTENANCE_METRICS[metric], UNITS[metric] ?? MetricUnit.Count, value);
    }
    metrics.publishStoredMetrics();
  }
}
