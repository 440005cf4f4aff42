import { describe, expect, test } from 'vitest';
import type { TenantOptions } from '../../lib/infra/tenant-stack.ts';
import {
  appWithoutBundling,
  asArray,
  flat,
  type Resource,
  resource,
  resourcesOf,
  resourcesOfType,
  statementsOf,
  tenantStack,
  tenantTemplate,
  VARIANTS,
} from './support/synthesize.ts';

/** What CloudFormation gives no tags. */
const UNTAGGABLE = new Set([
  'AWS::ApiGatewayV2::Integration',
  'AWS::ApiGatewayV2::Route',
  'AWS::IAM::Policy',
  'AWS::Lambda::Permission',
  'AWS::Lambda::WebFunctionEndpoint',
  'AWS::Lambda::WebFunctionRevision',
  'AWS::S3::BucketPolicy',
  'AWS::Scheduler::Schedule',
  'Custom::S3ObjectCopy',
]);

/** Names that exist only once the tenant runs; see the reasons beside the statements. */
const KNOWN_WILDCARDS = new Set([
  '<BucketObjects.Arn>/*',
  '<BucketObjects.Arn>/merged/*',
  '<CodeBucket.Arn>/web-function/*',
  'arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>/*',
]);

function tenantTag({ Properties }: Resource): string | undefined {
  const tags = Properties['Tags'] as { Key: string; Value: string }[] | Record<string, string> | undefined;
  if (Array.isArray(tags)) return tags.find(({ Key }) => Key === 'millrace:tenant')?.Value;
  return tags?.['millrace:tenant'];
}

describe.each(VARIANTS)('a tenant on $ingress with $authorizer', (variant) => {
  const template = tenantTemplate(variant);
  const statements = resourcesOfType(template, 'AWS::IAM::Policy').flatMap(([, policy]) => statementsOf(policy));

  test('keeps every log for a limited time', () => {
    const logGroups = resourcesOfType(template, 'AWS::Logs::LogGroup');
    expect(logGroups.length).toBeGreaterThan(0);
    for (const [, { Properties }] of logGroups) expect(Properties['RetentionInDays']).toBe(90);
  });

  test('tags everything that takes tags', () => {
    const taggable = resourcesOf(template).filter(([, { Type }]) => !UNTAGGABLE.has(Type));
    expect(taggable.filter(([, found]) => tenantTag(found) !== 'acme')).toEqual([]);
    expect(taggable.length).toBeGreaterThan(10);
  });

  test('allows no action with a wildcard', () => {
    const actions = statements.flatMap(({ Action }) => asArray(Action));
    expect(actions.length).toBeGreaterThan(5);
    expect(actions.filter((action) => action.includes('*'))).toEqual([]);
  });

  test('allows only the known resources with a wildcard, and all resources for traces alone', () => {
    for (const { Action, Resource } of statements) {
      const wild = asArray(Resource)
        .map(flat)
        .filter((target) => target.includes('*') && !KNOWN_WILDCARDS.has(target));
      const tracing = asArray(Action).every((action) => action.startsWith('xray:'));
      expect(wild).toEqual(tracing ? ['*'] : []);
    }
  });

  test('attaches no managed policies', () => {
    const roles = resourcesOfType(template, 'AWS::IAM::Role');
    expect(roles.length).toBeGreaterThan(0);
    for (const [, { Properties }] of roles) expect(Properties).not.toHaveProperty('ManagedPolicyArns');
  });
});

describe('outputs', () => {
  function outputsOf(options?: TenantOptions) {
    const outputs = tenantTemplate(options).findOutputs('*') as Record<string, { Value: unknown }>;
    return Object.fromEntries(Object.entries(outputs).map(([name, { Value }]) => [name, flat(Value)]));
  }

  test('name the URL, the table, the bucket and the secret of the first admin key', () => {
    expect(outputsOf()).toEqual({
      Url: '<Api.ApiEndpoint>',
      TableName: '<Table>',
      BucketName: '<BucketObjects>',
      AdminKeySecretArn: '<AdminKeySecret>',
    });
  });

  test('give the domain of a web function', () => {
    expect(outputsOf({ ingress: 'web-function' })).toMatchObject({ Url: 'https://<WebFunctionEndpoint.DomainName>' });
  });
});

describe('several tenants in one app', () => {
  const app = appWithoutBundling();
  tenantStack({}, 'acme', app);
  tenantStack({ ingress: 'web-function' }, 'globex', app);
  tenantStack({ authorizer: 'iam' }, 'initech', app);
  const { stacks, nestedAssemblies } = app.synth();

  test('are one stack each, directly in the app', () => {
    expect(stacks.map(({ stackName }) => stackName)).toEqual(['Millrace-acme', 'Millrace-globex', 'Millrace-initech']);
    expect(nestedAssemblies).toEqual([]);
  });

  test('share nothing: no exports, imports, dependencies or names of one another', () => {
    for (const stack of stacks) {
      const template = JSON.stringify(stack.template);
      expect(template).not.toContain('Fn::ImportValue');
      expect(template).not.toContain('"Export"');
      expect(stack.dependencies.filter((dependency) => stacks.some(({ id }) => id === dependency.id))).toEqual([]);
      const others = ['acme', 'globex', 'initech'].filter((name) => stack.stackName !== `Millrace-${name}`);
      expect(others.filter((name) => template.includes(name))).toEqual([]);
    }
  });
});

describe('options', () => {
  test('log retention applies to every log group', () => {
    const logGroups = resourcesOfType(tenantTemplate({ logRetentionDays: 7 }), 'AWS::Logs::LogGroup');
    expect(new Set(logGroups.map(([, { Properties }]) => Properties['RetentionInDays']))).toEqual(new Set([7]));
  });

  test('destroy leaves nothing behind', () => {
    const kept = resourcesOf(tenantTemplate({ removal: 'destroy' })).filter(([, found]) =>
      found.DeletionPolicy?.startsWith('Retain'),
    );
    expect(kept).toEqual([]);
  });

  test('extra tags go beside the tenant’s', () => {
    const table = resource(tenantTemplate({ tags: { team: 'data' } }), 'AWS::DynamoDB::Table');
    expect(table.Properties['Tags']).toEqual([
      { Key: 'millrace:tenant', Value: 'acme' },
      { Key: 'team', Value: 'data' },
    ]);
  });

  test.each<[TenantOptions, RegExp]>([
    [{ logRetentionDays: 8 }, /logRetentionDays is 8; CloudWatch Logs keeps logs for 1, 3, 5, 7,/],
    [{ ingress: 'web-function', throttlingRate: 550 }, /throttlingRate is 550; .* steps of 100/],
    [
      { ingress: 'web-function', reservedConcurrency: 5 },
      /reservedConcurrency does not apply to the ingress web-funct/,
    ],
    [{ ingress: 'web-function', throttlingBurst: 5 }, /throttlingBurst does not apply/],
    [{ ingress: 'web-function', memoryMiB: 512 }, /memoryMiB does not apply/],
    [{ maxEnvironments: 5 }, /maxEnvironments does not apply to the ingress http-api/],
  ])('refuses %o with the rule', (options, message) => {
    expect(() => tenantStack(options)).toThrow(message);
  });
});
