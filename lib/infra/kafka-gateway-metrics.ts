import { Duration } from 'aws-cdk-lib';
import { GraphWidget, type IMetric, type IWidget, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import type { FargateService } from 'aws-cdk-lib/aws-ecs';
import type { NetworkLoadBalancer, NetworkTargetGroup } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { FilterPattern, type ILogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { GATEWAY_METRICS, type GatewayMetric } from '../kernel/gateway-metrics.ts';
import { ALARM_PERIOD, type AlarmOptions } from './alarm.ts';

export interface KafkaGatewayMetricsProps {
  tenant: string;
  service: FargateService;
  loadBalancer: NetworkLoadBalancer;
  targets: NetworkTargetGroup;
  logGroup: ILogGroup;
  tasksMin: number;
}

/** How often a task says in its log what has gone through it: as often as its metrics have a value. */
export const REPORT_MS = 60_000;

/** Above what tasks are added at, for so long that there are none to add. */
const EXHAUSTED_PERCENT = 90;

/** Of the requests, those that fail: storage that is busy for a moment is asked again, and fails fewer. */
const FAILED_PERCENT = 5;

const PERIOD = { period: Duration.minutes(1) };

/**
 * What can be seen of a Kafka gateway: by its service and its load balancer, whose metrics are free; by the errors in
 * its log, which are counted by a filter: requests that failed for a bug, and processes that ended by one; and by what
 * its tasks say in their log once a minute, each count of which a filter makes a metric of where it is not 0: a metric
 * is billed by the hours in which it was published. Requests by API are in the log only, for CloudWatch Logs Insights:
 * as metrics they would be some fifty more.
 */
export class KafkaGatewayMetrics extends Construct {
  private readonly props: KafkaGatewayMetricsProps;
  private readonly errors: MetricFilter;
  private readonly counted: Readonly<Record<GatewayMetric, MetricFilter>>;

  constructor(scope: Construct, id: string, props: KafkaGatewayMetricsProps) {
    super(scope, id);
    this.props = props;
    this.errors = new MetricFilter(this, 'Errors', {
      logGroup: props.logGroup,
      metricNamespace: 'Millrace',
      metricName: `KafkaGatewayErrors-${props.tenant}`,
      filterPattern: FilterPattern.stringValue('$.level', '=', 'error'),
    });
    const filters = Object.entries(GATEWAY_METRICS).map(([count, name]) => [count, this.addFilter(count, name)]);
    this.counted = Object.fromEntries(filters) as Record<GatewayMetric, MetricFilter>;
  }

  /** By the ids that they have among the alarms of the tenant. */
  alarms(): Record<string, Omit<AlarmOptions, 'topic'>> {
    const { service, tasksMin } = this.props;
    return {
      KafkaTasksMissing: {
        description: `Fewer than ${tasksMin} tasks of the Kafka gateway can be connected to: they do not start, or end.`,
        metric: new MathExpression({
          expression: `${tasksMin} - FILL(healthy, 0)`,
          usingMetrics: { healthy: this.healthy('Minimum', ALARM_PERIOD) },
          ...ALARM_PERIOD,
        }),
        threshold: 1,
        periods: 2,
      },
      KafkaCpu: {
        description: 'The tasks of the Kafka gateway have no processor time left: clients wait.',
        metric: service.metricCpuUtilization(ALARM_PERIOD),
        threshold: EXHAUSTED_PERCENT,
        periods: 3,
      },
      KafkaMemory: {
        description: 'A task of the Kafka gateway has little memory left: it may be ended for want of it.',
        // Of the one that has least left: the others do not help its clients.
        metric: service.metricMemoryUtilization({ ...ALARM_PERIOD, statistic: 'Maximum' }),
        threshold: EXHAUSTED_PERCENT,
        periods: 3,
      },
      KafkaErrors: {
        description: 'Requests to the Kafka gateway failed for a bug, or a task ended by one; its log says which.',
        metric: this.errors.metric({ ...ALARM_PERIOD, statistic: 'Sum' }),
        threshold: 5,
      },
      KafkaFailures: {
        description: `${FAILED_PERCENT} of 100 requests to the Kafka gateway were told that something failed here: storage does not answer, or is too busy.`,
        metric: new MathExpression({
          expression: '100 * FILL(failed, 0) / requests',
          usingMetrics: { failed: this.sum('failed', ALARM_PERIOD), requests: this.sum('requests', ALARM_PERIOD) },
          ...ALARM_PERIOD,
        }),
        threshold: FAILED_PERCENT,
        periods: 2,
      },
      KafkaRefused: {
        description: 'A task of the Kafka gateway has as many connections as it takes, and has closed others at once.',
        metric: this.sum('refused', ALARM_PERIOD),
        threshold: 1,
      },
    };
  }

  /** For the tenant's dashboard. */
  widgets(): IWidget[][] {
    const { service, loadBalancer } = this.props;
    const graph = (title: string, left: IMetric[], right: IMetric[] = []) =>
      new GraphWidget({ title, width: 12, left, right });
    const { metrics } = loadBalancer;
    return [
      [
        graph('Kafka gateway: connections; bytes', [metrics.activeFlowCount(PERIOD)], [metrics.processedBytes(PERIOD)]),
        graph(
          'Kafka gateway: tasks; processor and memory, %',
          [this.healthy('Minimum', PERIOD), this.props.targets.metrics.unHealthyHostCount(PERIOD)],
          [service.metricCpuUtilization(PERIOD), service.metricMemoryUtilization(PERIOD)],
        ),
      ],
      [
        graph(
          'Kafka gateway: new connections; those that did not agree on TLS, or were reset',
          [metrics.newFlowCount(PERIOD)],
          [
            metrics.custom('ClientTLSNegotiationErrorCount', { ...PERIOD, statistic: 'Sum' }),
            metrics.tcpTargetResetCount(PERIOD),
          ],
        ),
        graph('Kafka gateway: errors in the log', [this.errors.metric({ ...PERIOD, statistic: 'Sum' })]),
      ],
      [
        graph(
          'Kafka gateway: requests; those that failed here, and connections that were too many',
          [this.sum('requests', PERIOD)],
          [this.sum('failed', PERIOD), this.sum('refused', PERIOD)],
        ),
        graph(
          'Kafka gateway: bytes of requests and answers; time for which clients were throttled, ms',
          [this.sum('bytesIn', PERIOD), this.sum('bytesOut', PERIOD)],
          [this.sum('mutedMs', PERIOD)],
        ),
      ],
      [
        graph(
          'Kafka gateway, the task that has most: memory, bytes; connections',
          [this.most('memoryBytes')],
          [this.most('connections')],
        ),
      ],
    ];
  }

  private addFilter(count: string, name: string): MetricFilter {
    const field = `$.kafka.${count}`;
    return new MetricFilter(this, name, {
      logGroup: this.props.logGroup,
      metricNamespace: 'Millrace',
      metricName: `${name}-${this.props.tenant}`,
      metricValue: field,
      filterPattern: FilterPattern.numberValue(field, '>', 0),
    });
  }

  /** Over all tasks. */
  private sum(count: GatewayMetric, period: { period: Duration }): IMetric {
    return this.counted[count].metric({ ...period, statistic: 'Sum' });
  }

  /** Of one task: what it has at a moment is told once a minute, or twice, and cannot be added up. */
  private most(count: GatewayMetric): IMetric {
    return this.counted[count].metric({ ...PERIOD, statistic: 'Maximum' });
  }

  private healthy(statistic: string, period: { period: Duration }): IMetric {
    return this.props.targets.metrics.healthyHostCount({ ...period, statistic });
  }
}
