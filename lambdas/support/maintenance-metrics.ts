/**
 * What the maintenance counts, in CloudWatch's embedded format: one line a run. What is nothing is left out, since CloudWatch bills
 * each hour in which a metric was published: a tenant that nobody uses has none.
 */
import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { BrokerMeter, CompactionCounts, MergingCounts } from '../../lib/broker/broker-meter.ts';
import { MAINTENANCE_METRICS } from '../../lib/kernel/maintenance-metrics.ts';

export class MaintenanceMetrics implements BrokerMeter {
  private readonly metrics: Metrics;
  private readonly tenant: string;
  private merging: MergingCounts | undefined;
  private compaction: CompactionCounts | undefined;
  private findings: number | undefined;

  constructor(metrics: Metrics, tenant = process.env['MILLRACE_TENANT'] ?? 'none') {
    this.metrics = metrics;
    this.tenant = tenant;
  }

  /** Nobody produces or fetches through the maintenance. */
  produced(): void {}

  fetched(): void {}

  checked(findings: number): void {
    this.findings = (this.findings ?? 0) + findings;
  }

  merged(counts: MergingCounts): void {
    this.merging = counts;
  }

  compacted(counts: CompactionCounts): void {
    this.compaction = counts;
  }

  /** Nothing is awaited in between: the line is of this run. */
  publish(): void {
    const { metrics, merging, compaction, findings } = this;
    [this.merging, this.compaction, this.findings] = [undefined, undefined, undefined];
    const counted: [name: string, unit: (typeof MetricUnit)[keyof typeof MetricUnit], value: number][] = [];
    const { mergedBytes, backlogBytes, backlogAge, blocked, checkFindings } = MAINTENANCE_METRICS;
    if (merging !== undefined) {
      counted.push([mergedBytes, MetricUnit.Bytes, merging.bytes]);
      counted.push([backlogBytes, MetricUnit.Bytes, merging.waitingBytes]);
      counted.push([backlogAge, MetricUnit.Milliseconds, merging.waitingMs]);
      counted.push([blocked, MetricUnit.Count, merging.blocked]);
    }
    if (compaction !== undefined) {
      counted.push([MAINTENANCE_METRICS.compactedBytes, MetricUnit.Bytes, compaction.bytes]);
      counted.push([MAINTENANCE_METRICS.dirtyBytes, MetricUnit.Bytes, compaction.dirtyBytes]);
      counted.push([MAINTENANCE_METRICS.compactionBlocked, MetricUnit.Count, compaction.blocked]);
    }
    const some = counted.filter(([, , value]) => value > 0);
    // That a piece was looked at and is fine is worth a line: it is once a day.
    if (findings !== undefined) some.push([checkFindings, MetricUnit.Count, findings]);
    if (some.length === 0) return;
    metrics.addDimension('tenant', this.tenant);
    for (const [name, unit, value] of some) metrics.addMetric(name, unit, value);
    metrics.publishStoredMetrics();
  }
}
