import { describe, expect, test } from 'vitest';
import { MERGED_NAMES } from '../../lib/infra/permissions.ts';
import { objectName } from '../../lib/log/segment/object-name.ts';
import { asArray, grantsOf, resource, resourcesOfType, statementsOf, tenantTemplate } from './support/synthesize.ts';

const logsOf = (group: string) => [`logs:CreateLogStream <${group}.Arn>`, `logs:PutLogEvents <${group}.Arn>`];
const TRACING = ['xray:PutTelemetryRecords *', 'xray:PutTraceSegments *'];
const table = (...actions: string[]) => actions.map((action) => `dynamodb:${action} <Table.Arn>`);
const ALL_ITEM_ACTIONS = ['ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'];

describe('behind an HTTP API', () => {
  const template = tenantTemplate();

  test('produce reads and writes items and puts objects, and can neither query items nor read objects', () => {
    expect(grantsOf(template, 'FunctionsProduceRole')).toEqual([
      ...table('ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'UpdateItem'),
      ...logsOf('FunctionsProduceLogs'),
      's3:PutObject <BucketObjects.Arn>/*',
      ...TRACING,
    ]);
  });

  test('fetch only reads, one item at a time', () => {
    expect(grantsOf(template, 'FunctionsFetchRole')).toEqual([
      ...table('GetItem'),
      ...logsOf('FunctionsFetchLogs'),
      's3:GetObject <BucketObjects.Arn>/*',
      's3:ListBucket <BucketObjects.Arn>',
      ...TRACING,
    ]);
  });

  test('groups works on items and reads objects', () => {
    expect(grantsOf(template, 'FunctionsGroupsRole')).toEqual([
      ...table(...ALL_ITEM_ACTIONS),
      ...logsOf('FunctionsGroupsLogs'),
      's3:GetObject <BucketObjects.Arn>/*',
      's3:ListBucket <BucketObjects.Arn>',
      ...TRACING,
    ]);
  });

  test('topics works on items and reads the first key, and has no objects', () => {
    expect(grantsOf(template, 'FunctionsTopicsRole')).toEqual([
      ...table(...ALL_ITEM_ACTIONS),
      ...logsOf('FunctionsTopicsLogs'),
      'secretsmanager:GetSecretValue <AdminKeySecret>',
      ...TRACING,
    ]);
  });

  test('each function runs under its own role', () => {
    const roles = ['Produce', 'Fetch', 'Groups', 'Topics'].map(
      (name) => resource(template, 'AWS::Lambda::Function', `Functions${name}`).Properties['Role'],
    );
    expect(new Set(roles.map((role) => JSON.stringify(role))).size).toBe(4);
  });

  test('with IAM nobody may read a secret', () => {
    expect(grantsOf(tenantTemplate({ authorizer: 'iam' }), 'FunctionsTopicsRole')).toEqual([
      ...table(...ALL_ITEM_ACTIONS),
      ...logsOf('FunctionsTopicsLogs'),
      ...TRACING,
    ]);
  });
});

test('merged segments are named as permissions for them say', () => {
  const name = objectName('merged', { birthMs: 1_700_000_000_000, random: new Uint8Array(8) });
  expect(name.startsWith(MERGED_NAMES.slice(0, -1))).toBe(true);
});

describe.each(['http-api', 'web-function'] as const)('the maintenance beside %s', (ingress) => {
  const template = tenantTemplate({ ingress });

  test('works on items, scans the table, reads its stream, reads, lists and deletes objects, and makes merged segments only', () => {
    expect(grantsOf(template, 'MaintenanceFunctionRole')).toEqual(
      [
        ...table(...ALL_ITEM_ACTIONS, 'Scan'),
        ...['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'].map(
          (action) => `dynamodb:${action} <Table.StreamArn>`,
        ),
        ...logsOf('MaintenanceFunctionLogs'),
        's3:DeleteObject <BucketObjects.Arn>/*',
        's3:GetObject <BucketObjects.Arn>/*',
        's3:ListBucket <BucketObjects.Arn>',
        's3:AbortMultipartUpload <BucketObjects.Arn>/merged/*',
        's3:PutObject <BucketObjects.Arn>/merged/*',
        ...TRACING,
      ].toSorted(),
    );
  });

  test('is woken by a role that may do nothing else, for schedules of this account only', () => {
    expect(grantsOf(template, 'MaintenanceScheduleRole')).toEqual(['lambda:InvokeFunction <MaintenanceFunction.Arn>']);
    const { Properties } = resource(template, 'AWS::IAM::Role', 'MaintenanceScheduleRole');
    expect(Properties['AssumeRolePolicyDocument']).toMatchObject({
      Statement: [
        {
          Principal: { Service: 'scheduler.amazonaws.com' },
          Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
        },
      ],
    });
  });

  test('is the only one that may delete objects', () => {
    const deleting = resourcesOfType(template, 'AWS::IAM::Policy')
      .filter(([, policy]) =>
        statementsOf(policy).some(({ Action }) => asArray(Action).some((action) => action === 's3:DeleteObject')),
      )
      .map(([id]) => id);
    expect(deleting).toEqual([expect.stringMatching(/^MaintenanceFunctionRole/)]);
  });
});

describe('as a web function', () => {
  const template = tenantTemplate({ ingress: 'web-function' });

  test('the server has what the four functions have together', () => {
    expect(grantsOf(template, 'WebRole')).toEqual(
      [
        ...table(...ALL_ITEM_ACTIONS),
        ...logsOf('WebLocalLogs'),
        ...logsOf('WebLogs'),
        's3:GetObject <BucketObjects.Arn>/*',
        's3:ListBucket <BucketObjects.Arn>',
        's3:PutObject <BucketObjects.Arn>/*',
        'secretsmanager:GetSecretValue <AdminKeySecret>',
      ].toSorted(),
    );
  });

  test('CDK’s code copy reads the staging bucket and writes only code, and never gets CDK’s wildcard grants', () => {
    expect(grantsOf(template, 'WebCodeCopyRole')).toEqual([
      ...logsOf('WebCodeCopyLogs'),
      's3:DeleteObjectVersion <CodeBucket.Arn>/web-function/*',
      's3:GetObject arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>/*',
      's3:PutObject <CodeBucket.Arn>/web-function/*',
    ]);
  });
});
