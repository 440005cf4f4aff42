import { Duration } from 'aws-cdk-lib';
import { Dashboard, GraphWidget, MathExpression } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { TRIGGER_METRICS } from '../../coordination/triggers/metric-names.ts';
import type { MillraceTriggers } from './millrace-triggers.ts';

export interface TriggerDashboardProps {
  tenant: string;
  triggers: MillraceTriggers;
}

const PERIOD = Duration.minutes(1);

/** A line for every trigger, found by its metrics: those made through the API are there too. */
export class TriggerDashboard extends Construct {
  readonly dashboard: Dashboard;

  constructor(scope: Construct, id: string, { tenant, triggers }: TriggerDashboardProps) {
    super(scope, id);
    const graph = (title: string, ...lines: [metricName: string, statistic: 'Sum' | 'Maximum'][]) =>
      new GraphWidget({ title, width: 12, left: lines.map(([name, statistic]) => ofEach(tenant, name, statistic)) });
    const { router, dispatcher } = triggers;
    this.dashboard = new Dashboard(this, 'Dashboard', {
      widgets: [
        [
          graph('Age of records when delivered, ms', [TRIGGER_METRICS.iteratorAge, 'Maximum']),
          graph('Records behind', [TRIGGER_METRICS.lag, 'Maximum']),
        ],
        [
          graph('Invocations', [TRIGGER_METRICS.invocations, 'Sum']),
          graph('Records delivered', [TRIGGER_METRICS.delivered, 'Sum']),
        ],
        [
          graph('Errors and retries', [TRIGGER_METRICS.errors, 'Sum'], [TRIGGER_METRICS.retries, 'Sum']),
          graph('Throttles and refusals', [TRIGGER_METRICS.throttles, 'Sum'], [TRIGGER_METRICS.refusals, 'Sum']),
        ],
        [
          graph(
            'Destinations: sends and failures',
            [TRIGGER_METRICS.destinationSends, 'Sum'],
            [TRIGGER_METRICS.destinationFailures, 'Sum'],
          ),
          new GraphWidget({
            title: 'Dispatchers at once; router and dispatcher errors',
            width: 12,
            left: [
              dispatcher.function.metric('ConcurrentExecutions', { statistic: 'Maximum', period: PERIOD }),
              router.function.metricErrors({ period: PERIOD }),
              dispatcher.function.metricErrors({ period: PERIOD }),
            ],
          }),
        ],
      ],
    });
  }
}

function ofEach(tenant: string, metricName: string, statistic: string): MathExpression {
  const search = `{Millrace,service,tenant,trigger} MetricName="${metricName}" tenant="${tenant}"`;
  return new MathExpression({
    expression: `SEARCH('${search}', '${statistic}', ${PERIOD.toSeconds()})`,
    label: metricName,
    period: PERIOD,
  });
}
