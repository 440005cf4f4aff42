import { describe, expect, test } from 'vitest';
import { flat, resource, resourcesOfType, tenantTemplate } from './support/synthesize.ts';

const template = tenantTemplate();

describe.each(['Produce', 'Fetch', 'Groups', 'Topics'])('the %s function', (name) => {
  const { Properties } = resource(template, 'AWS::Lambda::Function', `Functions${name}`);

  test('runs on Node.js 24 and arm64 with tracing, a bounded time and a bounded concurrency', () => {
    expect(Properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      MemorySize: 1024,
      Timeout: 30,
      ReservedConcurrentExecutions: 25,
      TracingConfig: { Mode: 'Active' },
    });
  });

  test('logs to its own group', () => {
    expect(flat((Properties['LoggingConfig'] as { LogGroup: unknown }).LogGroup)).toBe(`<Functions${name}Logs>`);
  });

  test('knows its tenant, table and bucket; only topics knows the first key', () => {
    const { Variables } = Properties['Environment'] as { Variables: Record<string, unknown> };
    const environment = Object.fromEntries(Object.entries(Variables).map(([key, value]) => [key, flat(value)]));
    expect(environment).toEqual({
      MILLRACE_TENANT: 'acme',
      MILLRACE_TABLE: '<Table>',
      MILLRACE_BUCKET: '<BucketObjects>',
      MILLRACE_AUTHORIZER: 'api-keys',
      ...(name === 'Topics' ? { MILLRACE_ADMIN_KEY_SECRET_ARN: '<AdminKeySecret>' } : {}),
      POWERTOOLS_SERVICE_NAME: `millrace-${name.toLowerCase()}`,
      POWERTOOLS_METRICS_NAMESPACE: 'Millrace',
      NODE_OPTIONS: '--enable-source-maps',
    });
  });
});

test.each([
  ['unreserved', undefined],
  [0, 0],
  [3, 3],
] as const)('the reserved concurrency %j is %j of each function', (reservedConcurrency, expected) => {
  const all = resourcesOfType(tenantTemplate({ reservedConcurrency }), 'AWS::Lambda::Function');
  const functions = all.filter(([id]) => id.startsWith('Functions'));
  expect(functions.map(([, { Properties }]) => Properties['ReservedConcurrentExecutions'])).toEqual([
    expected,
    expected,
    expected,
    expected,
  ]);
});

test('the inline threshold and the authorizer reach the functions', () => {
  const { Properties } = resource(
    tenantTemplate({ inlineBytesMax: 0, authorizer: 'iam' }),
    'AWS::Lambda::Function',
    'FunctionsProduce',
  );
  expect(Properties['Environment']).toMatchObject({
    Variables: { MILLRACE_INLINE_BYTES_MAX: '0', MILLRACE_AUTHORIZER: 'iam' },
  });
});
