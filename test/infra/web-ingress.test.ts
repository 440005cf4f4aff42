import { describe, expect, test } from 'vitest';
import { flat, resource, resourcesOf, tenantTemplate } from './support/synthesize.ts';

const template = tenantTemplate({ ingress: 'web-function' });

describe('the web function', () => {
  test('has a name that no other region of the account uses', () => {
    const { Properties } = resource(template, 'AWS::Lambda::WebFunction');
    expect(flat(Properties['FunctionName'])).toBe('millrace-acme-<AWS::Region>');
  });

  test('runs the bundle as a server of many requests, logging to its own group', () => {
    const { Properties } = resource(template, 'AWS::Lambda::WebFunctionRevision');
    expect(Properties).toMatchObject({
      BuildConfig: { RuntimeConfig: { Runtime: 'nodejs24.x' } },
      ServiceConfig: {
        MaxConcurrencyPerEnvironment: 128,
        TimeoutSeconds: 900,
        EnvironmentVariables: {
          AWS_LAMBDA_NODEJS_ENTRYPOINT: 'index.mjs',
          MILLRACE_TENANT: 'acme',
          MILLRACE_AUTHORIZER: 'api-keys',
          POWERTOOLS_SERVICE_NAME: 'millrace-web',
          POWERTOOLS_TRACE_ENABLED: 'false',
        },
      },
    });
    const { ExecutionRoleArn, TelemetryConfig, EnvironmentVariables } = Properties['ServiceConfig'] as {
      ExecutionRoleArn: unknown;
      TelemetryConfig: { LoggingConfig: { LogGroup: unknown } };
      EnvironmentVariables: Record<string, unknown>;
    };
    expect(flat(ExecutionRoleArn)).toBe('<WebRole.Arn>');
    expect(flat(TelemetryConfig.LoggingConfig.LogGroup)).toBe('<WebLogs>');
    expect(flat(EnvironmentVariables['MILLRACE_TABLE'])).toBe('<Table>');
    expect(flat(EnvironmentVariables['MILLRACE_BUCKET'])).toBe('<BucketObjects>');
    expect(flat(EnvironmentVariables['MILLRACE_ADMIN_KEY_SECRET_ARN'])).toBe('<AdminKeySecret>');
  });

  test('has both log groups that the service writes to', () => {
    const names = resourcesOf(template)
      .filter(([id, { Type }]) => Type === 'AWS::Logs::LogGroup' && /^Web(?!CodeCopy)/.test(id))
      .map(([, { Properties }]) => flat(Properties['LogGroupName']));
    const name = '/aws/lambda/web/millrace-acme-<AWS::Region>';
    expect(names.toSorted()).toEqual([name, `${name}.local`]);
  });

  test('takes its code from a versioned bucket that goes with the stack', () => {
    const bucket = resource(template, 'AWS::S3::Bucket', 'CodeBucket');
    expect(bucket.Properties['VersioningConfiguration']).toEqual({ Status: 'Enabled' });
    expect(bucket.DeletionPolicy).toBe('Delete');
  });

  test('starts only after its role and the code copy may do what they need', () => {
    for (const type of ['AWS::Lambda::WebFunctionRevision', 'Custom::S3ObjectCopy']) {
      expect(resource(template, type).DependsOn?.map((id) => flat({ Ref: id }))).toEqual(
        expect.arrayContaining(['<WebRoleDefaultPolicy>', '<WebCodeCopyRoleDefaultPolicy>']),
      );
    }
  });

  test('has neither an HTTP API nor event functions for requests', () => {
    template.resourceCountIs('AWS::ApiGatewayV2::Api', 0);
    const functions = resourcesOf(template).filter(([, { Type }]) => Type === 'AWS::Lambda::Function');
    expect(functions.map(([id]) => id.replace(/[0-9A-F]+$/, '')).toSorted()).toEqual([
      expect.stringMatching(/^CustomS3ObjectCopy/),
      'MaintenanceFunction',
    ]);
  });
});

describe('its endpoint', () => {
  test.each([
    ['api-keys', 'ApplicationManaged'],
    ['iam', 'IamAuth'],
  ] as const)('with %s is %s', (authorizer, authType) => {
    const web = tenantTemplate({ ingress: 'web-function', authorizer });
    expect(resource(web, 'AWS::Lambda::WebFunctionEndpoint').Properties['AuthType']).toBe(authType);
  });

  test('is capped in environments and request rate, by default and as told', () => {
    expect(resource(template, 'AWS::Lambda::WebFunctionEndpoint').Properties).toMatchObject({
      ScalingConfig: { MaxEnvironments: 20 },
      ThrottleConfig: { RateLimit: 500 },
    });
    const told = tenantTemplate({ ingress: 'web-function', maxEnvironments: 3, throttlingRate: 2000 });
    expect(resource(told, 'AWS::Lambda::WebFunctionEndpoint').Properties).toMatchObject({
      ScalingConfig: { MaxEnvironments: 3 },
      ThrottleConfig: { RateLimit: 2000 },
    });
  });

  test.each([0, 100, 1000, 2000, 10_000])('takes the rate %i', (throttlingRate) => {
    expect(() => tenantTemplate({ ingress: 'web-function', throttlingRate })).not.toThrow();
  });

  test.each([50, 1500, 11_000, -100])('refuses the rate %i, which the service would refuse', (throttlingRate) => {
    expect(() => tenantTemplate({ ingress: 'web-function', throttlingRate })).toThrow(/throttlingRate is/);
  });
});
