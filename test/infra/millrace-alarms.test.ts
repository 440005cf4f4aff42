import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { flat, resourcesOfType, tenantTemplate } from './support/synthesize.ts';

const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:alerts';

function alarmsOf(template: Template): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    resourcesOfType(template, 'AWS::CloudWatch::Alarm').map(([id, { Properties }]) => [
      flat({ Ref: id }).slice('<Alarms'.length, -1),
      Properties,
    ]),
  );
}

function query(alarm: Record<string, unknown> = {}): string {
  const [metric] = alarm['Metrics'] as { Expression: unknown }[];
  return flat(metric?.Expression);
}

const MAINTENANCE = ['CheckFindings', 'CompactionBlocked', 'MaintenanceErrors', 'MergeBacklogAge'];

describe('alarms', () => {
  const alarms = alarmsOf(tenantTemplate());

  test('watch the table, the API and each function', () => {
    expect(Object.keys(alarms).toSorted()).toEqual([
      'ApiServerErrors',
      'CheckFindings',
      'CompactionBlocked',
      'FetchDuration',
      'FetchErrors',
      'FetchThrottles',
      'GroupsDuration',
      'GroupsErrors',
      'GroupsThrottles',
      'MaintenanceErrors',
      'MergeBacklogAge',
      'ProduceDuration',
      'ProduceErrors',
      'ProduceThrottles',
      'TableReadThrottles',
      'TableSystemErrors',
      'TableWriteThrottles',
      'TopicsDuration',
      'TopicsErrors',
      'TopicsThrottles',
    ]);
  });

  test('take no data for health, since an idle tenant publishes none', () => {
    for (const alarm of Object.values(alarms)) expect(alarm['TreatMissingData']).toBe('notBreaching');
  });

  test('see a function that nears its timeout of 30 s', () => {
    expect(alarms['FetchDuration']).toMatchObject({
      MetricName: 'Duration',
      ExtendedStatistic: 'p99',
      Threshold: 27_000,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    });
  });

  test('count system errors of the table over all operations', () => {
    expect(query(alarms['TableSystemErrors'])).toBe(
      `SELECT SUM(SystemErrors) FROM "AWS/DynamoDB" WHERE TableName = '<Table>'`,
    );
  });

  test('watch how far merging is behind, and whatever the check finds, by what the tenant’s maintenance publishes', () => {
    expect(query(alarms['MergeBacklogAge'])).toBe(`SELECT MAX(MergeBacklogAge) FROM "Millrace" WHERE tenant = 'acme'`);
    expect(alarms['MergeBacklogAge']).toMatchObject({ Threshold: 4 * 3_600_000 });
    expect(query(alarms['CheckFindings'])).toBe(`SELECT SUM(CheckFindings) FROM "Millrace" WHERE tenant = 'acme'`);
    expect(alarms['CheckFindings']).toMatchObject({ Threshold: 1 });
    expect(query(alarms['CompactionBlocked'])).toBe(
      `SELECT MAX(CompactionBlocked) FROM "Millrace" WHERE tenant = 'acme'`,
    );
  });

  test('of a web function watch its 5xx answers', () => {
    const web = alarmsOf(tenantTemplate({ ingress: 'web-function' }));
    expect(Object.keys(web).toSorted()).toEqual([
      ...MAINTENANCE,
      'TableReadThrottles',
      'TableSystemErrors',
      'TableWriteThrottles',
      'WebServerErrors',
    ]);
    expect(query(web['WebServerErrors'])).toBe(
      `SELECT SUM(HTTPResponseStatusClass5XX) FROM "AWS/Lambda/Web" WHERE FunctionName = 'millrace-acme-<AWS::Region>'`,
    );
  });

  test('of a Kafka gateway watch its tasks, its log, and what it counts in it', () => {
    const KAFKA = { host: 'kafka.example.com', hostedZoneId: 'Z0123', tasksMin: 3 };
    const kafka = alarmsOf(tenantTemplate({ kafka: KAFKA, alarmTopicArn: TOPIC }));
    const own = Object.keys(kafka).filter((id) => id.startsWith('Kafka'));
    expect(own.toSorted()).toEqual([
      'KafkaCpu',
      'KafkaErrors',
      'KafkaFailures',
      'KafkaMemory',
      'KafkaRefused',
      'KafkaTasksMissing',
    ]);
    expect(kafka['KafkaCpu']).toMatchObject({ Namespace: 'AWS/ECS', MetricName: 'CPUUtilization', Threshold: 90 });
    expect(kafka['KafkaErrors']).toMatchObject({
      Namespace: 'Millrace',
      MetricName: 'KafkaGatewayErrors-acme',
      AlarmActions: [TOPIC],
    });
    expect(kafka['KafkaMemory']).toMatchObject({ Statistic: 'Maximum' });
    expect(kafka['KafkaRefused']).toMatchObject({ MetricName: 'KafkaConnectionsRefused-acme', Statistic: 'Sum' });
    expect(query(kafka['KafkaFailures'])).toBe('100 * FILL(failed, 0) / requests');
    const [missing, healthy] = (kafka['KafkaTasksMissing'] ?? {})['Metrics'] as [
      { Expression: string },
      { MetricStat: { Metric: { MetricName: string; Dimensions: { Name: string }[] }; Stat: string } },
    ];
    // Where nothing is registered there is no metric: that is none that is healthy.
    expect(missing.Expression).toBe('3 - FILL(healthy, 0)');
    expect(healthy.MetricStat).toMatchObject({ Metric: { MetricName: 'HealthyHostCount' }, Stat: 'Minimum' });
    expect(healthy.MetricStat.Metric.Dimensions.map(({ Name }) => Name)).toEqual(['LoadBalancer', 'TargetGroup']);
  });

  test('tell the topic of their start and end, if there is one', () => {
    for (const alarm of Object.values(alarms)) expect(alarm).not.toHaveProperty('AlarmActions');
    for (const alarm of Object.values(alarmsOf(tenantTemplate({ alarmTopicArn: TOPIC })))) {
      expect(alarm).toMatchObject({ AlarmActions: [TOPIC], OKActions: [TOPIC] });
    }
  });

  test('can be left out', () => {
    expect(alarmsOf(tenantTemplate({ alarms: false }))).toEqual({});
  });
});
