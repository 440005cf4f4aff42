import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, MathExpression, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';

export const ALARM_PERIOD = { period: Duration.minutes(5) };

export interface AlarmOptions {
  description: string;
  metric: IMetric;
  threshold: number;
  /** Periods of 5 minutes in a row. Default 1. */
  periods?: number;
  /** Is told when the alarm starts and ends. */
  topic: ITopic | undefined;
}

/** At or above the threshold; no data is no alarm. */
export function addAlarm(scope: Construct, id: string, options: AlarmOptions): void {
  const { description, metric, threshold, periods = 1, topic } = options;
  const alarm = new Alarm(scope, id, {
    alarmDescription: description,
    metric,
    threshold,
    evaluationPeriods: periods,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  if (topic === undefined) return;
  const action = new SnsAction(topic);
  alarm.addAlarmAction(action);
  alarm.addOkAction(action);
}

export interface Aggregate {
  how: 'SUM' | 'MAX';
  metricName: string;
  namespace: string;
  /** As of SQL: `TableName = 'x'`. */
  condition: string;
}

/**
 * A CloudWatch Metrics Insights query: a metric over every other dimension, such as the operation of a DynamoDB error.
 * It reads, and bills, only what was published.
 */
export function aggregate({ how, metricName, namespace, condition }: Aggregate): IMetric {
  return new MathExpression({
    expression: `SELECT ${how}(${metricName}) FROM "${namespace}" WHERE ${condition}`,
    ...ALARM_PERIOD,
  });
}
