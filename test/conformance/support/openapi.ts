/**
 * Holds answers against the OpenAPI document that the server itself publishes: the status and media type are described
 * for the operation, and a JSON body fits its schema, with no property that the schema does not know.
 */
interface Schema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  pattern?: string;
}

interface Operation {
  operationId: string;
  responses: Record<string, { content?: Record<string, { schema?: Schema }> }>;
}

export interface OpenApiDocument {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

export interface CheckedAnswer {
  method: string;
  path: string;
  status: number;
  contentType: string | undefined;
  /** Of JSON types only. */
  json: unknown;
}

/** What does not fit; empty where everything does. */
export function misfits(document: OpenApiDocument, answer: CheckedAnswer): string[] {
  const { method, status, contentType, json } = answer;
  const operation = operationOf(document, method, answer.path);
  const isProblem = contentType === 'application/problem+json';
  // No operation: a path or method that does not exist can only be a problem.
  if (operation === undefined) {
    if (method === 'HEAD') return isProblem ? [] : ['is no problem'];
    return isProblem ? fit(document, { $ref: '#/components/schemas/Problem' }, json, 'body') : ['is no problem'];
  }
  const response = operation.responses[String(status)];
  if (response === undefined) return [`${operation.operationId} does not describe the status ${status}`];
  if (contentType === undefined || method === 'HEAD') return [];
  const content = response.content?.[contentType];
  if (content === undefined) return [`${operation.operationId} does not describe ${contentType} for ${status}`];
  return json === undefined ? [] : fit(document, content.schema ?? {}, json, 'body');
}

function operationOf(document: OpenApiDocument, method: string, path: string): Operation | undefined {
  const name = method === 'HEAD' ? 'get' : method.toLowerCase();
  const { pathname } = new URL(path, 'http://h');
  for (const [template, item] of Object.entries(document.paths)) {
    const pattern = new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
    if (pattern.test(pathname)) return item[name];
  }
  return undefined;
}

function fit(document: OpenApiDocument, schema: Schema, value: unknown, at: string): string[] {
  if (schema.$ref !== undefined) return fit(document, resolve(document, schema.$ref), value, at);
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) {
    const faults = options.map((option) => fit(document, option, value, at));
    return faults.some((found) => found.length === 0)
      ? []
      : [`${at} fits none of ${options.length} options`, ...faults.flat()];
  }
  if (schema.allOf !== undefined) return schema.allOf.flatMap((part) => fit(document, part, value, at));
  const faults: string[] = [];
  if (schema.type !== undefined && ![schema.type].flat().some((type) => isOfType(type, value))) {
    return [`${at} is ${JSON.stringify(value)?.slice(0, 100)}, not ${[schema.type].flat().join(' or ')}`];
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) faults.push(`${at} is not one of its values`);
  if (schema.const !== undefined && schema.const !== value) faults.push(`${at} is not ${JSON.stringify(schema.const)}`);
  if (typeof value === 'number') {
    if (value < (schema.minimum ?? value) || value > (schema.maximum ?? value)) faults.push(`${at} is out of range`);
  }
  if (typeof value === 'string' && schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) {
    faults.push(`${at} does not match ${schema.pattern}`);
  }
  if (Array.isArray(value) && schema.items !== undefined) {
    for (const [index, item] of value.entries()) faults.push(...fit(document, schema.items, item, `${at}[${index}]`));
  }
  if (isOfType('object', value)) faults.push(...fitObject(document, schema, value as Record<string, unknown>, at));
  return faults;
}

function fitObject(document: OpenApiDocument, schema: Schema, value: Record<string, unknown>, at: string): string[] {
  const { properties, required = [], additionalProperties } = schema;
  const faults = required.filter((name) => !Object.hasOwn(value, name)).map((name) => `${at}.${name} is missing`);
  for (const [name, item] of Object.entries(value)) {
    const property = properties?.[name];
    if (property !== undefined) faults.push(...fit(document, property, item, `${at}.${name}`));
    else if (typeof additionalProperties === 'object')
      faults.push(...fit(document, additionalProperties, item, `${at}.${name}`));
    else if (properties !== undefined) faults.push(`${at}.${name} is not described`);
  }
  return faults;
}

function resolve(document: OpenApiDocument, reference: string): Schema {
  const schema = document.components.schemas[reference.replace('#/components/schemas/', '')];
  if (schema === undefined) throw new Error(`the document has no ${reference}`);
  return schema;
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isSafeInteger(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}
