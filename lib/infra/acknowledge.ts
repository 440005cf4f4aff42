/**
 * Findings of cdk-nag that are accepted, each with the reason that a reviewer reads. Uses CDK's own mechanism, so that
 * the constructs do not depend on cdk-nag.
 */
import { Stack, Token, Validations } from 'aws-cdk-lib';
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

/** What a policy names a resource of another stack by. */
export interface Reference {
  owner: IConstruct;
  /** The part of the ARN that is only known at deployment. */
  value: string;
}

/** The same for a resource that may be another stack's, whose policy then imports it, and names it by the export. */
export function acknowledgeImportedWildcard(
  construct: IConstruct,
  resourceArn: string,
  { owner, value }: Reference,
  reason: string,
): void {
  acknowledgeWildcard(construct, resourceArn, reason);
  const stack = Stack.of(owner);
  if (stack === Stack.of(construct) || !Token.isUnresolved(value)) return;
  // The export that CDK makes for the reference in any case.
  acknowledgeWildcard(construct, resourceArn.replaceAll(value, stack.exportValue(value)), reason);
}

/** A resolved ARN as cdk-nag writes it in the id of a finding: `<BucketABC.Arn>/*`. */
function flatReference(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null) {
    if ('Fn::Sub' in value) return String(value['Fn::Sub']).replaceAll('${', '<').replaceAll('}', '>');
    if ('Fn::ImportValue' in value) return String(value['Fn::ImportValue']);
    if ('Ref' in value) return `<${String(value.Ref)}>`;
    if ('Fn::GetAtt' in value) return `<${(value['Fn::GetAtt'] as string[]).join('.')}>`;
    if ('Fn::Join' in value) {
      const [delimiter, parts] = value['Fn::Join'] as [string, unknown[]];
      return parts.map(flatReference).join(delimiter);
    }
  }
  throw new Error(`Cannot name the resource ${JSON.stringify(value)} in a finding's id.`);
}
