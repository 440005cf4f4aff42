import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { MAINTENANCE_METRICS, type MaintenanceMetric } from '../kernel/maintenance-metrics.ts';
import type { KafkaGateway } from './kafka-gateway.ts';
import type { MillraceFunction } from './millrace-function.ts';

export interface LifecycleDashboardProps {
  tenant: string;
  maintenance: MillraceFunction;
  /** Shown below, where there is one. */
  kafka?: KafkaGateway;
}

/** What is published once a run is shown by the hour, in which there is at least one of each kind. */
const PERIOD = Duration.hours(1);

type Line = [metric: MaintenanceMetric, statistic: 'Sum' | 'Maximum'];

/** How the tenant's log is kept small: what waits, what was done, and what is in the way of it. */
export class LifecycleDashboard extends Construct {
  constructor(scope: Construct, id: string, { tenant, maintenance, kafka }: LifecycleDashboardProps) {
    super(scope, id);
    const lines = (...these: Line[]) => these.map(([metric, statistic]) => expression(tenant, metric, statistic));
    const graph = (title: string, left: Line[], right: Line[] = []) =>
      new GraphWidget({ title, width: 12, left: lines(...left), right: lines(...right) });
    const { function: lambda } = maintenance;
    new Dashboard(this, 'Dashboard', {
      widgets: [
        [
          graph('Waiting to be merged: bytes; age, ms', [['backlogBytes', 'Maximum']], [['backlogAge', 'Maximum']]),
          graph('Bytes merged and compacted', [
            ['mergedBytes', 'Sum'],
            ['compactedBytes', 'Sum'],
          ]),
        ],
        [
          graph('Waiting to be compacted: bytes; %', [['dirtyBytes', 'Maximum']], [['dirtyPercent', 'Maximum']]),
          graph('Blocked: ledgers from merging, partitions from compaction', [
            ['blocked', 'Maximum'],
            ['compactionBlocked', 'Maximum'],
          ]),
        ],
        [
          graph('Pages retired; objects deleted of them, or replaced, expired or never committed', [
            ['retiredPages', 'Sum'],
            ['clearedObjects', 'Sum'],
            ['sweptObjects', 'Sum'],
          ]),
          graph('Condemned objects that wait for readers', [['condemnedObjects', 'Maximum']]),
        ],
        [
          graph('Erasures that are not done; findings of the check', [
            ['erasuresOpen', 'Maximum'],
            ['checkFindings', 'Sum'],
          ]),
          new GraphWidget({
            title: 'Maintenance: time of a run, ms; errors',
            width: 12,
            left: [lambda.metricDuration({ statistic: 'Maximum', period: PERIOD })],
            right: [lambda.metricErrors({ period: PERIOD })],
          }),
        ],
        ...(kafka?.metrics.widgets() ?? []),
      ],
    });
  }
}

/** Found by tenant, whatever the function calls itself. */
function expression(tenant: string, metric: MaintenanceMetric, statistic: Line[1]): MathExpression {
  const name = MAINTENANCE_METRICS[metric];
  const search = `{Millrace,service,tenant} MetricName="${name}" tenant="${tenant}"`;
  return new MathExpression({
    expression: `SEARCH('${search}', '${statistic}', ${PERIOD.toSeconds()})`,
    label: name,
    period: PERIOD,
  });
}
