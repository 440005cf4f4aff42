import type { HttpStage } from 'aws-cdk-lib/aws-apigatewayv2';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { ALARM_PERIOD, type AlarmOptions, addAlarm, aggregate } from './alarm.ts';
import { FUNCTION_TIMEOUT_SECONDS, type MillraceFunction } from './millrace-function.ts';
import type { WebIngress } from './web-ingress.ts';

export interface MillraceAlarmsProps {
  table: Table;
  functions?: readonly MillraceFunction[];
  /** A function that a schedule wakes. */
  maintenance?: MillraceFunction;
  stage?: HttpStage;
  web?: WebIngress;
  /** An SNS topic that is told when an alarm starts and ends. Without it the alarms only show in CloudWatch. */
  topicArn?: string;
}

/** A long poll may rightly last 20 s and a produce request 25 s; beyond 27 s requests are about to be cut off at 30 s. */
const DURATION_P99_MS = FUNCTION_TIMEOUT_SECONDS * 1000 * 0.9;

/**
 * Alarms on what an operator must act on. No data is no alarm: an idle tenant is a healthy one.
 *
 * CloudWatch bills each alarm by the metrics it reads, idle or not; see `docs/deploy.md`.
 */
export class MillraceAlarms extends Construct {
  private readonly topic: ITopic | undefined;

  constructor(scope: Construct, id: string, props: MillraceAlarmsProps) {
    super(scope, id);
    this.topic = props.topicArn === undefined ? undefined : Topic.fromTopicArn(this, 'Topic', props.topicArn);
    this.addTableAlarms(props.table);
    for (const fn of props.functions ?? []) this.addFunctionAlarms(fn);
    if (props.maintenance !== undefined) {
      this.addAlarm('MaintenanceErrors', {
        description: 'The maintenance failed or was cut off: orphan objects and expired offsets wait for the next one.',
        metric: props.maintenance.function.metricErrors(ALARM_PERIOD),
        threshold: 1,
      });
    }
    if (props.stage !== undefined) {
      this.addAlarm('ApiServerErrors', {
        description: 'The API answered requests with 5xx.',
        metric: props.stage.metricServerError({ ...ALARM_PERIOD, statistic: 'Sum' }),
        threshold: 5,
      });
    }
    if (props.web !== undefined) this.addWebAlarms(props.web);
  }

  private addTableAlarms(table: Table): void {
    for (const [id, metricName] of [
      ['TableReadThrottles', 'ReadThrottleEvents'],
      ['TableWriteThrottles', 'WriteThrottleEvents'],
    ] as const) {
      this.addAlarm(id, {
        description: 'DynamoDB throttled requests: a ledger or the table is beyond its rate, and callers see 503.',
        metric: table.metric(metricName, { ...ALARM_PERIOD, statistic: 'Sum' }),
        threshold: 100,
      });
    }
    this.addAlarm('TableSystemErrors', {
      description: 'DynamoDB failed requests on its side.',
      metric: aggregate({
        how: 'SUM',
        metricName: 'SystemErrors',
        namespace: 'AWS/DynamoDB',
        condition: `TableName = '${table.tableName}'`,
      }),
      threshold: 5,
    });
  }

  private addFunctionAlarms({ node, function: lambda }: MillraceFunction): void {
    this.addAlarm(`${node.id}Errors`, {
      description: `${node.id} crashed or timed out; what a client sent wrong does not count.`,
      metric: lambda.metricErrors(ALARM_PERIOD),
      threshold: 1,
    });
    this.addAlarm(`${node.id}Throttles`, {
      description: `${node.id} ran at its reserved concurrency and refused requests.`,
      metric: lambda.metricThrottles(ALARM_PERIOD),
      threshold: 1,
    });
    this.addAlarm(`${node.id}Duration`, {
      description: `One request in a hundred to ${node.id} is close to its timeout.`,
      metric: lambda.metricDuration({ ...ALARM_PERIOD, statistic: 'p99' }),
      threshold: DURATION_P99_MS,
      periods: 3,
    });
  }

  private addWebAlarms(web: WebIngress): void {
    this.addAlarm('WebServerErrors', {
      description: 'The web function answered requests with 5xx.',
      metric: aggregate({
        how: 'SUM',
        metricName: 'HTTPResponseStatusClass5XX',
        namespace: 'AWS/Lambda/Web',
        condition: `FunctionName = '${web.function.webFunctionName}'`,
      }),
      threshold: 5,
    });
  }

  private addAlarm(id: string, options: Omit<AlarmOptions, 'topic'>): void {
    addAlarm(this, id, { ...options, topic: this.topic });
  }
}
