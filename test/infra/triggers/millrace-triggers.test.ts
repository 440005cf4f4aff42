import { describe, expect, test } from 'vitest';
import type { TenantOptions } from '../../../lib/infra/tenant-stack.ts';
import {
  flat,
  grantsOf,
  resource,
  resourcesOf,
  resourcesOfType,
  tenantStack,
  tenantTemplate,
} from '../support/synthesize.ts';

const ON: TenantOptions = { triggers: true };
const template = tenantTemplate(ON);

const logsOf = (group: string) => [`logs:CreateLogStream <${group}.Arn>`, `logs:PutLogEvents <${group}.Arn>`];
const TRACING = ['xray:PutTelemetryRecords *', 'xray:PutTraceSegments *'];
const table = (...actions: string[]) => actions.map((action) => `dynamodb:${action} <Table.Arn>`);
const ALL_ITEM_ACTIONS = ['ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'];
const INVOKE_DISPATCHER = 'lambda:InvokeFunction <TriggersDispatcherFunction.Arn>';

function environmentOf(name: string, options = ON): Record<string, string> {
  const { Properties } = resource(tenantTemplate(options), 'AWS::Lambda::Function', name);
  const { Variables } = Properties['Environment'] as { Variables: Record<string, unknown> };
  return Object.fromEntries(Object.entries(Variables).map(([key, value]) => [key, flat(value)]));
}

describe('a stack without triggers', () => {
  test('has nothing of them, and no route to them', () => {
    const without = tenantTemplate();
    expect(resourcesOf(without).filter(([id]) => id.startsWith('Triggers'))).toEqual([]);
    expect(resourcesOfType(without, 'AWS::Lambda::EventSourceMapping').map(([id]) => id)).toEqual([
      expect.stringMatching(/^Maintenance/),
    ]);
    expect(JSON.stringify(without)).not.toContain('/v1/triggers');
  });
});

describe('the table’s stream', () => {
  const { Properties } = resource(template, 'AWS::Lambda::EventSourceMapping', 'Triggers');

  test('invokes the router only for changed heads that carry `wake`', () => {
    const { Filters } = Properties['FilterCriteria'] as { Filters: { Pattern: string }[] };
    expect(Filters.map(({ Pattern }) => JSON.parse(Pattern) as unknown)).toEqual([
      {
        eventName: ['MODIFY'],
        dynamodb: { Keys: { sk: { S: ['head'] } }, NewImage: { wake: { N: [{ exists: true }] } } },
      },
    ]);
    expect(flat(Properties['FunctionName'])).toBe('<TriggersRouterFunction>');
    expect(flat(Properties['EventSourceArn'])).toBe('<Table.StreamArn>');
  });

  test('holds nothing back and nothing up', () => {
    expect(Properties).toMatchObject({
      StartingPosition: 'LATEST',
      MaximumBatchingWindowInSeconds: 0,
      ParallelizationFactor: 10,
      BisectBatchOnFunctionError: true,
      MaximumRecordAgeInSeconds: 60,
      MaximumRetryAttempts: 3,
    });
  });
});

describe('roles', () => {
  test('the router reads the stream and triggers, and may invoke the dispatcher alone', () => {
    expect(grantsOf(template, 'TriggersRouterRole')).toEqual([
      'dynamodb:DescribeStream <Table.StreamArn>',
      'dynamodb:GetItem <Table.Arn>',
      'dynamodb:GetRecords <Table.StreamArn>',
      'dynamodb:GetShardIterator <Table.StreamArn>',
      'dynamodb:ListStreams <Table.StreamArn>',
      'dynamodb:Query <Table.Arn>',
      INVOKE_DISPATCHER,
      ...logsOf('TriggersRouterLogs'),
      ...TRACING,
    ]);
  });

  test('the dispatcher works on items, reads and writes objects, and invokes itself and nothing else', () => {
    expect(grantsOf(template, 'TriggersDispatcherRole')).toEqual([
      ...table(...ALL_ITEM_ACTIONS),
      ...logsOf('TriggersDispatcherLogs'),
      's3:GetObject <BucketObjects.Arn>/*',
      's3:ListBucket <BucketObjects.Arn>',
      's3:PutObject <BucketObjects.Arn>/*',
      ...TRACING,
    ]);
    expect(grantsOf(template, 'TriggersHandOn')).toEqual([INVOKE_DISPATCHER]);
  });

  test('the sweeper works on items, reads objects, and invokes the dispatcher', () => {
    expect(grantsOf(template, 'TriggersSweeperRole')).toEqual([
      ...table(...ALL_ITEM_ACTIONS),
      INVOKE_DISPATCHER,
      ...logsOf('TriggersSweeperLogs'),
      's3:GetObject <BucketObjects.Arn>/*',
      's3:ListBucket <BucketObjects.Arn>',
      ...TRACING,
    ]);
  });

  test.each(['Api', 'Registrar'])('the function that makes triggers (%s) works on items and reads objects', (name) => {
    expect(grantsOf(template, `Triggers${name}Role`)).toEqual([
      ...table(...ALL_ITEM_ACTIONS),
      ...logsOf(`Triggers${name}Logs`),
      's3:GetObject <BucketObjects.Arn>/*',
      's3:ListBucket <BucketObjects.Arn>',
      ...TRACING,
    ]);
  });

  test('the schedule may invoke the sweeper alone, for this account', () => {
    expect(grantsOf(template, 'TriggersScheduleRole')).toEqual(['lambda:InvokeFunction <TriggersSweeperFunction.Arn>']);
    expect(JSON.stringify(resource(template, 'AWS::IAM::Role', 'TriggersScheduleRole').Properties)).toContain(
      '"aws:SourceAccount":{"Ref":"AWS::AccountId"}',
    );
  });
});

