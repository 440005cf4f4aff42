import { type App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import {
  Alias,
  Code,
  FilterCriteria,
  FilterRule,
  type FunctionProps,
  Function as LambdaFunction,
  Runtime,
  StartingPosition,
} from 'aws-cdk-lib/aws-lambda';
import { KafkaDlq, S3OnFailureDestination, SnsDlq, SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { describe, expect, test } from 'vitest';
import { OptionError } from '../../../lib/infra/option-error.ts';
import type { TenantStack } from '../../../lib/infra/tenant-stack.ts';
import type { MillraceEventSourceProps } from '../../../lib/infra/triggers/event-source-props.ts';
import { MillraceEventSource } from '../../../lib/infra/triggers/millrace-event-source.ts';
import { TriggerBackend } from '../../../lib/infra/triggers/trigger-host.ts';
import { findings } from '../support/findings.ts';
import {
  appWithoutBundling,
  asArray,
  flat,
  grantsOf,
  type Resource,
  resource,
  resourcesOfType,
  tenantStack,
} from '../support/synthesize.ts';

const FROM_START = { topic: 'orders', startingPosition: StartingPosition.TRIM_HORIZON } as const;

function consumer(scope: Construct, props: Partial<FunctionProps> = {}): LambdaFunction {
  return new LambdaFunction(scope, 'Consumer', {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromInline('export const handler = async () => {};'),
    timeout: Duration.seconds(30),
    ...props,
  });
}

interface Bound {
  app: App;
  backend: TenantStack;
  orders: Stack;
  source: MillraceEventSource;
}

/** A function in a stack of its own, bound to the tenant's. */
function bound(
  props: Partial<MillraceEventSourceProps> | ((orders: Stack) => Partial<MillraceEventSourceProps>) = {},
  functionProps?: Partial<FunctionProps>,
): Bound {
  const app = appWithoutBundling();
  const backend = tenantStack({}, 'acme', app);
  const orders = new Stack(app, 'Orders');
  const own = typeof props === 'function' ? props(orders) : props;
  const source = new MillraceEventSource(backend, { ...FROM_START, ...own });
  consumer(orders, functionProps).addEventSource(source);
  return { app, backend, orders, source };
}

/** The trigger as the registrar is asked for it. */
function requested(stack: Stack): Record<string, unknown> {
  const { Properties } = resource(Template.fromStack(stack), 'Custom::MillraceTrigger');
  return JSON.parse(text(Properties['Trigger'])) as Record<string, unknown>;
}

/** What the function's stack grants the dispatcher. */
function dispatcherPolicy(template: Template): [logicalId: string, policy: Resource] {
  const found = resourcesOfType(template, 'AWS::IAM::Policy').find(([id]) => id.includes('Dispatcher'));
  if (found === undefined) throw new Error('there is no policy of the dispatcher');
  return found;
}

/** As `flat`, with the names of what other stacks export. */
function text(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'Fn::ImportValue' in value)
    return `import ${String(value['Fn::ImportValue'])}`;
  if (typeof value === 'object' && value !== null && 'Fn::Join' in value) {
    return (value['Fn::Join'] as [string, unknown[]])[1].map(text).join('');
  }
  return flat(value);
}

describe('an event source', () => {
  test('asks the backend’s registrar for the trigger, with Lambda’s defaults left to it', () => {
    const { orders, source } = bound();
    const { Properties } = resource(Template.fromStack(orders), 'Custom::MillraceTrigger');
    expect(text(Properties['ServiceToken'])).toMatch(/^import Millrace-acme:ExportsOutput.*TriggersRegistrar/);
    expect(Properties).toMatchObject({ ServiceTimeout: '600' });
    expect(Properties).not.toHaveProperty('Destination');
    expect(requested(orders)).toEqual({
      name: source.triggerName,
      topics: { names: ['orders'] },
      target: '<Consumer.Arn>',
      startingPosition: { position: 'TRIM_HORIZON' },
      timeoutMs: 30_000,
    });
    expect(source.triggerName).toMatch(/^Orders-Consumer-[\w.-]+$/);
  });

  test('passes every option on', () => {
    const { orders } = bound({
      topic: undefined,
      topics: ['orders', 'returns'],
      startingPosition: StartingPosition.AT_TIMESTAMP,
      startingPositionTimestamp: 1_700_000_000,
      batchSize: 500,
      maxBatchingWindow: Duration.seconds(5),
      consumerGroupId: 'billing',
      filters: [FilterCriteria.filter({ headers: { kind: FilterRule.isEqual('invoice') } })],
      bisectBatchOnError: true,
      retryAttempts: 5,
      maxRecordAge: Duration.hours(2),
      reportBatchItemFailures: true,
      enabled: false,
      parallelizationFactor: 4,
      tenantId: 'blue',
      eventShape: 'self-managed',
      name: 'billing-of-orders',
    });
    expect(requested(orders)).toEqual({
      name: 'billing-of-orders',
      topics: { names: ['orders', 'returns'] },
      target: '<Consumer.Arn>',
      startingPosition: { position: 'AT_TIMESTAMP', timestampMs: 1_700_000_000_000 },
      batchSize: 500,
      batchingWindowMs: 5_000,
      group: 'billing',
      filters: ['{"headers":{"kind":["invoice"]}}'],
      bisectBatchOnError: true,
      retryAttempts: 5,
      maxRecordAgeMs: 7_200_000,
      reportBatchItemFailures: true,
      enabled: false,
      parallelizationFactor: 4,
      tenantId: 'blue',
      eventShape: 'self-managed',
      timeoutMs: 30_000,
    });
  });

  test('takes a pattern of topics, and a tumbling window', () => {
    const { orders } = bound({ topic: undefined, topicPattern: 'orders-.*', tumblingWindow: Duration.minutes(1) });
    expect(requested(orders)).toMatchObject({ topics: { pattern: 'orders-.*' }, tumblingWindowMs: 60_000 });
  });

  test('has a name once it is bound, and binds once', () => {
    const { backend, orders, source } = bound();
    expect(() => new MillraceEventSource(backend, FROM_START).triggerName).toThrow(OptionError);
    expect(() => source.bind(consumer(new Stack(orders, 'Inner')))).toThrow(/is bound already/);
  });

  test('of one function may be many, of several topics each', () => {
    const { backend, orders, source } = bound();
    const fn = orders.node.findChild('Consumer') as LambdaFunction;
    const returns = new MillraceEventSource(backend, { ...FROM_START, topic: 'returns' });
    fn.addEventSource(returns);
    expect(returns.triggerName).not.toBe(source.triggerName);
    Template.fromStack(orders).resourceCountIs('Custom::MillraceTrigger', 2);
  });

  test('knows the timeout of the function behind an alias, and Lambda’s own where none is said', () => {
    const app = appWithoutBundling();
    const backend = tenantStack({}, 'acme', app);
    const orders = new Stack(app, 'Orders');
    const fn = consumer(orders, { timeout: undefined });
    const live = new Alias(orders, 'Live', { aliasName: 'live', version: fn.currentVersion });
    live.addEventSource(new MillraceEventSource(backend, FROM_START));
    expect(requested(orders)).toMatchObject({ timeoutMs: 3_000, target: '<Live>' });
  });
});

describe('the dispatcher', () => {
  test('may invoke exactly the function, by a policy in the function’s stack that the trigger waits for', () => {
    const { orders } = bound();
    const template = Template.fromStack(orders);
    const [policyId, policy] = dispatcherPolicy(template);
    expect(policy.Properties['PolicyDocument']).toMatchObject({
      Statement: [{ Effect: 'Allow', Action: 'lambda:InvokeFunction' }],
    });
    expect(grantsOf(template, policyId)).toEqual(['lambda:InvokeFunction <Consumer.Arn>']);
    expect(JSON.stringify(policy.Properties['Roles'])).toMatch(/ImportValue.*Millrace-acme:.*DispatcherRole/);
    expect(resource(template, 'Custom::MillraceTrigger').DependsOn).toContain(policyId);
  });

  test.each([
    [
      'a queue',
      (scope: Stack) => new SqsDlq(new Queue(scope, 'Poison')),
      '<Poison.Arn>',
      ['sqs:GetQueueAttributes', 'sqs:GetQueueUrl', 'sqs:SendMessage'],
    ],
    ['a topic of SNS', (scope: Stack) => new SnsDlq(new Topic(scope, 'Poison')), '<Poison>', ['sns:Publish']],
    [
      'a bucket',
      (scope: Stack) => new S3OnFailureDestination(new Bucket(scope, 'Poison')),
      '<Poison.Arn>',
      ['s3:PutObject'],
    ],
  ])('may send to %s, and no more', (_kind, make, destination, actions) => {
    const { orders } = bound((scope) => ({ onFailure: make(scope) }));
    const template = Template.fromStack(orders);
    expect(text(resource(template, 'Custom::MillraceTrigger').Properties['Destination'])).toBe(destination);
    const [policyId] = dispatcherPolicy(template);
    const granted = grantsOf(template, policyId).filter((grant) => grant.includes('<Poison'));
    expect(granted.map((grant) => grant.split(' ')[0])).toEqual(actions);
  });

  test('may encrypt what it puts into a bucket with a key', () => {
    const { orders } = bound((scope) => {
      const encryptionKey = new Key(scope, 'Key');
      return {
        onFailure: new S3OnFailureDestination(
          new Bucket(scope, 'Poison', { encryption: BucketEncryption.KMS, encryptionKey }),
        ),
      };
    });
    const template = Template.fromStack(orders);
    const [policyId] = dispatcherPolicy(template);
    expect(grantsOf(template, policyId)).toEqual(
      expect.arrayContaining(['kms:Decrypt <Key.Arn>', 'kms:GenerateDataKey <Key.Arn>']),
    );
  });

  test('has no grant that cdk-nag finds, with a bucket of either stack', () => {
    const { app, backend, orders } = bound((scope) => ({
      onFailure: new S3OnFailureDestination(Bucket.fromBucketName(scope, 'Poison', 'poison')),
    }));
    const own = new S3OnFailureDestination(backend.bucket.bucket);
    const source = new MillraceEventSource(backend, { ...FROM_START, topic: 'returns', onFailure: own });
    (orders.node.findChild('Consumer') as LambdaFunction).addEventSource(source);
    // References between stacks are what they will be only then.
    app.synth();
    expect(findings(app).filter((finding) => finding.includes('Dispatcher'))).toEqual([]);
  });

  test('writes to a topic of the backend without another grant', () => {
    const { orders } = bound({ onFailure: new KafkaDlq('orders-poison') });
    const { Properties } = resource(Template.fromStack(orders), 'Custom::MillraceTrigger');
    expect(Properties['Destination']).toBe('kafka://orders-poison');
  });
});

describe('between stacks', () => {
  test('only the function’s stack refers to the other', () => {
    const { app } = bound((scope) => ({ onFailure: new SqsDlq(new Queue(scope, 'Poison')) }));
    const assembly = app.synth();
    const tenants = assembly.getStackByName('Millrace-acme');
    expect(assembly.getStackByName('Orders').dependencies.map(({ id }) => id)).toContain(tenants.id);
    expect(tenants.dependencies.map(({ id }) => id)).not.toContain('Orders');
    expect(JSON.stringify(tenants.template)).not.toContain('Fn::ImportValue');
  });

  test('a function in the backend’s own stack needs no exports', () => {
    const app = appWithoutBundling();
    const backend = tenantStack({}, 'acme', app);
    consumer(backend).addEventSource(new MillraceEventSource(backend, FROM_START));
    const template = app.synth().getStackByName('Millrace-acme').template as { Resources: object };
    expect(JSON.stringify(template)).not.toContain('Fn::ImportValue');
    expect(
      Object.values(template.Resources).filter(
        (found) => (found as { Type: string }).Type === 'Custom::MillraceTrigger',
      ),
    ).toHaveLength(1);
  });

  test('a queue may be in the backend’s stack, and in a third one', () => {
    const app = appWithoutBundling();
    const backend = tenantStack({}, 'acme', app);
    const third = new Stack(app, 'Queues');
    const orders = new Stack(app, 'Orders');
    const fn = consumer(orders);
    for (const [topic, scope] of [
      ['orders', backend],
      ['returns', third],
    ] as const) {
      const onFailure = new SqsDlq(new Queue(scope, 'Poison'));
      fn.addEventSource(new MillraceEventSource(backend, { ...FROM_START, topic, onFailure }));
    }
    expect(() => app.synth()).not.toThrow();
  });

  test('a backend of another app is bound to by the outputs of its stack', () => {
    const orders = new Stack(appWithoutBundling(), 'Orders', {
      env: { account: '123456789012', region: 'eu-central-1' },
    });
    const backend = TriggerBackend.fromArns({
      registrarArn: 'arn:aws:lambda:eu-central-1:123456789012:function:registrar',
      dispatcherArn: 'arn:aws:lambda:eu-central-1:123456789012:function:dispatcher',
      dispatcherRoleArn: 'arn:aws:iam::123456789012:role/dispatcher',
    });
    consumer(orders).addEventSource(new MillraceEventSource(backend, FROM_START));
    const template = Template.fromStack(orders);
    expect(resource(template, 'Custom::MillraceTrigger').Properties).toMatchObject({
      ServiceToken: 'arn:aws:lambda:eu-central-1:123456789012:function:registrar',
    });
    const policies = resourcesOfType(template, 'AWS::IAM::Policy').map(([, { Properties }]) =>
      asArray(Properties['Roles']),
    );
    expect(policies).toContainEqual(['dispatcher']);
  });
});

describe('between accounts', () => {
  const env = { account: '123456789012', region: 'eu-central-1' };
  const theirs = 'arn:aws:lambda:eu-central-1:999999999999:function:theirs';

  test('a function of another account is bound by its ARN, in a stack of the backend’s', () => {
    const stack = new Stack(appWithoutBundling(), 'Wiring', { env });
    const backend = TriggerBackend.fromArns({
      registrarArn: 'arn:aws:lambda:eu-central-1:123456789012:function:registrar',
      dispatcherArn: 'arn:aws:lambda:eu-central-1:123456789012:function:dispatcher',
      dispatcherRoleArn: 'arn:aws:iam::123456789012:role/dispatcher',
    });
    const fn = LambdaFunction.fromFunctionArn(stack, 'Theirs', theirs);
    fn.addEventSource(new MillraceEventSource(backend, { ...FROM_START, functionTimeout: Duration.minutes(2) }));
    expect(requested(stack)).toMatchObject({ target: theirs, timeoutMs: 120_000 });
    expect(grantsOf(Template.fromStack(stack), 'Theirs')).toEqual([`lambda:InvokeFunction ${theirs}`]);
  });

  test.each([
    [
      'account',
      { ...env, account: '999999999999' },
      /the stack Orders is in the account 999999999999, the backend in 123456789012; bind the function by its ARN/,
    ],
    [
      'region',
      { ...env, region: 'us-east-1' },
      /the function is in us-east-1, the backend in eu-central-1; both must be in one region/,
    ],
  ])('a stack of another %s is refused', (_what, elsewhere, message) => {
    const app = appWithoutBundling();
    const backend = TriggerBackend.fromArns({
      registrarArn: 'arn:aws:lambda:eu-central-1:123456789012:function:registrar',
      dispatcherArn: 'arn:aws:lambda:eu-central-1:123456789012:function:dispatcher',
      dispatcherRoleArn: 'arn:aws:iam::123456789012:role/dispatcher',
    });
    const fn = consumer(new Stack(app, 'Orders', { env: elsewhere }));
    expect(() => fn.addEventSource(new MillraceEventSource(backend, FROM_START))).toThrow(message);
  });
});

describe('refused at synthesis, naming function and property', () => {
  test('a FIFO queue or topic as destination', () => {
    const queue = (scope: Stack) => ({ onFailure: new SqsDlq(new Queue(scope, 'Poison', { fifo: true })) });
    expect(() => bound(queue)).toThrow(/onFailure: Orders\/Poison is FIFO/);
    const topic = (scope: Stack) => ({ onFailure: new SnsDlq(new Topic(scope, 'Poison', { fifo: true })) });
    expect(() => bound(topic)).toThrow(/onFailure: Orders\/Poison is FIFO/);
  });

  test('a destination of another region', () => {
    const app = appWithoutBundling();
    const backend = TriggerBackend.fromArns({
      registrarArn: 'arn:aws:lambda:eu-central-1:123456789012:function:registrar',
      dispatcherArn: 'arn:aws:lambda:eu-central-1:123456789012:function:dispatcher',
      dispatcherRoleArn: 'arn:aws:iam::123456789012:role/dispatcher',
    });
    const stack = new Stack(app, 'Orders', { env: { account: '123456789012', region: 'eu-central-1' } });
    const poison = Queue.fromQueueArn(stack, 'Poison', 'arn:aws:sqs:us-east-1:123456789012:poison');
    const source = new MillraceEventSource(backend, { ...FROM_START, onFailure: new SqsDlq(poison) });
    expect(() => consumer(stack).addEventSource(source)).toThrow(
      /onFailure: Orders\/Poison is in us-east-1, the backend in eu-central-1/,
    );
  });

  test.each<[string, Partial<MillraceEventSourceProps>, RegExp]>([
    [
      'no topic',
      { topic: undefined },
      /^The Millrace event source of Orders\/Consumer: 0 of topic, topics and topicPattern are given/,
    ],
    ['a topic and a pattern', { topicPattern: 'x.*' }, /2 of topic, topics and topicPattern are given/],
    ['a pattern that is none', { topic: undefined, topicPattern: '(' }, /topicPattern: .*"\("/],
    [
      'a batch size',
      { batchSize: 10_001 },
      /batchSize: batch_size is 10001, and must be a whole number from 1 to 10000/,
    ],
    ['a batching window', { maxBatchingWindow: Duration.minutes(6) }, /maxBatchingWindow: /],
    ['retries', { retryAttempts: -2 }, /retryAttempts: /],
    ['a record age', { maxRecordAge: Duration.seconds(59) }, /maxRecordAge: /],
    ['a factor', { parallelizationFactor: 11 }, /parallelizationFactor: /],
    [
      'a window of several lanes',
      { tumblingWindow: Duration.minutes(1), parallelizationFactor: 2 },
      /parallelizationFactor: A tumbling window/,
    ],
    ['a tenant id', { tenantId: 'a#b' }, /tenantId: /],
    [
      'a timestamp without its position',
      { startingPositionTimestamp: 1 },
      /startingPositionTimestamp goes with StartingPosition.AT_TIMESTAMP only/,
    ],
    [
      'a position without its timestamp',
      { startingPosition: StartingPosition.AT_TIMESTAMP },
      /needs startingPositionTimestamp/,
    ],
    ['a group id', { consumerGroupId: '' }, /group/],
    ['a name', { name: 'a b' }, /name: The trigger name "a b" is not allowed/],
    [
      'a filter that is no pattern',
      { filters: [FilterCriteria.filter({ value: { total: [{ larger: 3 }] } })] },
      /filters\[0\]: Filter 0, at value\.total/,
    ],
    [
      'a filter by hand',
      { filters: [{ value: ['x'] }] },
      /filters\[0\] has no pattern; make it with FilterCriteria\.filter/,
    ],
    [
      'a timeout of a function that has one',
      { functionTimeout: Duration.seconds(3) },
      /functionTimeout is for functions whose construct/,
    ],
  ])('%s', (_what, props, message) => {
    expect(() => bound(props)).toThrow(OptionError);
    expect(() => bound(props)).toThrow(message);
  });

  test('a function that may take longer than 12 minutes, which the dispatcher would not outlive', () => {
    expect(() => bound({}, { timeout: Duration.minutes(13) })).toThrow(
      /Orders\/Consumer: the function's timeout: timeout_ms is 780000, .* from 1 to 720000, since the dispatcher must outlive it/,
    );
  });
});
