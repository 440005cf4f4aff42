import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import { tenantsFromContext } from '../../lib/infra/app-context.ts';
import type { TenantOptions } from '../../lib/infra/tenant-stack.ts';
import { parseReplicas } from '../../lib/storage/objects/replicated-config.ts';
import {
  appWithoutBundling,
  asArray,
  flat,
  grantsOf,
  type Resource,
  resource,
  resourcesOfType,
  statementsOf,
  tenantStack,
  tenantTemplate,
} from './support/synthesize.ts';

const zones: TenantOptions = { replicas: ['use1-az4', 'use1-az5', 'use1-az6'] };
const regions: TenantOptions = { replicas: ['own', 'acme-west@eu-west-1'] };
const everything: TenantOptions = { replicas: ['use1-az4', 'own', 'acme-west@eu-west-1'] };

type Statement = ReturnType<typeof statementsOf>[number];

const SESSION = 's3express:CreateSession';

/** The statements of a role that have a condition, each as text. */
function conditional(options: TenantOptions, policyIdPrefix: string): string[] {
  const policy = resource(tenantTemplate(options), 'AWS::IAM::Policy', policyIdPrefix);
  const statements: (Statement & { Condition?: Record<string, Record<string, unknown>> })[] = statementsOf(policy);
  return statements.flatMap(({ Action, Resource, Condition }) => {
    if (Condition === undefined) return [];
    const resources = asArray(Resource).map(flat).join(' ');
    const [[key, value] = []] = Object.values(Condition).flatMap((keys) => Object.entries(keys));
    return [`${asArray(Action).join(' ')} on ${resources} if ${key} is ${flat(value)}`];
  });
}

/** Functions have their variables in one place, revisions of web functions in another. */
function variableOf({ Properties }: Resource): unknown {
  const { Environment, ServiceConfig } = Properties as {
    Environment?: { Variables: Record<string, unknown> };
    ServiceConfig?: { EnvironmentVariables: Record<string, unknown> };
  };
  return (Environment?.Variables ?? ServiceConfig?.EnvironmentVariables)?.['MILLRACE_REPLICAS'];
}

