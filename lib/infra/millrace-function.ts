import { Duration, Size } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Code,
  Function as LambdaFunction,
  RecursiveLoop,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { type LambdaName, lambdaCode } from './lambda-code.ts';
import { logRetention } from './log-retention.ts';
import { removalPolicy } from './removal.ts';

export interface MillraceFunctionProps {
  lambda: LambdaName;
  environment: Readonly<Record<string, string>>;
  /** What the role may do beyond writing its own logs and traces. */
  statements: readonly PolicyStatement[];
  /** Default 1024. CPU grows with it: one vCPU at 1,769 MiB (AWS Lambda Developer Guide, "Configure memory"). */
  memoryMiB?: number;
  /** Of `/tmp`. Default 512, which costs nothing. */
  diskMiB?: number;
  /** Default 30, what an HTTP API waits at most. */
  timeoutSeconds?: number;
  /** Concurrent executions set aside for this function, which are also its limit; 0 stops it. Default: none. */
  reservedConcurrency?: number;
  /**
   * For a function that goes on by invoking itself, which Lambda takes for a mistake and stops after some 16 times.
   * Default false.
   */
  invokesItself?: boolean;
  /** Default 90. */
  logRetentionDays?: number;
  /** Where the entry or its bundle is; by default where this package has it. */
  lambdasDirectory?: string;
}

export const FUNCTION_TIMEOUT_SECONDS = 30;

/**
 * One Lambda function on Node.js 24 and arm64 with X-Ray tracing, a log group and a role of its own. The role holds no
 * managed policy; it writes to its own log group only, which exists before the function, so it may not create any.
 */
export class MillraceFunction extends Construct {
  readonly function: LambdaFunction;
  readonly role: Role;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: MillraceFunctionProps) {
    super(scope, id);
    this.logGroup = new LogGroup(this, 'Logs', {
      retention: logRetention(props.logRetentionDays ?? 90),
      removalPolicy: removalPolicy('destroy'),
    });
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.role.addToPolicy(
      new PolicyStatement({
        effect: Effect.ALLOW,
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [this.logGroup.logGroupArn],
      }),
    );
    for (const statement of props.statements) this.role.addToPolicy(statement);
    const code = lambdaCode(props.lambda, props.lambdasDirectory);
    this.function = new LambdaFunction(this, 'Function', {
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(code.path, code.options),
      handler: 'index.handler',
      role: this.role,
      logGroup: this.logGroup,
      environment: { ...props.environment },
      memorySize: props.memoryMiB ?? 1024,
      ...(props.diskMiB !== undefined && { ephemeralStorageSize: Size.mebibytes(props.diskMiB) }),
      timeout: Duration.seconds(props.timeoutSeconds ?? FUNCTION_TIMEOUT_SECONDS),
      reservedConcurrentExecutions: props.reservedConcurrency,
      ...(props.invokesItself === true && { recursiveLoop: RecursiveLoop.ALLOW }),
      // CDK adds xray:PutTraceSegments and xray:PutTelemetryRecords to the role.
      tracing: Tracing.ACTIVE,
    });
    acknowledge(
      this.role,
      'AwsSolutions-IAM5[Resource::*]',
      'xray:PutTraceSegments and xray:PutTelemetryRecords support no resource-level permissions (AWS Service Authorization Reference, X-Ray).',
    );
  }
}
