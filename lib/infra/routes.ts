/** The HTTP API's routes by function. Everything else goes to `topics`, which answers it with the API's own error. */
import { HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2';
import type { ApiLambdaName } from './lambda-code.ts';

export interface Route {
  path: string;
  method: HttpMethod;
  lambda: ApiLambdaName;
  /** Answered without a key or a signature, whatever the authorizer. */
  open?: true;
}

export const routes: readonly Route[] = [
  { method: HttpMethod.POST, path: '/v1/topics/{topic}/records', lambda: 'produce' },
  { method: HttpMethod.POST, path: '/v1/topics/{topic}/partitions/{partition}/records', lambda: 'produce' },
  { method: HttpMethod.ANY, path: '/v1/producers', lambda: 'produce' },
  { method: HttpMethod.GET, path: '/v1/topics/{topic}/partitions/{partition}/records', lambda: 'fetch' },
  { method: HttpMethod.GET, path: '/v1/topics/{topic}/partitions/{partition}/plan', lambda: 'fetch' },
  { method: HttpMethod.GET, path: '/v1/topics/{topic}/partitions/{partition}/offsets', lambda: 'fetch' },
  { method: HttpMethod.ANY, path: '/v1/transactions', lambda: 'produce' },
  { method: HttpMethod.ANY, path: '/v1/transactions/{transactional_id}', lambda: 'produce' },
  // Init, parts, commit, abort.
  { method: HttpMethod.ANY, path: '/v1/transactions/{transactional_id}/{action}', lambda: 'produce' },
  { method: HttpMethod.ANY, path: '/v1/groups', lambda: 'groups' },
  { method: HttpMethod.ANY, path: '/v1/groups/{group}', lambda: 'groups' },
  // Poll, leave, commit, offsets.
  { method: HttpMethod.ANY, path: '/v1/groups/{group}/{action}', lambda: 'groups' },
  // What a time stands for, records say: the function for groups reads them, that for topics does not.
  { method: HttpMethod.DELETE, path: '/v1/topics/{topic}/records', lambda: 'groups' },
  // Any method: the app answers a wrong one with 405 and the API's error body; the gateway would say 404.
  { method: HttpMethod.ANY, path: '/v1/topics', lambda: 'topics' },
  { method: HttpMethod.ANY, path: '/v1/topics/{topic}', lambda: 'topics' },
  { method: HttpMethod.ANY, path: '/v1/erasures', lambda: 'topics' },
  { method: HttpMethod.ANY, path: '/v1/erasures/{id}', lambda: 'topics' },
  { method: HttpMethod.ANY, path: '/v1/keys', lambda: 'topics' },
  { method: HttpMethod.ANY, path: '/v1/keys/{id}', lambda: 'topics' },
  { method: HttpMethod.GET, path: '/v1/openapi.json', lambda: 'topics' },
  { method: HttpMethod.GET, path: '/healthz', lambda: 'topics', open: true },
  // The REST dialect (docs/rest-dialect.md). Its other paths go where everything else goes.
  { method: HttpMethod.POST, path: '/topics/{topicname}', lambda: 'produce' },
  { method: HttpMethod.POST, path: '/topics/{topicname}/partitions/{partitionid}', lambda: 'produce' },
  { method: HttpMethod.ANY, path: '/consumers/{groupid}', lambda: 'groups' },
  { method: HttpMethod.ANY, path: '/consumers/{groupid}/instances/{name}', lambda: 'groups' },
  // Subscription, assignments, records, offsets, positions.
  { method: HttpMethod.ANY, path: '/consumers/{groupid}/instances/{name}/{action}', lambda: 'groups' },
  { method: HttpMethod.ANY, path: '/consumers/{groupid}/instances/{name}/positions/{end}', lambda: 'groups' },
  { method: HttpMethod.GET, path: '/', lambda: 'topics', open: true },
  { method: HttpMethod.GET, path: '/healthy', lambda: 'topics', open: true },
  { method: HttpMethod.GET, path: '/ready', lambda: 'topics', open: true },
];

/** Where the stack has triggers. */
export const triggerRoutes: readonly Pick<Route, 'method' | 'path'>[] = [
  { method: HttpMethod.ANY, path: '/v1/triggers' },
  { method: HttpMethod.ANY, path: '/v1/triggers/{trigger}' },
  { method: HttpMethod.ANY, path: '/v1/triggers/{trigger}/{action}' },
];
