import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { describe, expect, test } from 'vitest';
import type { TenantOptions } from '../../lib/infra/tenant-stack.ts';
import {
  appWithoutBundling,
  flat,
  grantsOf,
  resource,
  resourcesOfType,
  tenantStack,
  tenantTemplate,
} from './support/synthesize.ts';

const KEY_ARN = 'arn:aws:kms:eu-central-1:123456789012:key/0f3a';
const own: TenantOptions = { encryption: 'tenant-key' };

const keyGrants = (template: Template, policyIdPrefix: string, key = '<Key.Arn>') =>
  grantsOf(template, policyIdPrefix)
    .filter((grant) => grant.startsWith('kms:') && grant.endsWith(` ${key}`))
    .map((grant) => grant.split(/[: ]/)[1]);

const READS_TABLE = ['Decrypt', 'DescribeKey'];
const WRITES_TABLE = [
  'Decrypt',
  'DescribeKey',
  'Encrypt',
  'GenerateDataKey',
  'GenerateDataKeyWithoutPlaintext',
  'ReEncryptFrom',
  'ReEncryptTo',
];

describe('without the option', () => {
  const template = tenantTemplate();

  test('there is no key, and nobody may use one', () => {
    expect(resourcesOfType(template, 'AWS::KMS::Key')).toEqual([]);
    expect(JSON.stringify(template.toJSON())).not.toContain('kms:');
    const { Properties } = resource(template, 'AWS::DynamoDB::Table');
    expect(Properties).not.toMatchObject({ SSESpecification: { SSEEnabled: true } });
  });
});

