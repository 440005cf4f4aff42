import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { acknowledgeImportedWildcard } from './acknowledge.ts';
import type { MillraceApi } from './millrace-api.ts';
import { OptionError } from './option-error.ts';
import type { WebIngress } from './web-ingress.ts';

export interface ConsumeGrantOptions {
  /**
   * With API keys: the secret, `{"id","secret"}`, of a key that may read the topics and use the group. Default: the
   * tenant's first key, which may do everything.
   */
  readonly key?: ISecret;
}

export interface ConsumedBackend {
  url: string;
  api: MillraceApi | undefined;
  web: WebIngress | undefined;
  /** Absent where AWS checks callers. */
  adminKey: ISecret | undefined;
}

/**
 * Lets a function read topics and take part in groups over HTTPS, and tells it where: `MILLRACE_URL`, and with API keys
 * the secret's ARN in `MILLRACE_KEY_SECRET_ARN`. All of it is in the function's own stack.
 */
export function grantConsume(fn: LambdaFunction, backend: ConsumedBackend, { key }: ConsumeGrantOptions): void {
  fn.addEnvironment('MILLRACE_URL', backend.url);
  const secret = key ?? backend.adminKey;
  if (backend.adminKey !== undefined && secret !== undefined) {
    fn.addEnvironment('MILLRACE_KEY_SECRET_ARN', secret.secretArn);
    fn.addToRolePolicy(allow('secretsmanager:GetSecretValue', [secret.secretArn]));
    secret.encryptionKey?.grantDecrypt(fn);
    return;
  }
  if (key !== undefined) {
    throw new OptionError(`${fn.node.path} is granted a key, but with the authorizer iam no key is ever checked.`);
  }
  if (backend.api !== undefined) grantRoutes(fn, backend.api.api);
  if (backend.web !== undefined) backend.web.function.endpoint.grants.invoke(fn);
}

function grantRoutes(fn: LambdaFunction, api: HttpApi): void {
  const routes = [api.arnForExecuteApi('GET', '/v1/topics/*'), api.arnForExecuteApi('*', '/v1/groups/*')];
  fn.addToRolePolicy(allow('execute-api:Invoke', routes));
  const reason =
    'Topics and groups are named when the function runs; the methods and paths are those of consumers, of one API.';
  for (const route of routes) {
    acknowledgeImportedWildcard(fn.role ?? fn, route, { owner: api, value: api.apiId }, reason);
  }
}

function allow(action: string, resources: string[]): PolicyStatement {
  return new PolicyStatement({ effect: Effect.ALLOW, actions: [action], resources });
}
