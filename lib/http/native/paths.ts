/**
 * The paths of the native API and the methods each of them takes. A Lambda function serves only a part of them, but
 * says of every one whether it exists: 405 with `Allow` for a wrong method, 404 for what is no path at all.
 */
export const NATIVE_PATHS = {
  '/healthz': ['GET'],
  '/v1/openapi.json': ['GET'],
  '/v1/topics': ['GET', 'POST'],
  '/v1/topics/{topic}': ['GET', 'PATCH', 'DELETE'],
  '/v1/topics/{topic}/records': ['POST', 'DELETE'],
  '/v1/topics/{topic}/partitions/{partition}/records': ['GET', 'POST'],
  '/v1/topics/{topic}/partitions/{partition}/offsets': ['GET'],
  '/v1/topics/{topic}/partitions/{partition}/plan': ['GET'],
  '/v1/producers': ['POST'],
  '/v1/transactions': ['POST'],
  '/v1/transactions/{transactional_id}': ['GET'],
  '/v1/transactions/{transactional_id}/init': ['POST'],
  '/v1/transactions/{transactional_id}/parts': ['POST'],
  '/v1/transactions/{transactional_id}/commit': ['POST'],
  '/v1/transactions/{transactional_id}/abort': ['POST'],
  '/v1/groups': ['GET'],
  '/v1/groups/{group}': ['GET', 'DELETE'],
  '/v1/groups/{group}/poll': ['POST'],
  '/v1/groups/{group}/leave': ['POST'],
  '/v1/groups/{group}/commit': ['POST'],
  '/v1/groups/{group}/offsets': ['GET', 'PUT'],
  '/v1/triggers': ['GET', 'POST'],
  '/v1/triggers/{name}': ['GET', 'PATCH', 'DELETE'],
  '/v1/triggers/{name}/replay': ['POST'],
  '/v1/erasures': ['GET', 'POST'],
  '/v1/erasures/{id}': ['GET', 'DELETE'],
  '/v1/keys': ['GET', 'POST'],
  '/v1/keys/{id}': ['DELETE'],
} as const satisfies Record<string, readonly string[]>;

export type NativePath = keyof typeof NATIVE_PATHS;

const matchers = (Object.keys(NATIVE_PATHS) as NativePath[]).map((path) => ({
  path,
  pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
}));

/** The documented path that a request's path is one of, for routing and as a label with few values. */
export function nativePathOf(path: string): NativePath | undefined {
  return matchers.find(({ pattern }) => pattern.test(path))?.path;
}

/** The methods that a path takes (`HEAD` wherever `GET`), or `undefined` where it is none of the API's. */
export function methodsOf(path: string): string[] | undefined {
  const native = nativePathOf(path);
  if (native === undefined) return undefined;
  const methods: readonly string[] = NATIVE_PATHS[native];
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}