describe('the dispatcher', () => {
  const { Properties } = resource(template, 'AWS::Lambda::Function', 'TriggersDispatcher');

  test('has all the time there is', () => {
    expect(Properties).toMatchObject({ Timeout: 900, MemorySize: 1024, ReservedConcurrentExecutions: 25 });
  });

  test('may hand on to itself for as long as there is something to deliver', () => {
    expect(Properties).toMatchObject({ RecursiveLoop: 'Allow' });
    const router = resource(template, 'AWS::Lambda::Function', 'TriggersRouter');
    expect(router.Properties).not.toHaveProperty('RecursiveLoop');
  });

  test('is not asked again for what the sweeper asks again', () => {
    expect(resource(template, 'AWS::Lambda::EventInvokeConfig').Properties).toMatchObject({
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
    });
  });

  test.each<[TenantOptions, number | undefined]>([
    [{ dispatcherConcurrency: 3 }, 3],
    [{ dispatcherConcurrency: 'unreserved' }, undefined],
    [{ reservedConcurrency: 'unreserved' }, undefined],
    [{ reservedConcurrency: 7 }, 7],
  ])('with %o has %j executions set aside', (options, expected) => {
    const fn = resource(tenantTemplate({ ...ON, ...options }), 'AWS::Lambda::Function', 'TriggersDispatcher');
    expect(fn.Properties['ReservedConcurrentExecutions']).toBe(expected);
  });

  test('knows where its events are to say that they come from', () => {
    expect(environmentOf('TriggersDispatcher')).toMatchObject({
      MILLRACE_EVENT_SOURCE_ARN:
        'arn:<AWS::Partition>:kafka:<AWS::Region>:<AWS::AccountId>:cluster/millrace-acme/00000000-0000-0000-0000-000000000000-0',
      MILLRACE_BOOTSTRAP_SERVERS: '<part 2 of <Api.ApiEndpoint>>:443',
    });
  });

  test('is known by name to the router and the sweeper, which a dispatcher needs no telling of itself', () => {
    for (const name of ['TriggersRouter', 'TriggersSweeper']) {
      expect(environmentOf(name)).toMatchObject({ MILLRACE_DISPATCHER: '<TriggersDispatcherFunction>' });
    }
    expect(environmentOf('TriggersDispatcher')).not.toHaveProperty('MILLRACE_DISPATCHER');
  });
});

