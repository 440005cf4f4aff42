/**
 * Where the REST dialect answers otherwise than the bridge's published description says, as changes of that description. Each
 * is in the table of docs/rest-dialect.md, with its reason.
 */
interface Response {
  description: string;
  content?: Record<string, { schema: object }>;
}

interface Operation {
  operationId: string;
  requestBody?: object;
  responses: Record<string, Response>;
}

export interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { oneOf?: object[] }> };
}

const METHODS = ['get', 'post', 'delete'];
const ERROR_TYPE = 'application/vnd.kafka.v2+json';

/** The statuses that the description lacks, by whether the operation has a body. */
const STATUSES = ['401', '403', '405', '408', '429', '503'];
const STATUSES_WITH_BODY = ['413', '415'];
/** Those that single operations have beside them. */
const STATUSES_OF: Record<string, string[]> = {
  createTopic: ['409', '422'],
};

export function withDifferences(published: Description): Description {
  const description = structuredClone(published);
  const error: Response = {
    description: 'As docs/rest-dialect.md says',
    content: { [ERROR_TYPE]: { schema: { $ref: '#/components/schemas/Error' } } },
  };
  for (const operation of operationsOf(description)) {
    const added = [...STATUSES, ...(STATUSES_OF[operation.operationId] ?? [])];
    if (operation.requestBody !== undefined) added.push(...STATUSES_WITH_BODY);
    for (const status of added) operation.responses[status] ??= error;
    if (operation.operationId.startsWith('openapi')) {
      operation.responses['200'] = {
        description: 'An object',
        content: { 'application/json': { schema: { type: 'object' } } },
      };
    }
  }
  return description;
}

export function operationsOf(description: Description): Operation[] {
  return Object.values(description.paths).flatMap((item) =>
    METHODS.flatMap((method) => (item[method] === undefined ? [] : [item[method]])),
  );
}
