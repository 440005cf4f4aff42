/**
 * What dispatchers and the sweeper count, by trigger, in CloudWatch's embedded format. Counts are added up and
 * published now and then rather than one by one: a line of metrics costs more than what it counts.
 */
import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { TRIGGER_METRICS } from '../../lib/coordination/triggers/metric-names.ts';
import type { TriggerCounts, TriggerMeter } from '../../lib/triggers/ports.ts';

interface Counted {
  counts: Partial<TriggerCounts>;
  /** Records behind, by partition. */
  lags: Map<string, number>;
  /** The greatest. */
  iteratorAgeMs?: number;
  dispatchMs?: number;
}

export class TriggerMetrics implements TriggerMeter {
  private readonly metrics: Metrics;
  private readonly tenant: string;
  private counted = new Map<string, Counted>();

  constructor(metrics: Metrics, tenant = process.env['MILLRACE_TENANT'] ?? 'none') {
    this.metrics = metrics;
    this.tenant = tenant;
  }

  count(trigger: string, more: Partial<TriggerCounts>): void {
    const { counts } = this.of(trigger);
    for (const [name, value] of Object.entries(more) as [keyof TriggerCounts, number][]) {
      counts[name] = (counts[name] ?? 0) + value;
    }
  }

  iteratorAge(trigger: string, ageMs: number): void {
    const counted = this.of(trigger);
    counted.iteratorAgeMs = Math.max(counted.iteratorAgeMs ?? 0, ageMs);
  }

  lag(trigger: string, { topic, partition }: { topic: string; partition: number }, records: number): void {
    this.of(trigger).lags.set(`${topic}-${partition}`, records);
  }

  dispatched(trigger: string, ms: number): void {
    this.of(trigger).dispatchMs = ms;
  }

  /** One line a trigger of which anything is known since the last one; nothing is awaited in between. */
  publish(): void {
    const { counted } = this;
    this.counted = new Map();
    for (const [trigger, one] of counted) this.publishOne(trigger, one);
  }

  private publishOne(trigger: string, { counts, lags, iteratorAgeMs, dispatchMs }: Counted): void {
    const { metrics } = this;
    metrics.addDimension('tenant', this.tenant);
    metrics.addDimension('trigger', trigger);
    for (const [name, value] of Object.entries(counts) as [keyof TriggerCounts, number][]) {
      metrics.addMetric(TRIGGER_METRICS[name], MetricUnit.Count, value);
    }
    if (lags.size > 0) metrics.addMetric(TRIGGER_METRICS.lag, MetricUnit.Count, sum(lags.values()));
    const { iteratorAge, dispatchDuration } = TRIGGER_METRICS;
    if (iteratorAgeMs !== undefined) metrics.addMetric(iteratorAge, MetricUnit.Milliseconds, iteratorAgeMs);
    if (dispatchMs !== undefined) metrics.addMetric(dispatchDuration, MetricUnit.Milliseconds, dispatchMs);
    metrics.publishStoredMetrics();
  }

  private of(trigger: string): Counted {
    const counted = this.counted.get(trigger) ?? { counts: {}, lags: new Map<string, number>() };
    this.counted.set(trigger, counted);
    return counted;
  }
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
