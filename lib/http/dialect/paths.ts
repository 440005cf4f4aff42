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
} as const satisfies Record<string, readonly string[]>;

export type DialectPath = keyof typeof DIALECT_PATHS;
