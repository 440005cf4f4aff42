/**
 * What a native route is: its OpenAPI description and the schemas that check its requests are one object. Mounting it
 * (mount.ts) puts the checks in front of its handler. The definitions know no use case, so that the whole document can
 * be made where only a part of the API is served.
 */
import { createRoute, type RouteConfig, type z } from '@hono/zod-openapi';
import { assert } from '../../kernel/assert.ts';
import { type ErrorCode, errorRow } from '../../kernel/errors.ts';
import { PROBLEM_TYPE } from '../problems.ts';
import { NATIVE_PATHS, type NativePath } from './paths.ts';
import { problemSchema } from './schemas.ts';

/**
 * What a caller needs: nothing at all, any valid key, any scope or a certain one, on the topic of the path where there
 * is one.
 */
export type Access = 'open' | 'any-key' | 'any-scope' | 'admin' | 'produce' | 'consume';

export interface RouteDefinition<Params extends z.ZodObject, Query extends z.ZodObject> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  path: NativePath;
  operationId: string;
  summary: string;
  description?: string;
  tag: string;
  access: Access;
  params: Params;
  query: Query;
  /** Request headers, described here and read by the handler. */
  headers?: z.ZodObject;
  /** Media types of the body. JSON is read and checked by `jsonBody` (mount.ts) when the handler asks. */
  body?: Record<string, z.ZodType>;
  /** By status: what it is, and its body by media type. Errors are named by `errors`. */
  answers: Record<number, { description: string; content?: Record<string, z.ZodType>; headers?: z.ZodObject }>;
  errors: readonly ErrorCode[];
}

/** What every route can answer beside its own errors. */
const COMMON_ERRORS = ['INVALID_REQUEST', 'KAFKA_STORAGE_ERROR', 'UNKNOWN_SERVER_ERROR'] as const;
const KEY_ERRORS = ['UNAUTHENTICATED', 'FORBIDDEN', 'THROTTLING_QUOTA_EXCEEDED'] as const;
const BODY_ERRORS = ['UNSUPPORTED_MEDIA_TYPE', 'REQUEST_TOO_LARGE', 'REQUEST_NOT_RECEIVED'] as const;

export interface Route<Params extends z.ZodObject, Query extends z.ZodObject> {
  definition: RouteDefinition<Params, Query>;
  documentation: RouteConfig;
}

export function defineRoute<Params extends z.ZodObject, Query extends z.ZodObject>(
  definition: RouteDefinition<Params, Query>,
): Route<Params, Query> {
  const { method, path, params, query, body, access } = definition;
  assert(
    (NATIVE_PATHS[path] as readonly string[]).includes(method.toUpperCase()),
    `${method} ${path} is not in the table`,
  );
  const documentation = createRoute({
    method,
    path,
    operationId: definition.operationId,
    summary: definition.summary,
    description: definition.description,
    tags: [definition.tag],
    ...(access === 'open' ? { security: [] } : {}),
    request: {
      params,
      query,
      ...(definition.headers && { headers: definition.headers }),
      ...(body === undefined ? {} : { body: { required: true, content: contentOf(body) } }),
    },
    responses: { ...answersOf(definition), ...problemsOf(definition) },
  });
  return { definition, documentation };
}

function contentOf(types: Record<string, z.ZodType>): Record<string, { schema: z.ZodType }> {
  return Object.fromEntries(Object.entries(types).map(([type, schema]) => [type, { schema }]));
}

function answersOf({ answers }: RouteDefinition<z.ZodObject, z.ZodObject>): RouteConfig['responses'] {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, content, headers }]) => [
      status,
      { description, ...(headers && { headers }), ...(content && { content: contentOf(content) }) },
    ]),
  );
}

function problemsOf({ access, body, errors }: RouteDefinition<z.ZodObject, z.ZodObject>): RouteConfig['responses'] {
  const codes = new Set<ErrorCode>([
    ...COMMON_ERRORS,
    ...(access === 'open' ? [] : KEY_ERRORS),
    ...(body === undefined ? [] : BODY_ERRORS),
    ...errors,
  ]);
  const byStatus = Map.groupBy(codes, (code) => errorRow(code).status);
  return Object.fromEntries(
    [...byStatus].map(([status, codesOfIt]) => [
      status,
      { description: codesOfIt.join(', '), content: { [PROBLEM_TYPE]: { schema: problemSchema } } },
    ]),
  );
}
