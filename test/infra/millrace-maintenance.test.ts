import { expect, test } from 'vitest';
import { flat, grantsOf, resource, tenantTemplate } from './support/synthesize.ts';

const functionOf = (template = tenantTemplate()) =>
  resource(template, 'AWS::Lambda::Function', 'MaintenanceFunction').Properties;

test('has memory for merging and compaction, a bounded time, and takes nothing from who calls', () => {
  const properties = functionOf();
  expect(properties).toMatchObject({
    Runtime: 'nodejs24.x',
    Architectures: ['arm64'],
    MemorySize: 1_024,
    Timeout: 900,
  });
  expect(properties).not.toHaveProperty('ReservedConcurrentExecutions');
});

test('is woken once an hour at some time within a quarter of it, and not again where it fails', () => {
  const { Properties } = resource(tenantTemplate(), 'AWS::Scheduler::Schedule', 'MaintenanceSchedule');
  expect(Properties).toMatchObject({
    ScheduleExpression: 'rate(1 hour)',
    FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 },
    Target: { RetryPolicy: { MaximumRetryAttempts: 0 } },
  });
  const { Arn, RoleArn } = Properties['Target'] as { Arn: unknown; RoleArn: unknown };
  expect([flat(Arn), flat(RoleArn)]).toEqual(['<MaintenanceFunction.Arn>', '<MaintenanceScheduleRole.Arn>']);
});

test('is woken every twenty minutes for merging alone', () => {
  const { Properties } = resource(tenantTemplate(), 'AWS::Scheduler::Schedule', 'MaintenanceMerging');
  expect(Properties).toMatchObject({
    ScheduleExpression: 'rate(20 minutes)',
    FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 5 },
    Target: { Input: '{"only":"merging"}', RetryPolicy: { MaximumRetryAttempts: 0 } },
  });
  expect(flat((Properties['Target'] as { Arn: unknown }).Arn)).toBe('<MaintenanceFunction.Arn>');
  expect(grantsOf(tenantTemplate(), 'MaintenanceMergingScheduleRole')).toEqual([
    'lambda:InvokeFunction <MaintenanceFunction.Arn>',
  ]);
});

test('alone is told how long offsets are kept', () => {
  const template = tenantTemplate({ offsetsRetentionMinutes: 20 });
  const variable = { Variables: { MILLRACE_OFFSETS_RETENTION_MINUTES: '20' } };
  expect(functionOf(template)['Environment']).toMatchObject(variable);
  const groups = resource(template, 'AWS::Lambda::Function', 'FunctionsGroups').Properties;
  expect(groups['Environment']).not.toMatchObject(variable);
  expect(JSON.stringify(functionOf()['Environment'])).not.toContain('RETENTION');
});