describe('replicas in zones', () => {
  const template = tenantTemplate(zones);

  test('are directory buckets, one a zone, encrypted, kept, tagged, and named by CloudFormation', () => {
    const buckets = resourcesOfType(template, 'AWS::S3Express::DirectoryBucket').map(([, bucket]) => bucket);
    expect(buckets.map(({ Properties }) => Properties['LocationName'])).toEqual(zones.replicas);
    for (const { Properties, DeletionPolicy } of buckets) {
      expect(DeletionPolicy).toBe('Retain');
      expect(Properties).not.toHaveProperty('BucketName');
      expect(Properties).toMatchObject({
        DataRedundancy: 'SingleAvailabilityZone',
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        Tags: [{ Key: 'millrace:tenant', Value: 'acme' }],
      });
    }
  });

  test('go with the stack where everything does', () => {
    const buckets = resourcesOfType(
      tenantTemplate({ ...zones, removal: 'destroy' }),
      'AWS::S3Express::DirectoryBucket',
    );
    expect(buckets.map(([, { DeletionPolicy }]) => DeletionPolicy)).toEqual(['Delete', 'Delete', 'Delete']);
  });

  test('refuse sessions over plain HTTP, and give S3 one to drop uploads that are incomplete after a day', () => {
    const policies = resourcesOfType(template, 'AWS::S3Express::BucketPolicy');
    expect(policies).toHaveLength(3);
    for (const [, policy] of policies) {
      expect(statementsOf(policy)).toMatchObject([
        {
          Effect: 'Deny',
          Action: SESSION,
          Principal: { AWS: '*' },
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
        {
          Effect: 'Allow',
          Action: SESSION,
          Principal: { Service: 'lifecycle.s3.amazonaws.com' },
          Condition: { StringEquals: { 's3express:SessionMode': 'ReadWrite' } },
        },
      ]);
    }
    for (const [, { Properties }] of resourcesOfType(template, 'AWS::S3Express::DirectoryBucket')) {
      expect(Properties['LifecycleConfiguration']).toEqual({
        Rules: [{ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: 'Enabled' }],
      });
    }
  });

  test('are written by produce, read by fetch, and nothing to topics', () => {
    const arns = ['4', '5', '6'].map((zone) => `<ReplicasZoneuse1az${zone}.Arn>`).join(' ');
    const rule = (mode: string) => `${SESSION} on ${arns} if s3express:SessionMode is ${mode}`;
    expect(conditional(zones, 'FunctionsProduceRole')).toEqual([rule('ReadWrite')]);
    expect(conditional(zones, 'FunctionsFetchRole')).toEqual([rule('ReadOnly')]);
    expect(conditional(zones, 'FunctionsTopicsRole')).toEqual([]);
    expect(conditional({ ...zones, ingress: 'web-function' }, 'WebRole')).toEqual([rule('ReadWrite')]);
  });
});

describe('replicas in other regions', () => {
  test('are buckets that exist: the stack makes none', () => {
    const types = ['AWS::S3::Bucket', 'AWS::S3Express::DirectoryBucket'];
    expect(resourcesOfType(tenantTemplate(regions), ...types)).toHaveLength(2);
    expect(resourcesOfType(tenantTemplate(), ...types)).toHaveLength(2);
  });

  test('give each role what it has on the own bucket, if they are of this account', () => {
    const arn = 'arn:<AWS::Partition>:s3:::acme-west';
    const own = 'if aws:ResourceAccount is <AWS::AccountId>';
    expect(conditional(regions, 'FunctionsProduceRole')).toEqual([
      `s3:PutObject s3:GetObject on ${arn}/* ${own}`,
      `s3:ListBucket on ${arn} ${own}`,
    ]);
    expect(conditional(regions, 'FunctionsFetchRole')).toEqual([
      `s3:GetObject on ${arn}/* ${own}`,
      `s3:ListBucket on ${arn} ${own}`,
    ]);
    expect(conditional(regions, 'FunctionsTopicsRole')).toEqual([]);
  });
});

describe('beside the replicas', () => {
  const more = (role: string, options: TenantOptions = zones) => {
    const before = new Set(grantsOf(tenantTemplate({ ...options, replicas: undefined }), role));
    return grantsOf(tenantTemplate(options), role).filter(
      (grant) => !before.has(grant) && !grant.startsWith('s3express'),
    );
  };

  test('produce may read objects of the own bucket to copy them, and the history of leaders', () => {
    expect(more('FunctionsProduceRole')).toEqual([
      'dynamodb:Query <Table.Arn>',
      's3:GetObject <BucketObjects.Arn>/*',
      's3:ListBucket <BucketObjects.Arn>',
    ]);
  });

  test('fetch may read the history of leaders, and the others nothing new', () => {
    expect(more('FunctionsFetchRole')).toEqual(['dynamodb:Query <Table.Arn>']);
    expect(more('FunctionsTopicsRole')).toEqual([]);
    expect(more('WebRole', { ...zones, ingress: 'web-function' })).toEqual([]);
  });

  test('functions are told how long a replica may be behind, where it is said', () => {
    const text = JSON.stringify(tenantTemplate({ ...zones, replicaLagMs: 5_000 }).toJSON());
    expect(text).toContain('"MILLRACE_REPLICA_LAG_MS":"5000"');
    expect(JSON.stringify(tenantTemplate(zones).toJSON())).not.toContain('MILLRACE_REPLICA_LAG_MS');
  });
});

describe('what the functions are told', () => {
  test.each(['http-api', 'web-function'] as const)('is a list that they can read (%s)', (ingress) => {
    const template = tenantTemplate({ ...everything, ingress });
    const functions = resourcesOfType(template, 'AWS::Lambda::Function', 'AWS::Lambda::WebFunctionRevision');
    const told = functions.map(([, found]) => variableOf(found)).filter((value) => value !== undefined);
    const texts = new Set(told.map(flat));
    expect(texts.size).toBe(1);
    // Deployed, the references are names.
    const text = [...texts]
      .join('')
      .replace('<ReplicasZoneuse1az4>', 'a--use1-az4--x-s3')
      .replace('<BucketObjects>', 'own-bucket');
    expect(parseReplicas(text.replaceAll('<AWS::Region>', 'us-east-1'))).toEqual([
      { id: 1, name: 'use1-az4', bucket: 'a--use1-az4--x-s3', region: 'us-east-1', rack: 'use1-az4' },
      { id: 0, name: 'own', bucket: 'own-bucket', region: 'us-east-1', rack: 'us-east-1' },
      { id: 2, name: 'acme-west', bucket: 'acme-west', region: 'eu-west-1', rack: 'eu-west-1' },
    ]);
  });

  test('is nothing without the option', () => {
    expect(JSON.stringify(tenantTemplate().toJSON())).not.toContain('MILLRACE_REPLICAS');
  });
});

describe('AwsSolutions rules', () => {
  test.each<TenantOptions>([
    zones,
    { ...regions, ingress: 'web-function' },
    { ...everything, removal: 'destroy' },
    { ...everything, ingress: 'web-function', authorizer: 'iam' },
  ])('find nothing in %o', (options) => {
    const app = appWithoutBundling();
    tenantStack(options, 'acme', app);
    const { violations } = new AwsSolutionsChecks().validateScope(app);
    expect(violations.map(({ ruleName }) => ruleName)).toEqual([]);
  });
});

describe('the option', () => {
  test('comes from the context as a comma list or as a list', () => {
    const read = (replicas: unknown) => tenantsFromContext({ tenant: 'acme', replicas })[0]?.options;
    expect(read('own, acme-west@eu-west-1')).toEqual(regions);
    expect(read(['own', 'acme-west@eu-west-1'])).toEqual(regions);
    expect(() => read([1])).toThrow(/^replicas is \[1\]; it is a list of places such as use1-az4,use1-az5\.$/);
  });
});
