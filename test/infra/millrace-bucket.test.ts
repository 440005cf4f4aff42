import { describe, expect, test } from 'vitest';
import { flat, resource, resourcesOfType, statementsOf, tenantTemplate } from './support/synthesize.ts';

describe.each(['http-api', 'web-function'] as const)('every bucket of a tenant on %s', (ingress) => {
  const template = tenantTemplate({ ingress });
  const buckets = resourcesOfType(template, 'AWS::S3::Bucket');
  const names = buckets.map(([id]) => flat({ Ref: id }));

  test('is encrypted, private and without ACLs', () => {
    expect(names).toEqual([
      '<BucketAccessLogs>',
      '<BucketObjects>',
      ...(ingress === 'web-function' ? ['<CodeBucket>'] : []),
    ]);
    for (const [, { Properties }] of buckets) {
      expect(Properties).toMatchObject({
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      });
      expect(Properties).not.toHaveProperty('AccessControl');
    }
  });

  test('refuses plain HTTP and TLS older than 1.2', () => {
    const policies = resourcesOfType(template, 'AWS::S3::BucketPolicy').map(([, policy]) => policy);
    expect(policies.map((policy) => flat(policy.Properties['Bucket']))).toEqual(names);
    for (const policy of policies) {
      const bucket = flat(policy.Properties['Bucket']).slice(1, -1);
      const target = [`<${bucket}.Arn>`, `<${bucket}.Arn>/*`];
      const denials = statementsOf(policy).filter(({ Effect }) => Effect === 'Deny');
      expect(denials).toMatchObject([
        { Action: 's3:*', Principal: { AWS: '*' }, Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
        { Action: 's3:*', Principal: { AWS: '*' }, Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } },
      ]);
      for (const { Resource } of denials) expect((Resource as unknown[]).map(flat)).toEqual(target);
    }
  });

  test('drops uploads that are incomplete after a day', () => {
    for (const [, { Properties }] of buckets) {
      expect(Properties['LifecycleConfiguration']).toMatchObject({
        Rules: [{ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: 'Enabled' }],
      });
    }
  });

  test('has its access logged, the log bucket excepted', () => {
    const destinations = buckets.map(([, { Properties }]) => {
      const logging = Properties['LoggingConfiguration'] as { DestinationBucketName: unknown } | undefined;
      return logging === undefined ? undefined : flat(logging.DestinationBucketName);
    });
    expect(destinations).toEqual([undefined, ...destinations.slice(1).map(() => '<BucketAccessLogs>')]);
  });
});

describe('the bucket of objects', () => {
  test('keeps objects until they are deleted, and no older versions of them', () => {
    const { Properties } = resource(tenantTemplate(), 'AWS::S3::Bucket', 'BucketObjects');
    expect(Properties).not.toHaveProperty('VersioningConfiguration');
    expect(Properties['LifecycleConfiguration']).toEqual({
      Rules: [{ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: 'Enabled' }],
    });
  });

  test('outlives its stack unless told otherwise', () => {
    const policyOf = (removal?: 'destroy') =>
      resource(tenantTemplate({ removal }), 'AWS::S3::Bucket', 'BucketObjects').DeletionPolicy;
    expect(policyOf()).toBe('Retain');
    expect(policyOf('destroy')).toBe('Delete');
  });
});

test('access logs expire with the other logs', () => {
  const expiration = (logRetentionDays?: number) => {
    const { Properties } = resource(tenantTemplate({ logRetentionDays }), 'AWS::S3::Bucket', 'BucketAccessLogs');
    return (Properties['LifecycleConfiguration'] as { Rules: [{ ExpirationInDays: number }] }).Rules[0]
      .ExpirationInDays;
  };
  expect(expiration()).toBe(90);
  expect(expiration(7)).toBe(7);
});
