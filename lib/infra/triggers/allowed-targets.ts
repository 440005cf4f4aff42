/**
 * What a tenant's triggers may invoke and send to, beside what the app's own event sources grant: ARNs, in which `*`
 * stands for any characters, or the word `tagged` for every function that carries the tenant's tag.
 *
 * They become statements of the dispatcher's role, and the API refuses triggers that the role could not serve.
 */
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { acknowledge, acknowledgeWildcard } from '../acknowledge.ts';
import { OptionError } from '../option-error.ts';

/** All functions of the account and region that have the tag `millrace:tenant` with the tenant's name. */
const TAGGED = 'tagged';

const ACTION_OF_SERVICE: Readonly<Record<string, string>> = {
  lambda: 'lambda:InvokeFunction',
  sqs: 'sqs:SendMessage',
  sns: 'sns:Publish',
  s3: 's3:PutObject',
};

/** Refuses what is no target, with a sentence. Account, region and partition may be tokens; the service may not. */
export function checkAllowedTargets(targets: readonly string[]): void {
  for (const target of targets) {
    if (target === TAGGED || serviceOf(target) !== undefined) continue;
    throw new OptionError(
      `allowedTargets has "${target}"; a target is "${TAGGED}" or the ARN of a Lambda function, an SQS queue, an SNS topic ` +
        'or a bucket, whose name may have *, such as arn:aws:lambda:eu-central-1:123456789012:function:orders-*.',
    );
  }
}

/** What the dispatcher's role may do with them, one statement a service. */
export function targetStatements(targets: readonly string[], tenant: string): PolicyStatement[] {
  const statements = Object.entries(ACTION_OF_SERVICE).flatMap(([service, action]) => {
    const arns = targets.filter((target) => serviceOf(target) === service).map(resourceArn);
    return arns.length === 0 ? [] : [new PolicyStatement({ effect: Effect.ALLOW, actions: [action], resources: arns })];
  });
  return targets.includes(TAGGED) ? [...statements, onTagged('lambda:InvokeFunction', tenant)] : statements;
}

/** The API looks for the tag before it takes a trigger. */
export function lookupStatements(targets: readonly string[], tenant: string): PolicyStatement[] {
  return targets.includes(TAGGED) ? [onTagged('lambda:ListTags', tenant)] : [];
}

/** Accepts the wildcards of both kinds of statements, in policies below `role`. */
export function acknowledgeTargets(role: Construct, targets: readonly string[]): void {
  for (const target of targets) {
    if (target === TAGGED || !resourceArn(target).includes('*')) continue;
    acknowledgeWildcard(
      role,
      resourceArn(target),
      'Named by whoever deploys the stack, as what triggers may deliver to.',
    );
  }
  if (!targets.includes(TAGGED)) return;
  acknowledge(
    role,
    'AwsSolutions-IAM5[Resource::*]',
    "Functions of any name that carry the tenant's tag, which is a condition of the statement; and X-Ray, which knows no narrower resource.",
  );
}

function onTagged(action: string, tenant: string): PolicyStatement {
  return new PolicyStatement({
    effect: Effect.ALLOW,
    actions: [action],
    resources: ['*'],
    conditions: { StringEquals: { 'aws:ResourceTag/millrace:tenant': tenant } },
  });
}

/** What a policy names: a bucket's objects rather than the bucket. */
function resourceArn(target: string): string {
  return serviceOf(target) === 's3' ? `${target}/*` : target;
}

function serviceOf(target: string): string | undefined {
  const [, service = ''] = /^arn:[^:]+:(\w+):[^:]*:[^:]*:[^\s?/]+$/.exec(target) ?? [];
  return Object.hasOwn(ACTION_OF_SERVICE, service) ? service : undefined;
}
