import { Stack, Validations } from 'aws-cdk-lib';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { describe, expect, test } from 'vitest';
import type { TenantOptions } from '../../lib/infra/tenant-stack.ts';
import { findings } from './support/findings.ts';
import { appWithoutBundling, tenantStack, VARIANTS } from './support/synthesize.ts';

describe('AwsSolutions rules', () => {
  test.each<TenantOptions>([
    ...VARIANTS,
    { removal: 'destroy', alarms: false, reservedConcurrency: 'unreserved' },
    { triggers: true },
    { triggers: true, ingress: 'web-function' },
    { ingress: 'web-function', allowedTargets: ['tagged'] },
    {
      allowedTargets: [
        'tagged',
        'arn:aws:lambda:eu-central-1:123456789012:function:orders-*',
        'arn:aws:sqs:eu-central-1:123456789012:poison',
        'arn:aws:s3:::poison',
      ],
    },
    { encryption: 'tenant-key', allowedTargets: ['tagged'], replicas: ['own', 'use1-az4'] },
    { encryption: 'tenant-key', ingress: 'web-function' },
    { encryption: 'arn:aws:kms:eu-central-1:123456789012:key/0f3a' },
    { alarmTopicArn: 'arn:aws:sns:eu-central-1:123456789012:alerts' },
    { kafka: { host: 'kafka.example.com', hostedZoneId: 'Z0123' } },
    { kafka: { host: 'kafka.example.com', hostedZoneId: 'Z0123' }, encryption: 'tenant-key', ingress: 'web-function' },
  ])('find nothing in %o', (options) => {
    const app = appWithoutBundling();
    tenantStack(options, 'acme', app);
    expect(findings(app)).toEqual([]);
  });

  test('find what somebody adds to a tenant’s stack', () => {
    const app = appWithoutBundling();
    const careless = new Bucket(tenantStack({}, 'acme', app), 'Careless');
    expect(findings(app)).toEqual([
      `AwsSolutions-S1 ${careless.node.path}/Resource`,
      `AwsSolutions-S10 ${careless.node.path}/Resource`,
    ]);
  });
});

/** What CDK accepts of its own templates, as of a VPC's zones and flow logs: rules that it has beside cdk-nag's. */
const CDKS_OWN = 'CloudFormation-Validate::';

describe('every accepted finding', () => {
  test('has a reason of a sentence, and none is accepted for a whole stack', () => {
    const others: TenantOptions[] = [
      { allowedTargets: ['tagged', 'arn:aws:s3:::poison'] },
      { kafka: { host: 'kafka.example.com', hostedZoneId: 'Z0123' } },
    ];
    for (const options of [...VARIANTS, ...others]) {
      const stack = tenantStack(options);
      const accepted = stack.node.findAll().flatMap((construct) =>
        construct.node.metadata
          .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
          .map(({ data }) =>
            Object.entries(data as Record<string, string>).filter(([rule]) => !rule.startsWith(CDKS_OWN)),
          )
          .filter((rules) => rules.length > 0)
          .map((rules) => ({ construct, reasons: rules.map(([, reason]) => reason) })),
      );
      expect(accepted.length).toBeGreaterThan(0);
      for (const { construct, reasons } of accepted) {
        expect(construct).not.toBeInstanceOf(Stack);
        for (const reason of reasons) expect(reason).toMatch(/^.{40,}\.$/);
      }
    }
  });
});
