import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  HttpApi,
  HttpNoneAuthorizer,
  HttpRoute,
  HttpRouteKey,
  HttpStage,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { logRetention } from './log-retention.ts';
import type { MillraceFunction } from './millrace-function.ts';
import type { Authorizer, MillraceFunctions } from './millrace-functions.ts';
import { removalPolicy } from './removal.ts';
import { routes, triggerRoutes } from './routes.ts';

export interface MillraceApiProps {
  functions: MillraceFunctions;
  authorizer: Authorizer;
  /** Requests a second that the stage lets through, on average. Default 500. */
  throttlingRate?: number;
  /** Requests that it lets through at once. Default 1,000. */
  throttlingBurst?: number;
  /** Default 90. */
  logRetentionDays?: number;
}

/** One JSON object a request. No header is in it, so no key can be. */
const ACCESS_LOG_FORMAT = JSON.stringify({
  requestId: '$context.requestId',
  time: '$context.requestTimeEpoch',
  ip: '$context.identity.sourceIp',
  caller: '$context.identity.caller',
  method: '$context.httpMethod',
  path: '$context.path',
  route: '$context.routeKey',
  status: '$context.status',
  responseBytes: '$context.responseLength',
  latencyMs: '$context.responseLatency',
  integrationLatencyMs: '$context.integrationLatency',
  error: '$context.error.message',
  integrationError: '$context.integrationErrorMessage',
});

const OWN_KEYS =
  'The app checks its own API keys on this route, with scopes and topic prefixes that the gateway does not know.';
const OPEN_ROUTE = 'A health check that says only whether storage answers; load balancers ask it without credentials.';

/**
 * The HTTP API of a tenant: a `$default` stage with throttling and access logs, a route per row of `routes`, and a
 * catch-all. An HTTP API buffers requests and answers and waits at most 30 s (Amazon API Gateway quotas, HTTP API).
 */
export class MillraceApi extends Construct {
  readonly api: HttpApi;
  readonly stage: HttpStage;
  private readonly authorizer: Authorizer;

  constructor(scope: Construct, id: string, props: MillraceApiProps) {
    super(scope, id);
    this.api = new HttpApi(this, 'Api', { createDefaultStage: false });
    const accessLogs = new LogGroup(this, 'AccessLogs', {
      retention: logRetention(props.logRetentionDays ?? 90),
      removalPolicy: removalPolicy('destroy'),
    });
    this.stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      autoDeploy: true,
      throttle: { rateLimit: props.throttlingRate ?? 500, burstLimit: props.throttlingBurst ?? 1000 },
      accessLogSettings: {
        destination: new LogGroupLogDestination(accessLogs),
        format: AccessLogFormat.custom(ACCESS_LOG_FORMAT),
      },
    });
    this.authorizer = props.authorizer;
    this.addApiRoutes(props.functions);
  }

  /** Routes `/v1/triggers` to the function that serves it; without this it is a path that is none. */
  addTriggers(triggers: MillraceFunction): void {
    const integration = new HttpLambdaIntegration('Triggers', triggers.function);
    for (const { path, method } of triggerRoutes) this.addRoute(HttpRouteKey.with(path, method), integration);
  }

  /** Without a trailing slash. */
  get url(): string {
    return this.api.apiEndpoint;
  }

  private addApiRoutes(functions: MillraceFunctions): void {
    const integrations = {
      produce: new HttpLambdaIntegration('Produce', functions.produce.function),
      fetch: new HttpLambdaIntegration('Fetch', functions.fetch.function),
      groups: new HttpLambdaIntegration('Groups', functions.groups.function),
      topics: new HttpLambdaIntegration('Topics', functions.topics.function),
    };
    for (const { path, method, lambda, open } of routes) {
      this.addRoute(HttpRouteKey.with(path, method), integrations[lambda], open);
    }
    this.addRoute(HttpRouteKey.DEFAULT, integrations.topics);
  }

  private addRoute(routeKey: HttpRouteKey, integration: HttpLambdaIntegration, open = false): void {
    const unsigned = open || this.authorizer === 'api-keys';
    const route = new HttpRoute(this, routeKey.key, {
      httpApi: this.api,
      routeKey,
      integration,
      authorizer: unsigned ? new HttpNoneAuthorizer() : new HttpIamAuthorizer(),
    });
    if (unsigned) acknowledge(route, 'AwsSolutions-APIG4', open ? OPEN_ROUTE : OWN_KEYS);
  }
}
