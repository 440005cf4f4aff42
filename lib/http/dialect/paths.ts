/** The paths of the REST dialect and the methods each of them takes, named as the published description names them. */
export const DIALECT_PATHS = {
  '/': ['GET'],
  '/healthy': ['GET'],
  '/ready': ['GET'],
  '/openapi': ['GET'],
  '/openapi/v3': ['GET'],
  '/topics': ['GET'],
  '/topics/{topicname}': ['GET', 'POST'],
  '/topics/{topicname}/partitions': ['GET'],
  '/topics/{topicname}/partitions/{partitionid}': ['GET', 'POST'],
  '/topics/{topicname}/partitions/{partitionid}/offsets': ['GET'],
  '/admin/topics': ['POST'],
  '/consumers/{groupid}': ['POST'],
  '/consumers/{groupid}/instances/{name}': ['DELETE'],
  '/consumers/{groupid}/instances/{name}/subscription': ['GET', 'POST', 'DELETE'],
  '/consumers/{groupid}/instances/{name}/assignments': ['POST'],
  '/consumers/{groupid}/instances/{name}/records': ['GET'],
  '/consumers/{groupid}/instances/{name}/offsets': ['POST'],
  '/consumers/{groupid}/instances/{name}/positions': ['POST'],
  '/consumers/{groupid}/instances/{name}/positions/beginning': ['POST'],
  '/consumers/{groupid}/instances/{name}/positions/end': ['POST'],
} as const satisfies Record<string, readonly string[]>;

export type DialectPath = keyof typeof DIALECT_PATHS;

/**
 * Asking for records moves the instance on. Without an answer they would be lost, so nobody asks for the headers alone.
 */
const WITHOUT_HEAD: ReadonlySet<string> = new Set(['/consumers/{groupid}/instances/{name}/records']);

/** `HEAD` wherever `GET`, but where that is not safe. */
export function allowedMethods(path: DialectPath): string[] {
  return DIALECT_PATHS[path].flatMap((method) =>
    method === 'GET' && !WITHOUT_HEAD.has(path) ? ['GET', 'HEAD'] : [method],
  );
}

const matchers = (Object.keys(DIALECT_PATHS) as DialectPath[]).map((path) => ({
  path,
  pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
}));

/** The path that a request's path is one of, as a label with few values. */
export function dialectPathOf(path: string): DialectPath | undefined {
  return matchers.find(({ pattern }) => pattern.test(path))?.path;
}
