/**
 * Where the REST dialect answers otherwise than the bridge's published description says, as changes of that
 * description. Each is in the table of docs/rest-dialect.md, with its reason.
 */
interface Response {
  description: string;
  content?: Record<string, { schema: object }>;
}

interface Operation {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: object;
  responses: Record<string, Response>;
}

interface Parameter {
  name: string;
  schema: object;
}

export interface Description {
  paths: Record<string, Record<string, Operation> & { parameters?: Parameter[] }>;
  components: { schemas: Record<string, Schema> };
}

interface Schema {
  oneOf?: { type: string }[];
  properties?: Record<string, object>;
}

const METHODS = ['get', 'post', 'delete'];
const ERROR_TYPE = 'application/vnd.kafka.v2+json';

/** The statuses that the description lacks, by whether the operation has a body. */
const STATUSES = ['401', '403', '405', '429', '503'];
const STATUSES_WITH_BODY = ['408', '413', '415', '422'];
/** Those that single operations have beside them. */
const STATUSES_OF: Record<string, string[]> = {
  createTopic: ['409'],
  commit: ['409'],
  poll: ['409'],
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
    // Its 404 is said to be of another type than all other errors.
    if (operation.operationId === 'unsubscribe') operation.responses['404'] = error;
    if (operation.operationId.startsWith('openapi')) {
      operation.responses['200'] = {
        description: 'An object',
        content: { 'application/json': { schema: { type: 'object' } } },
      };
    }
  }
  widen(description);
  const names = { type: 'array', items: { type: 'string' } };
  Object.assign(schemaOf(description, 'SubscribedTopicList').properties ?? {}, { topics: names });
  return description;
}

/** What a consumed record may be beside what the description says: null for no key, and JSON numbers and booleans. */
function widen(description: Description): void {
  const more = [{ type: 'null' }, { type: 'number' }, { type: 'boolean' }];
  for (const name of ['RecordKey', 'RecordValue']) {
    const { oneOf = [] } = schemaOf(description, name);
    const kinds = new Set(oneOf.map(({ type }) => type));
    oneOf.push(...more.filter(({ type }) => !kinds.has(type)));
  }
}

function schemaOf({ components }: Description, name: string): Schema {
  const schema = components.schemas[name];
  if (schema === undefined) throw new Error(`the description has no ${name}`);
  return schema;
}

export function operationsOf(description: Description): Operation[] {
  return Object.values(description.paths).flatMap((item) =>
    METHODS.flatMap((method) => (item[method] === undefined ? [] : [item[method]])),
  );
}

/** Has the tester ask for what is there every other time: by chance it would hardly ever. */
export function withNames(description: Description, names: Record<string, string>): Description {
  const named = structuredClone(description);
  const lists = [...Object.values(named.paths), ...operationsOf(named)].map(({ parameters = [] }) => parameters);
  for (const parameter of lists.flat()) {
    const name = names[parameter.name];
    if (name !== undefined) parameter.schema = { anyOf: [{ type: 'string', enum: [name] }, parameter.schema] };
  }
  return named;
}
