import { Aws, Duration } from 'aws-cdk-lib';
import { Effect, type IRole, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { WebFunction, WebFunctionAuthType, WebFunctionCode, WebFunctionRuntime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcard } from './acknowledge.ts';
import { BUNDLE_FILE } from './bundling.ts';
import { lambdaCode } from './lambda-code.ts';
import { logRetention } from './log-retention.ts';
import {
  acknowledgeObjectNames,
  type BackendProps,
  backendEnvironment,
  backendStatements,
} from './millrace-functions.ts';
import { OptionError } from './option-error.ts';
import { removalPolicy } from './removal.ts';
import { acknowledgeTargets } from './triggers/allowed-targets.ts';

/** Live tails may last; the app closes each request by its own, shorter limits. The service allows 3 to 900. */
const REQUEST_TIMEOUT_SECONDS = 900;

export interface WebIngressProps extends BackendProps {
  /** A versioned bucket that the service reads the code from, at every start of an environment. */
  codeBucket: Bucket;
  /** Environments that run at most; at least 2. A cap, not a reservation. Default 20. */
  maxEnvironments?: number;
  /**
   * Requests a second that the endpoint lets through: 0, or 100 to 1,000 by 100, or 2,000 to 10,000 by 1,000. Default
   * 500.
   */
  throttlingRate?: number;
  /** Requests that one environment works on at once, 1 to 128. Default 128: most of them wait for storage. */
  requestsPerEnvironment?: number;
}

/**
 * The tenant's API as an AWS Lambda Web Function: one HTTP server (`lambdas/web.ts`) that listens on
 * `AWS_LAMBDA_HTTP_ENDPOINT` and answers many requests at once, streams, and scales to zero.
 *
 * What it is made of (AWS::Lambda::WebFunction, …Revision, …Endpoint): a name, an immutable revision of code and
 * configuration, and an endpoint that sends traffic to it. What the service offers differs from event functions:
 * - always arm64 with 2 vCPU and 2 GB; no reserved concurrency (`maxEnvironments` caps instead) and no tracing;
 * - code comes from a versioned bucket that the service itself may read, so CDK copies the asset there with a custom
 *   resource;
 * - no access logs of the endpoint; the app logs its requests;
 * - logs go to the named group and to a companion of its name with `.local`. Both are made here, so that both have a
 *   retention and the role needs no `logs:CreateLogGroup`.
 */
export class WebIngress extends Construct {
  readonly function: WebFunction;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: WebIngressProps) {
    super(scope, id);
    const retention = logRetention(props.logRetentionDays ?? 90);
    // Unique in the account over all regions, which the service asks for.
    const functionName = `millrace-${props.tenant}-${Aws.REGION}`;
    const logGroupName = `/aws/lambda/web/${functionName}`;
    const logOptions = { retention, removalPolicy: removalPolicy('destroy') };
    const logGroup = new LogGroup(this, 'Logs', { logGroupName, ...logOptions });
    const localLogGroup = new LogGroup(this, 'LocalLogs', { logGroupName: `${logGroupName}.local`, ...logOptions });
    this.role = functionRole(this, 'Role', [logGroup, localLogGroup]);
    for (const statement of backendStatements('web', props)) this.role.addToPolicy(statement);
    acknowledgeObjectNames(this.role, 'web', props.bucket);
    acknowledgeTargets(this.role, props.allowedTargets ?? []);
    props.replicas?.acknowledgeObjectNames(this.role, 'web');

    const copyLogs = new LogGroup(this, 'CodeCopyLogs', logOptions);
    const copyRole = functionRole(this, 'CodeCopyRole', [copyLogs]);
    const code = lambdaCode('web', props.lambdasDirectory);
    this.function = new WebFunction(this, 'Function', {
      webFunctionName: functionName,
      code: WebFunctionCode.fromAssetToProvidedBucket(props.codeBucket, code.path, {
        ...code.options,
        copyOptions: { logGroup: copyLogs, role: withoutGrants(copyRole) },
      }),
      runtime: WebFunctionRuntime.NODEJS_24_X,
      entryPoint: BUNDLE_FILE,
      role: this.role,
      logGroup,
      // No tracing: an environment has neither the X-Ray daemon nor a trace header.
      environment: { ...backendEnvironment('web', props), POWERTOOLS_TRACE_ENABLED: 'false' },
      timeout: Duration.seconds(REQUEST_TIMEOUT_SECONDS),
      maxConcurrencyPerEnvironment: props.requestsPerEnvironment ?? 128,
      defaultEndpointAuth:
        props.authorizer === 'iam' ? WebFunctionAuthType.IAM_AUTH : WebFunctionAuthType.APPLICATION_MANAGED,
      defaultEndpoint: {
        maxEnvironments: props.maxEnvironments ?? 20,
        rateLimit: webRateLimit(props.throttlingRate ?? 500),
      },
    });
    // The roles' policies come first: the copy runs during deployment, and the first environment starts with its
    // rights.
    this.function.node.addDependency(this.role, copyRole);
    this.allowCodeCopy(copyRole, props.codeBucket);
    if (props.authorizer === 'api-keys') {
      acknowledge(
        this.function,
        '@aws-cdk/aws-lambda:webFunctionPublicEndpoint',
        'The app checks its own API keys on every route but the health check.',
      );
    }
  }

  /** Without a trailing slash. */
  get url(): string {
    return `https://${this.function.endpoint.domainName}`;
  }

  /**
   * What CDK's copy function calls: CopyObject, and DeleteObject of the version it wrote. Whole prefixes instead of the
   * one object, so that the policy stays as it is from deployment to deployment: a changed one takes seconds to reach
   * S3, and the copy that follows it would be refused.
   */
  private allowCodeCopy(copyRole: Role, codeBucket: Bucket): void {
    const asset = this.function.node.findAll().find((construct) => construct instanceof Asset);
    if (asset === undefined) throw new Error('CDK made no asset of the web function.');
    const staged = asset.bucket.arnForObjects('*');
    const copies = codeBucket.arnForObjects('web-function/*');
    copyRole.addToPolicy(allow(['s3:GetObject'], [staged]));
    copyRole.addToPolicy(allow(['s3:PutObject', 's3:DeleteObjectVersion'], [copies]));
    acknowledgeWildcard(
      copyRole,
      staged,
      "CDK's staging bucket names objects by content; a new one comes with every change.",
    );
    acknowledgeWildcard(
      copyRole,
      copies,
      'The copy is named by a hash of code and configuration, known only at deployment.',
    );
  }
}

function allow(actions: string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ effect: Effect.ALLOW, actions, resources });
}

/** A role for Lambda that may write to these log groups. */
function functionRole(scope: Construct, id: string, logGroups: readonly LogGroup[]): Role {
  const role = new Role(scope, id, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
  role.addToPolicy(
    allow(
      ['logs:CreateLogStream', 'logs:PutLogEvents'],
      logGroups.map((logGroup) => logGroup.logGroupArn),
    ),
  );
  return role;
}

/** The role as CDK's copy step gets it: its own grants, which have wildcard actions, have no effect. */
function withoutGrants(role: Role): IRole {
  return role.withoutPolicyUpdates();
}

/** The service takes steps only and refuses others at deployment; this refuses them at synthesis. */
function webRateLimit(rate: number): number {
  const step = rate <= 1000 ? 100 : 1000;
  if (Number.isInteger(rate) && rate >= 0 && rate <= 10_000 && rate % step === 0) return rate;
  throw new OptionError(
    `throttlingRate is ${rate}; a web function's endpoint takes 0, or 100 to 1000 in steps of 100, or 2000 to 10000 in steps of 1000.`,
  );
}
