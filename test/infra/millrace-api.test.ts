import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { flat, resource, resourcesOf, tenantTemplate } from './support/synthesize.ts';

/** Route key → the function behind it and how callers are authorized. */
function routesOf(template: Template): Record<string, string> {
  const all = new Map(resourcesOf(template));
  const found: Record<string, string> = {};
  for (const { Type, Properties } of all.values()) {
    if (Type !== 'AWS::ApiGatewayV2::Route') continue;
    const [, integrationId] = /Ref":"(\w+)"/.exec(JSON.stringify(Properties['Target'])) ?? [];
    const integration = all.get(integrationId ?? '');
    const [, name] = /<Functions(\w+)Function\.Arn>/.exec(flat(integration?.Properties['IntegrationUri'])) ?? [];
    found[Properties['RouteKey'] as string] = `${name} ${String(Properties['AuthorizationType'])}`;
  }
  return found;
}

const LAMBDA_OF_ROUTE = {
  'POST /v1/topics/{topic}/records': 'Produce',
  'POST /v1/topics/{topic}/partitions/{partition}/records': 'Produce',
  'GET /v1/topics/{topic}/partitions/{partition}/records': 'Fetch',
  'GET /v1/topics/{topic}/partitions/{partition}/plan': 'Fetch',
  'GET /v1/topics/{topic}/partitions/{partition}/offsets': 'Fetch',
  'ANY /v1/producers': 'Produce',
  'ANY /v1/transactions': 'Produce',
  'ANY /v1/transactions/{transactional_id}': 'Produce',
  'ANY /v1/transactions/{transactional_id}/{action}': 'Produce',
  'DELETE /v1/topics/{topic}/records': 'Groups',
  'ANY /v1/groups': 'Groups',
  'ANY /v1/groups/{group}': 'Groups',
  'ANY /v1/groups/{group}/{action}': 'Groups',
  'ANY /v1/topics': 'Topics',
  'ANY /v1/topics/{topic}': 'Topics',
  'ANY /v1/erasures': 'Topics',
  'ANY /v1/erasures/{id}': 'Topics',
  'ANY /v1/keys': 'Topics',
  'ANY /v1/keys/{id}': 'Topics',
  'GET /v1/openapi.json': 'Topics',
  'GET /healthz': 'Topics',
  'POST /topics/{topicname}': 'Produce',
  'POST /topics/{topicname}/partitions/{partitionid}': 'Produce',
  'ANY /consumers/{groupid}': 'Groups',
  'ANY /consumers/{groupid}/instances/{name}': 'Groups',
  'ANY /consumers/{groupid}/instances/{name}/{action}': 'Groups',
  'ANY /consumers/{groupid}/instances/{name}/positions/{end}': 'Groups',
  'GET /': 'Topics',
  'GET /healthy': 'Topics',
  'GET /ready': 'Topics',
  $default: 'Topics',
};

/** Whether the server is there and well. */
const OPEN = new Set(['GET /healthz', 'GET /', 'GET /healthy', 'GET /ready']);

describe('routes', () => {
  test('with API keys go to their functions, which check the keys', () => {
    expect(routesOf(tenantTemplate())).toEqual(
      Object.fromEntries(Object.entries(LAMBDA_OF_ROUTE).map(([route, name]) => [route, `${name} NONE`])),
    );
  });

  test('with IAM need a signature, health checks and the version of the dialect excepted', () => {
    expect(routesOf(tenantTemplate({ authorizer: 'iam' }))).toEqual(
      Object.fromEntries(
        Object.entries(LAMBDA_OF_ROUTE).map(([route, name]) => [
          route,
          `${name} ${OPEN.has(route) ? 'NONE' : 'AWS_IAM'}`,
        ]),
      ),
    );
  });

  test('the API may invoke each function by its own routes only', () => {
    const template = tenantTemplate();
    const sources = resourcesOf(template)
      .filter(([, { Type }]) => Type === 'AWS::Lambda::Permission')
      .map(([, { Properties }]) => {
        expect(Properties['Principal']).toBe('apigateway.amazonaws.com');
        return flat(Properties['SourceArn']).replace(/^.*<Api>\/\*/, '');
      });
    expect(sources.toSorted()).toEqual(
      [
        '/*/',
        '/*/consumers/{groupid}',
        '/*/consumers/{groupid}/instances/{name}',
        '/*/consumers/{groupid}/instances/{name}/positions/{end}',
        '/*/consumers/{groupid}/instances/{name}/{action}',
        '/*/healthy',
        '/*/healthz',
        '/*/ready',
        '/*/topics/{topicname}',
        '/*/topics/{topicname}/partitions/{partitionid}',
        '/*/v1/erasures',
        '/*/v1/erasures/{id}',
        '/*/v1/groups',
        '/*/v1/groups/{group}',
        '/*/v1/groups/{group}/{action}',
        '/*/v1/keys',
        '/*/v1/keys/{id}',
        '/*/v1/openapi.json',
        '/*/v1/producers',
        '/*/v1/topics',
        '/*/v1/topics/{topic}',
        '/*/v1/topics/{topic}/partitions/{partition}/offsets',
        '/*/v1/topics/{topic}/partitions/{partition}/plan',
        '/*/v1/topics/{topic}/partitions/{partition}/records',
        '/*/v1/topics/{topic}/partitions/{partition}/records',
        '/*/v1/topics/{topic}/records',
        '/*/v1/topics/{topic}/records',
        '/*/v1/transactions',
        '/*/v1/transactions/{transactional_id}',
        '/*/v1/transactions/{transactional_id}/{action}',
        // The catch-all: whatever has no route of its own.
        '/*',
      ].toSorted(),
    );
  });
});

describe('the stage', () => {
  test('throttles by default and as told', () => {
    const settings = (template: Template) =>
      resource(template, 'AWS::ApiGatewayV2::Stage').Properties['DefaultRouteSettings'];
    expect(settings(tenantTemplate())).toEqual({ ThrottlingRateLimit: 500, ThrottlingBurstLimit: 1000 });
    expect(settings(tenantTemplate({ throttlingRate: 10, throttlingBurst: 20 }))).toEqual({
      ThrottlingRateLimit: 10,
      ThrottlingBurstLimit: 20,
    });
  });

  test('logs every request as JSON, without headers', () => {
    const { Properties } = resource(tenantTemplate(), 'AWS::ApiGatewayV2::Stage');
    const { DestinationArn, Format } = Properties['AccessLogSettings'] as { DestinationArn: unknown; Format: string };
    expect(flat(DestinationArn)).toBe('<ApiAccessLogs.Arn>');
    expect(JSON.parse(Format)).toMatchObject({ status: '$context.status', route: '$context.routeKey' });
    expect(Format).not.toMatch(/header|authorization/i);
  });

  test('has no CORS', () => {
    expect(resource(tenantTemplate(), 'AWS::ApiGatewayV2::Api').Properties).not.toHaveProperty('CorsConfiguration');
  });
});
