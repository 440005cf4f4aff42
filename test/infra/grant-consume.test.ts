import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { expect, test } from 'vitest';
import type { ConsumeGrantOptions } from '../../lib/infra/grant-consume.ts';
import type { TenantOptions } from '../../lib/infra/tenant-stack.ts';
import { findings } from './support/findings.ts';
import { appWithoutBundling, resource, statementsOf, tenantStack } from './support/synthesize.ts';

/** A function in a stack of its own, that may consume. */
function granted(tenant: TenantOptions, options: (stack: Stack) => ConsumeGrantOptions = () => ({})) {
  const app = appWithoutBundling();
  const backend = tenantStack(tenant, 'acme', app);
  const stack = new Stack(app, 'Polling');
  const fn = new LambdaFunction(stack, 'Poller', {
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromInline('export const handler = async () => {};'),
    role: new Role(stack, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') }),
  });
  backend.grantConsume(fn, options(stack));
  const template = Template.fromStack(stack);
  const { Properties } = resource(template, 'AWS::Lambda::Function');
  return {
    app,
    variables: (Properties['Environment'] as { Variables: Record<string, unknown> }).Variables,
    statements: statementsOf(resource(template, 'AWS::IAM::Policy')).map(({ Action, Resource }) => ({
      Action,
      Resource: JSON.stringify(Resource),
    })),
  };
}

test('with API keys a function gets the URL and the first key’s secret, and may read it', () => {
  const { variables, statements } = granted({});
  expect(Object.keys(variables)).toEqual(['MILLRACE_URL', 'MILLRACE_KEY_SECRET_ARN']);
  expect(statements).toEqual([
    { Action: 'secretsmanager:GetSecretValue', Resource: expect.stringContaining('AdminKeySecret') as string },
  ]);
});

test('with a key of its own it gets this one, and not the first', () => {
  const { statements } = granted({}, (stack) => ({ key: new Secret(stack, 'Narrow') }));
  expect(statements).toHaveLength(1);
  expect(statements[0]?.Resource).toContain('Narrow');
});

test('with IAM it may call the routes of consumers, and reads no secret', () => {
  const { app, variables, statements } = granted({ authorizer: 'iam' });
  expect(Object.keys(variables)).toEqual(['MILLRACE_URL']);
  expect(statements).toHaveLength(1);
  expect(statements[0]).toMatchObject({ Action: 'execute-api:Invoke' });
  expect(statements[0]?.Resource).toMatch(/\/GET\/v1\/topics\/\*.*\/\*\/v1\/groups\/\*/);
  expect(findings(app)).toEqual([]);
});

test('with IAM and a web function it may call its endpoint', () => {
  const { statements } = granted({ authorizer: 'iam', ingress: 'web-function' });
  expect(statements.map(({ Action }) => Action)).toEqual(['lambda:InvokeWebFunctionEndpoint']);
});

test('with IAM a key is refused, since none is ever checked', () => {
  expect(() => granted({ authorizer: 'iam' }, (stack) => ({ key: new Secret(stack, 'Narrow') }))).toThrow(
    /Polling\/Poller is granted a key, but with the authorizer iam no key is ever checked/,
  );
});