describe('allowed targets', () => {
  const allowedTargets = [
    'arn:aws:lambda:eu-central-1:123456789012:function:orders-*',
    'arn:aws:sqs:eu-central-1:123456789012:poison',
    'arn:aws:sns:eu-central-1:123456789012:poison',
    'arn:aws:s3:::poison',
  ];
  const grants = (targets: string[]) => grantsOf(tenantTemplate({ allowedTargets: targets }), 'TriggersDispatcherRole');

  test('turn triggers on, and become the dispatcher’s grants by kind', () => {
    expect(grants(allowedTargets)).toEqual(
      expect.arrayContaining([
        'lambda:InvokeFunction arn:aws:lambda:eu-central-1:123456789012:function:orders-*',
        'sqs:SendMessage arn:aws:sqs:eu-central-1:123456789012:poison',
        'sns:Publish arn:aws:sns:eu-central-1:123456789012:poison',
        's3:PutObject arn:aws:s3:::poison/*',
      ]),
    );
  });

  test('are told to whoever serves /v1/triggers', () => {
    expect(JSON.parse(environmentOf('TriggersApi', { allowedTargets })['MILLRACE_ALLOWED_TARGETS'] ?? '')).toEqual(
      allowedTargets,
    );
    expect(environmentOf('FunctionsTopics', { allowedTargets })).not.toHaveProperty('MILLRACE_ALLOWED_TARGETS');
    const web = JSON.stringify(tenantTemplate({ ingress: 'web-function', allowedTargets }));
    expect(web).toContain('MILLRACE_ALLOWED_TARGETS');
  });

  test('may be what carries the tenant’s tag', () => {
    const policy = resource(
      tenantTemplate({ allowedTargets: ['tagged'] }),
      'AWS::IAM::Policy',
      'TriggersDispatcherRole',
    );
    expect(policy.Properties['PolicyDocument']).toMatchObject({
      Statement: expect.arrayContaining([
        {
          Effect: 'Allow',
          Action: 'lambda:InvokeFunction',
          Resource: '*',
          Condition: { StringEquals: { 'aws:ResourceTag/millrace:tenant': 'acme' } },
        },
      ]) as unknown[],
    });
  });

  test('with the tag let the API look for it, and nothing else', () => {
    const api = grantsOf(tenantTemplate({ allowedTargets: ['tagged'] }), 'TriggersApiRole');
    expect(api.filter((grant) => grant.startsWith('lambda:'))).toEqual(['lambda:ListTags *']);
  });

  test.each([
    '*',
    'arn:aws:lambda:eu-central-1:123456789012:function:order?',
    'orders',
    'arn:aws:dynamodb:eu-central-1:123456789012:table/x',
    'arn:aws:lambda:eu-central-1',
  ])('refuse %s with what is one', (target) => {
    expect(() => tenantStack({ allowedTargets: [target] })).toThrow(
      /allowedTargets has ".*"; a target is "tagged" or the ARN/,
    );
  });
});

describe('the sweeper', () => {
  test.each([
    [undefined, 'rate(1 minute)'],
    [5, 'rate(5 minutes)'],
  ])('with %j minutes is woken at %s', (triggerSweepMinutes, expression) => {
    const { Properties } = resource(
      tenantTemplate({ ...ON, triggerSweepMinutes }),
      'AWS::Scheduler::Schedule',
      'Triggers',
    );
    expect(Properties).toMatchObject({ ScheduleExpression: expression, FlexibleTimeWindow: { Mode: 'OFF' } });
    expect(flat((Properties['Target'] as { Arn: unknown }).Arn)).toBe('<TriggersSweeperFunction.Arn>');
  });

  test.each([0, 61, 1.5])('with %j minutes is refused', (triggerSweepMinutes) => {
    expect(() => tenantStack({ ...ON, triggerSweepMinutes })).toThrow(
      /triggerSweepMinutes is .*; it is a whole number from 1 to 60/,
    );
  });
});

describe('/v1/triggers', () => {
  test('has a function of its own behind an HTTP API', () => {
    const keys = resourcesOfType(template, 'AWS::ApiGatewayV2::Route').map(
      ([, { Properties }]) => Properties['RouteKey'],
    );
    expect(keys).toEqual(
      expect.arrayContaining(['ANY /v1/triggers', 'ANY /v1/triggers/{trigger}', 'ANY /v1/triggers/{trigger}/{action}']),
    );
  });

  test('is the web function’s where there is one', () => {
    const web = tenantTemplate({ ...ON, ingress: 'web-function' });
    expect(resourcesOfType(web, 'AWS::Lambda::Function').filter(([id]) => id.startsWith('TriggersApi'))).toEqual([]);
    expect(resourcesOfType(web, 'AWS::Lambda::Function').filter(([id]) => id.startsWith('Triggers'))).toHaveLength(4);
  });

  test('needs a signature with IAM', () => {
    const routes = resourcesOfType(tenantTemplate({ ...ON, authorizer: 'iam' }), 'AWS::ApiGatewayV2::Route');
    const triggers = routes.filter(([, { Properties }]) => String(Properties['RouteKey']).includes('/v1/triggers'));
    expect(triggers.map(([, { Properties }]) => Properties['AuthorizationType'])).toEqual([
      'AWS_IAM',
      'AWS_IAM',
      'AWS_IAM',
    ]);
  });
});

test('the outputs are what another app binds its functions by', () => {
  const outputs = template.findOutputs('*') as Record<string, { Value: unknown }>;
  expect(flat(outputs['TriggerRegistrarArn']?.Value)).toBe('<TriggersRegistrarFunction.Arn>');
  expect(flat(outputs['DispatcherArn']?.Value)).toBe('<TriggersDispatcherFunction.Arn>');
  expect(flat(outputs['DispatcherRoleArn']?.Value)).toBe('<TriggersDispatcherRole.Arn>');
});
