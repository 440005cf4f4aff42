/** Synthesizes tenant stacks without bundling, and puts what tests look for into short, readable forms. */
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { stackName } from '../../../lib/infra/tenant-name.ts';
import { type TenantOptions, TenantStack } from '../../../lib/infra/tenant-stack.ts';

export const FIXTURE_LAMBDAS = join(import.meta.dirname, '..', 'fixtures');

export interface Resource {
  Type: string;
  Properties: Record<string, unknown>;
  DeletionPolicy?: string;
  DependsOn?: string[];
}

/** The four shapes that a tenant's stack can have. */
export const VARIANTS: readonly TenantOptions[] = [
  { ingress: 'http-api', authorizer: 'api-keys' },
  { ingress: 'http-api', authorizer: 'iam' },
  { ingress: 'web-function', authorizer: 'api-keys' },
  { ingress: 'web-function', authorizer: 'iam' },
];

/** An app whose assets are not built: CDK's own switch, which the CLI sets for stacks that it does not need. */
export function appWithoutBundling(): App {
  return new App({ context: { 'aws:cdk:bundling-stacks': [] } });
}

export function tenantStack(options: TenantOptions = {}, tenant = 'acme', app = appWithoutBundling()): TenantStack {
  return new TenantStack(app, stackName(tenant), { tenant, lambdasDirectory: FIXTURE_LAMBDAS, ...options });
}

const templates = new Map<string, Template>();

/** The template of the tenant `acme`; synthesized once for equal options, so treat it as read-only. */
export function tenantTemplate(options: TenantOptions = {}): Template {
  const key = JSON.stringify(options);
  const template = templates.get(key) ?? Template.fromStack(tenantStack(options));
  templates.set(key, template);
  return template;
}

export function resourcesOf(template: Template): [logicalId: string, resource: Resource][] {
  return Object.entries((template.toJSON() as { Resources: Record<string, Resource> }).Resources);
}

export function resourcesOfType(template: Template, ...types: string[]): [logicalId: string, resource: Resource][] {
  return resourcesOf(template).filter(([, { Type }]) => types.includes(Type));
}

/** The only resource of a type whose logical id starts so. */
export function resource(template: Template, type: string, idPrefix = ''): Resource {
  const found = resourcesOfType(template, type).filter(([id]) => id.startsWith(idPrefix));
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} resources ${type} ${idPrefix}`);
  return found[0][1];
}

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
}

export function statementsOf(policy: Resource): Statement[] {
  return (policy.Properties['PolicyDocument'] as { Statement: Statement[] }).Statement;
}

/** The role's whole policy, a line an action and resource: `s3:GetObject <BucketObjects.Arn>/*`. Sorted. */
export function grantsOf(template: Template, policyIdPrefix: string): string[] {
  return statementsOf(resource(template, 'AWS::IAM::Policy', policyIdPrefix))
    .flatMap(({ Effect, Action, Resource }) =>
      asArray(Action).flatMap((action) =>
        asArray(Resource).map((target) => `${Effect === 'Allow' ? '' : `${Effect} `}${action} ${flat(target)}`),
      ),
    )
    .toSorted();
}

/** A template's value as text, logical ids without their hash. */
export function flat(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[kind, argument] = ['', '']] = Object.entries(value as Record<string, unknown>);
  if (kind === 'Ref') return `<${withoutHash(argument as string)}>`;
  if (kind === 'Fn::GetAtt') {
    const [id, attribute] = argument as [string, string];
    return `<${withoutHash(id)}.${attribute}>`;
  }
  if (kind === 'Fn::Join') return (argument as [string, unknown[]])[1].map(flat).join('');
  if (kind === 'Fn::Sub') return (argument as string).replaceAll('${', '<').replaceAll('}', '>');
  if (kind === 'Fn::Select') {
    const [index, { 'Fn::Split': split }] = argument as [number, { 'Fn::Split': [string, unknown] }];
    return `<part ${index} of ${flat(split[1])}>`;
  }
  throw new Error(`cannot flatten ${JSON.stringify(value)}`);
}

export function asArray<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}

function withoutHash(logicalId: string): string {
  return logicalId.replace(/[0-9A-F]{8}$/, '');
}
