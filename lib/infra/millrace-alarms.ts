import type { HttpStage } from 'aws-cdk-lib/aws-apigatewayv2';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { MAINTENANCE_METRICS } from '../kernel/maintenance-metrics.ts';
import { ALARM_PERIOD, type AlarmOptions, addAlarm, aggregate } from './alarm.ts';
import type { KafkaGateway } from './kafka-gateway.ts';
import { FUNCTION_TIMEOUT_SECONDS, type MillraceFunction } from './millrace-function.ts';
import type { WebIngress } from './web-ingress.ts';

export interface MillraceAlarmsProps {
  table: Table;
  functions?: readonly MillraceFunction[];
  /** A function that a schedule wakes, and whose metrics are by tenant. */
  maintenance?: { function: MillraceFunction; tenant: string };
  stage?: HttpStage;
  web?: WebIngress;
  kafka?: KafkaGateway;
  /** An SNS topic that is told when an alarm starts and ends. Without it the alarms only show in CloudWatch. */
  topicArn?: string;
}

/**
 * A long poll may rightly last 20 s and a produce request 25 s; beyond 27 s requests are about to be cut off at 30 s.
 */
const DURATION_P99_MS = FUNCTION_TIMEOUT_SECONDS * 1000 * 0.9;

/** Pages are due when they are an hour old, and a round begins every twenty minutes. */
const BACKLOG_AGE_MS = 4 * 60 * 60 * 1_000;

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
    if (props.maintenance !== undefined)
      this.addMaintenanceAlarms(props.maintenance.function, props.maintenance.tenant);
    if (props.stage !== undefined) {
      this.addAlarm('ApiServerErrors', {
        description: 'The API answered requests with 5xx.',
        metric: props.stage.metricServerError({ ...ALARM_PERIOD, statistic: 'Sum' }),
        threshold: 5,
      });
    }
    if (props.web !== undefined) this.addWebAlarms(props.web);
    for (const [id, alarm] of Object.entries(props.kafka?.metrics.alarms() ?? {})) this.addAlarm(id, alarm);
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

  /** Its metrics are there while there is something to tell; queries for them cost nothing otherwise. */
  private addMaintenanceAlarms({ function: lambda }: MillraceFunction, tenant: string): void {
    this.addAlarm('MaintenanceErrors', {
      description: 'A chore of the maintenance failed, or all were cut off: what they left waits for the next time.',
      metric: lambda.metricErrors(ALARM_PERIOD),
      threshold: 1,
    });
    const over = (how: 'SUM' | 'MAX', metricName: string) =>
      aggregate({ how, metricName, namespace: 'Millrace', condition: `tenant = '${tenant}'` });
    this.addAlarm('MergeBacklogAge', {
      description: 'Merging is hours behind, or a ledger has something that it cannot read; the log names it.',
      metric: over('MAX', MAINTENANCE_METRICS.backlogAge),
      threshold: BACKLOG_AGE_MS,
    });
    this.addAlarm('CompactionBlocked', {
      description:
        'A partition is not compacted: something in it cannot be read, or a replica is behind; the log says.',
      metric: over('MAX', MAINTENANCE_METRICS.compactionBlocked),
      threshold: 1,
    });
    this.addAlarm('CheckFindings', {
      description: 'The check found what is missing, contradicts itself or is needed by nothing; the log names it.',
      metric: over('SUM', MAINTENANCE_METRICS.checkFindings),
      threshold: 1,
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
