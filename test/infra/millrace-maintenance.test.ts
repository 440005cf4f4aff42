import { expect, test } from 'vitest';
import { flat, grantsOf, resource, tenantTemplate } from './support/synthesize.ts';

const functionOf = (template = tenantTemplate()) =>
  resource(template, 'AWS::Lambda::Function', 'MaintenanceFunction').Properties;

test('has memory for merging and compaction, disk for what they make, a bounded time, and takes nothing from who calls', () => {
  const properties = functionOf();
  expect(properties).toMatchObject({
    Runtime: 'nodejs24.x',
    Architectures: ['arm64'],
    MemorySize: 1_024,
    EphemeralStorage: { Size: 10_240 },
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

test('is woken by the stream for erasures and deleted topics alone, each once it can be gone on with', () => {
  const { Properties } = resource(tenantTemplate(), 'AWS::Lambda::EventSourceMapping');
  const { Filters } = Properties['FilterCriteria'] as { Filters: { Pattern: string }[] };
  const change = (pk: string, attribute: string, from: string, to: string) => ({
    eventName: ['MODIFY'],
    dynamodb: {
      Keys: { pk: { S: [pk] } },
      OldImage: { [attribute]: { S: [from] } },
      NewImage: { [attribute]: { S: [to] } },
    },
  });
  expect(Filters.map(({ Pattern }) => JSON.parse(Pattern) as unknown)).toEqual([
    change('erasures', 's', 'fixing', 'erasing'),
    change('deleted-topics', 'state', 'deleting', 'freed'),
  ]);
  expect(flat(Properties['FunctionName'])).toBe('<MaintenanceFunction>');
  expect(flat(Properties['EventSourceArn'])).toBe('<Table.StreamArn>');
});

test('is handed what is left over three times at most, and for an hour at most', () => {
  const { Properties } = resource(tenantTemplate(), 'AWS::Lambda::EventSourceMapping');
  expect(Properties).toMatchObject({
    StartingPosition: 'LATEST',
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    MaximumRetryAttempts: 3,
    MaximumRecordAgeInSeconds: 3_600,
    ParallelizationFactor: 2,
  });
});

test('alone is told how long offsets are kept', () => {
  const template = tenantTemplate({ offsetsRetentionMinutes: 20 });
  const variable = { Variables: { MILLRACE_OFFSETS_RETENTION_MINUTES: '20' } };
  expect(functionOf(template)['Environment']).toMatchObject(variable);
  const groups = resource(template, 'AWS::Lambda::Function', 'FunctionsGroups').Properties;
  expect(groups['Environment']).not.toMatchObject(variable);
  expect(JSON.stringify(functionOf()['Environment'])).not.toContain('RETENTION');
});
