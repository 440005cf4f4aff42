/** A tenant's stack, and beside it the stack of a team that processes its orders. */
import { type App, Duration, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Runtime, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
// `millrace/infra` in a project that has installed the package.
import { MillraceEventSource, TenantStack } from '../../lib/infra/public.ts';

export function addStacks(app: App): { backend: TenantStack; orders: Stack } {
  const backend = new TenantStack(app, 'Shop', { tenant: 'shop' });
  const orders = new Stack(app, 'OrderProcessing', { description: 'Processes the orders of the shop' });

  const poison = new Queue(orders, 'PoisonOrders', {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
  });
  Validations.of(poison).acknowledge({
    id: 'AwsSolutions-SQS3',
    reason: 'It is where orders go that could not be processed; somebody looks at them, and nothing retries them.',
  });

  processor(orders).addEventSource(
    new MillraceEventSource(backend, {
      name: 'order-processing',
      topic: 'orders',
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: 100,
      maxBatchingWindow: Duration.seconds(1),
      reportBatchItemFailures: true,
      retryAttempts: 3,
      maxRecordAge: Duration.hours(6),
      onFailure: new SqsDlq(poison),
    }),
  );
  return { backend, orders };
}

function processor(scope: Construct): NodejsFunction {
  const logGroup = new LogGroup(scope, 'ProcessorLogs', { retention: RetentionDays.ONE_MONTH });
  const role = new Role(scope, 'ProcessorRole', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  const writeLogs = ['logs:CreateLogStream', 'logs:PutLogEvents'];
  role.addToPolicy(new PolicyStatement({ actions: writeLogs, resources: [logGroup.logGroupArn] }));
  return new NodejsFunction(scope, 'Processor', {
    entry: `${import.meta.dirname}/handler.ts`,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    timeout: Duration.seconds(30),
    role,
    logGroup,
  });
}
