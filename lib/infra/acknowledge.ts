/**
 * Findings of cdk-nag that are accepted, each with the reason that a reviewer reads. Uses CDK's own mechanism, so that
 * the constructs do not depend on cdk-nag.
 */
import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Accepts one finding on a construct and what is below it. */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

/** Accepts AwsSolutions-IAM5 for exactly this resource of a policy below `construct`. */
export function acknowledgeWildcard(construct: IConstruct, resourceArn: string, reason: string): void {
  const resource = flatReference(Stack.of(construct).resolve(resourceArn));
  acknowledge(construct, `AwsSolutions-IAM5[Resource::${resource}]`, reason);
}

/** A resolved ARN as cdk-nag writes it in the id of a finding: `<BucketABC.Arn>/*`. */
function flatReference(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null) {
    if ('Fn::Sub' in value) return String(value['Fn::Sub']).replaceAll('${', '<').replaceAll('}', '>');
    if ('Ref' in value) return `<${String(value.Ref)}>`;
    if ('Fn::GetAtt' in value) return `<${(value['Fn::GetAtt'] as string[]).join('.')}>`;
    if ('Fn::Join' in value) {
      const [delimiter, parts] = value['Fn::Join'] as [string, unknown[]];
      return parts.map(flatReference).join(delimiter);
    }
  }
  throw new Error(`Cannot name the resource ${JSON.stringify(value)} in a finding's id.`);
}