describe('a key for the tenant', () => {
  const template = tenantTemplate(own);

  test('is made once, rotates, and outlives the stack as the records do', () => {
    expect(resourcesOfType(template, 'AWS::KMS::Key')).toHaveLength(1);
    const key = resource(template, 'AWS::KMS::Key');
    expect(key).toMatchObject({ DeletionPolicy: 'Retain', Properties: { EnableKeyRotation: true } });
    const withStack = resource(tenantTemplate({ ...own, removal: 'destroy' }), 'AWS::KMS::Key');
    expect(withStack.DeletionPolicy).toBe('Delete');
  });

  test('encrypts the table and the bucket of objects, and no bucket without records', () => {
    const table = resource(template, 'AWS::DynamoDB::Table').Properties['SSESpecification'] as Record<string, unknown>;
    expect(table).toMatchObject({ SSEEnabled: true, SSEType: 'KMS' });
    expect(flat(table['KMSMasterKeyId'])).toBe('<Key.Arn>');
    const rules = resourcesOfType(tenantTemplate({ ...own, ingress: 'web-function' }), 'AWS::S3::Bucket').map(
      ([id, { Properties }]) => {
        const { ServerSideEncryptionConfiguration: [rule] = [] } = Properties['BucketEncryption'] as {
          ServerSideEncryptionConfiguration?: {
            BucketKeyEnabled?: boolean;
            ServerSideEncryptionByDefault: { SSEAlgorithm: string; KMSMasterKeyID?: unknown };
          }[];
        };
        const { SSEAlgorithm, KMSMasterKeyID } = rule?.ServerSideEncryptionByDefault ?? {};
        return [flat({ Ref: id }), SSEAlgorithm, KMSMasterKeyID && flat(KMSMasterKeyID), rule?.BucketKeyEnabled];
      },
    );
    expect(rules).toEqual([
      ['<BucketAccessLogs>', 'AES256', undefined, undefined],
      ['<BucketObjects>', 'aws:kms', '<Key.Arn>', true],
      ['<CodeBucket>', 'AES256', undefined, undefined],
    ]);
  });

  test('is named in the outputs, for whoever is to delete it', () => {
    const { Outputs } = template.toJSON() as { Outputs: Record<string, { Value: unknown }> };
    expect(flat(Outputs['KeyArn']?.Value)).toBe('<Key.Arn>');
  });

  test('may be used by each role as its work on table and objects needs it', () => {
    expect(keyGrants(template, 'FunctionsFetchRole')).toEqual(READS_TABLE);
    for (const writer of [
      'FunctionsProduceRole',
      'FunctionsGroupsRole',
      'FunctionsTopicsRole',
      'MaintenanceFunctionRole',
    ]) {
      expect(keyGrants(template, writer), writer).toEqual(WRITES_TABLE);
    }
    expect(keyGrants(tenantTemplate({ ...own, ingress: 'web-function' }), 'WebRole')).toEqual(WRITES_TABLE);
  });

  test('may be used by what reads the table’s stream, and by what delivers', () => {
    const triggers = tenantTemplate({ ...own, triggers: true });
    expect(keyGrants(triggers, 'TriggersRouterRole')).toEqual(READS_TABLE);
    for (const writer of ['Dispatcher', 'Sweeper', 'Api', 'Registrar']) {
      expect(keyGrants(triggers, `Triggers${writer}Role`), writer).toEqual(WRITES_TABLE);
    }
  });

  test('encrypts directory buckets, whose sessions need it whatever they are for', () => {
    const zones = tenantTemplate({ ...own, replicas: ['own', 'use1-az4'] });
    const { BucketEncryption } = resource(zones, 'AWS::S3Express::DirectoryBucket').Properties as {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: { ServerSideEncryptionByDefault: Record<string, unknown> }[];
      };
    };
    const [rule] = BucketEncryption.ServerSideEncryptionConfiguration;
    expect(rule).toMatchObject({ BucketKeyEnabled: true, ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' } });
    expect(flat(rule?.ServerSideEncryptionByDefault['KMSMasterKeyID'])).toBe('<Key.Arn>');
    expect(keyGrants(zones, 'FunctionsFetchRole')).toEqual(['Decrypt', 'DescribeKey', 'GenerateDataKey']);
  });

  test('cannot encrypt a bucket that is there already, which is refused', () => {
    expect(() => tenantStack({ ...own, replicas: ['own', 'acme-west@eu-west-1'] })).toThrow(
      /^replicas has acme-west@eu-west-1, which the stack cannot encrypt/,
    );
  });
});

describe('a key that exists', () => {
  test('is used by its ARN, and not made', () => {
    const template = tenantTemplate({ encryption: KEY_ARN });
    expect(resourcesOfType(template, 'AWS::KMS::Key')).toEqual([]);
    expect(resource(template, 'AWS::DynamoDB::Table').Properties['SSESpecification']).toMatchObject({
      KMSMasterKeyId: KEY_ARN,
    });
    expect(keyGrants(template, 'FunctionsFetchRole', KEY_ARN)).toEqual(READS_TABLE);
  });

  test('may be one of the app', () => {
    const app = appWithoutBundling();
    const key = new Key(new Stack(app, 'Keys'), 'Shared');
    const template = Template.fromStack(tenantStack({ encryption: key }, 'acme', app));
    expect(resourcesOfType(template, 'AWS::KMS::Key')).toEqual([]);
    expect(resource(template, 'AWS::DynamoDB::Table').Properties['SSESpecification']).toMatchObject({ SSEType: 'KMS' });
  });

  test('is refused where the ARN is of something else, and where it is in another region', () => {
    expect(() => tenantStack({ encryption: 'arn:aws:kms:eu-central-1:123456789012:alias/orders' })).toThrow(
      /it is aws-owned, tenant-key, or the ARN of a KMS key/,
    );
    const app = new App({ context: { 'aws:cdk:bundling-stacks': [] } });
    const env = { region: 'us-east-1', account: '123456789012' };
    expect(() => tenantStack({ encryption: KEY_ARN, env } as TenantOptions, 'acme', app)).toThrow(
      'encryption names a key in eu-central-1; table and buckets are in us-east-1.',
    );
  });
});
