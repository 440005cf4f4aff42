import { describe, expect, test } from 'vitest';
import type { TenantOptions } from '../../../lib/infra/tenant-stack.ts';
import { flat, resource, resourcesOfType, tenantTemplate } from '../support/synthesize.ts';

const ON: TenantOptions = { triggers: true };

function alarmsOf(options: TenantOptions): Record<string, Record<string, unknown>> {
  const alarms = resourcesOfType(tenantTemplate({ ...ON, ...options }), 'AWS::CloudWatch::Alarm');
  const ofTriggers = alarms.filter(([id]) => id.startsWith('TriggerAlarms'));
  return Object.fromEntries(
    ofTriggers.map(([id, { Properties }]) => [flat({ Ref: id }).slice('<TriggerAlarms'.length, -1), Properties]),
  );
}

describe('alarms on triggers', () => {
  test('watch delivery over all triggers of the tenant, and the functions that do it', () => {
    const alarms = alarmsOf({});
    expect(Object.keys(alarms).toSorted()).toEqual([
      'DestinationFailures',
      'DispatcherErrors',
      'Errors',
      'IteratorAge',
      'RouterErrors',
      'SweeperErrors',
    ]);
    expect(alarms['IteratorAge']).toMatchObject({
      Metrics: [{ Expression: `SELECT MAX(TriggerIteratorAge) FROM "Millrace" WHERE tenant = 'acme'` }],
    });
  });

  test('have thresholds that can be chosen', () => {
    const thresholds = (options: TenantOptions) => {
      const { IteratorAge, Errors, DestinationFailures } = alarmsOf(options);
      return [IteratorAge, Errors, DestinationFailures].map((alarm) => alarm?.['Threshold']);
    };
    expect(thresholds({})).toEqual([300_000, 10, 1]);
    expect(thresholds({ iteratorAgeAlarmMs: 1000, triggerErrorsAlarm: 2, destinationFailuresAlarm: 3 })).toEqual([
      1000, 2, 3,
    ]);
  });

  test('tell the topic, and are left out with the others', () => {
    const alarmTopicArn = 'arn:aws:sns:eu-central-1:123456789012:alerts';
    for (const alarm of Object.values(alarmsOf({ alarmTopicArn }))) {
      expect(alarm).toMatchObject({ AlarmActions: [alarmTopicArn], OKActions: [alarmTopicArn] });
    }
    expect(alarmsOf({ alarms: false })).toEqual({});
  });
});

test('the dashboard has a line for every trigger of the tenant, found by its metrics', () => {
  const { Properties } = resource(tenantTemplate({ ...ON, dashboard: false }), 'AWS::CloudWatch::Dashboard');
  const body = JSON.parse(flat(Properties['DashboardBody'])) as { widgets: { properties: { title: string } }[] };
  expect(body.widgets).toHaveLength(8);
  const text = JSON.stringify(body);
  for (const name of [
    'TriggerIteratorAge',
    'TriggerLag',
    'TriggerInvocations',
    'TriggerErrors',
    'DestinationFailures',
  ]) {
    expect(text).toContain(
      `{Millrace,service,tenant,trigger} MetricName=\\\\\\"${name}\\\\\\"`.replaceAll('\\\\\\"', '\\"'),
    );
  }
});
