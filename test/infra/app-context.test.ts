import { describe, expect, test } from 'vitest';
import { tenantsFromContext } from '../../lib/infra/app-context.ts';

const read = tenantsFromContext;

describe('tenants', () => {
  test('one by name', () => {
    expect(read({ tenant: 'acme' })).toEqual([{ name: 'acme', options: {} }]);
  });

  test('several by a comma list, in order, blanks ignored', () => {
    expect(read({ tenants: 'acme, globex,' }).map(({ name }) => name)).toEqual(['acme', 'globex']);
  });

  test('a list of names and objects', () => {
    expect(read({ tenants: ['acme', { name: 'globex', ingress: 'web-function', tags: { team: 'data' } }] })).toEqual([
      { name: 'acme', options: {} },
      { name: 'globex', options: { ingress: 'web-function', tags: { team: 'data' } } },
    ]);
  });

  test('one of the list by name, with its own options', () => {
    const tenants = ['acme', { name: 'globex', logRetentionDays: 7 }];
    expect(read({ tenant: 'globex', tenants })).toEqual([{ name: 'globex', options: { logRetentionDays: 7 } }]);
  });

  test('options for all, which a tenant’s own override', () => {
    const context = {
      tenants: ['acme', { name: 'globex', throttlingRate: 10 }],
      throttlingRate: '100',
      alarms: 'false',
      removal: 'destroy',
      reservedConcurrency: 'unreserved',
    };
    const shared = { alarms: false, removal: 'destroy', reservedConcurrency: 'unreserved' };
    expect(read(context)).toEqual([
      { name: 'acme', options: { ...shared, throttlingRate: 100 } },
      { name: 'globex', options: { ...shared, throttlingRate: 10 } },
    ]);
  });
});

describe('what cannot be meant is one sentence', () => {
  test.each<[Record<string, unknown>, RegExp]>([
    [{}, /^No tenant is given\. Name one with `npx cdk synth -c tenant=acme`, several with `-c tenants=acme,globex`/],
    [{ tenants: [] }, /^No tenant is given\./],
    [{ tenants: '' }, /^No tenant is given\./],
    [{ tenants: { name: 'acme' } }, /^The context "tenants" is \{"name":"acme"\}, not a list\./],
    [{ tenant: 'Acme' }, /^"Acme" cannot name a tenant:/],
    [{ tenant: '' }, /^"" cannot name a tenant:/],
    [{ tenants: [{ ingress: 'http-api' }] }, /cannot name a tenant:/],
    [{ tenants: 'acme,acme' }, /^The tenant acme is listed twice\.$/],
    [
      { tenants: [{ name: 'acme', ingres: 'x' }] },
      /^The tenant acme has an unknown option "ingres"; known are ingress, /,
    ],
    [{ tenant: 'acme', ingress: 'alb' }, /^ingress is "alb"; it is http-api or web-function\.$/],
    [{ tenant: 'acme', authorizer: 'none' }, /^authorizer is "none"; it is api-keys or iam\.$/],
    [{ tenant: 'acme', memoryMiB: '64' }, /^memoryMiB is "64"; it is a whole number from 128 to 10240\.$/],
    [{ tenant: 'acme', throttlingRate: '1.5' }, /^throttlingRate is "1\.5"; it is a whole number from 0\.$/],
    [{ tenant: 'acme', maxEnvironments: 1 }, /^maxEnvironments is 1; it is a whole number from 2\.$/],
    [{ tenant: 'acme', alarms: 'no' }, /^alarms is "no"; it is true or false\.$/],
    [{ tenant: 'acme', alarmTopicArn: 'alerts' }, /^alarmTopicArn is "alerts"; it is the ARN of an SNS topic/],
    [
      { tenant: 'acme', encryption: 'kms' },
      /^encryption is "kms"; it is aws-owned, tenant-key, or the ARN of a KMS key\.$/,
    ],
    [{ tenant: 'acme', tags: 'a=b' }, /^tags is "a=b"; it is an object of strings/],
    [{ tenants: [{ name: 'acme', toString: 'x' }] }, /unknown option "toString"/],
  ])('%o', (context, message) => {
    expect(() => read(context)).toThrow(message);
  });
});

describe('the context', () => {
  test('with an option that is none is refused by name', () => {
    expect(() => read({ tenant: 'acme', ingres: 'web-function' })).toThrow(
      /^The context has an unknown option "ingres"; known are tenant, tenants, ingress, .*\.$/,
    );
    expect(() => read({ tenant: 'acme', memory_mib: '512' })).toThrow('"memory_mib"');
    expect(() => read({ tenant: 'acme', toString: 'x' })).toThrow('"toString"');
  });

  test.each([
    'aws:cdk:enable-path-metadata',
    '@aws-cdk/core:newStyleStackSynthesis',
    'availability-zones:account=123456789012:region=eu-central-1',
    'vpc-provider:account=123456789012:region=eu-central-1',
    'cli-telemetry',
    'acknowledged-issue-numbers',
  ])('may hold %s, which is of CDK', (key) => {
    expect(read({ tenant: 'acme', [key]: true })).toEqual([{ name: 'acme', options: {} }]);
  });
});
