/** What a route of the dialect is: who may call it, what it takes, and its description in `GET /openapi`. */
import { createRoute, type RouteConfig, z } from '@hono/zod-openapi';
import { assert } from '../../kernel/assert.ts';
import type { Access } from '../native/route.ts';
import { SIMPLE_TYPES } from './media-types.ts';
import { DIALECT_PATHS, type DialectPath } from './paths.ts';
import { errorSchema } from './schemas.ts';

export interface DialectRoute {
  method: 'get' | 'post' | 'delete';
  path: DialectPath;
  operationId: string;
  summary: string;
  access: Access;
  query?: z.ZodObject;
  body?: { types: readonly string[]; schema: z.ZodType; optional?: boolean };
  /** By status. */
  answers: Record<number, { description: string; types?: readonly string[]; schema?: z.ZodType }>;
  /** Statuses of its own errors. */
  errors: readonly number[];
}

/** What every route that asks for a key can answer beside its own errors. */
const KEY_ERRORS = [401, 403, 429, 500, 503];
const BODY_ERRORS = [408, 413, 415, 422];

export function defineDialectRoute(route: DialectRoute): DialectRoute {
  const methods: readonly string[] = DIALECT_PATHS[route.path];
  assert(methods.includes(route.method.toUpperCase()), `${route.method} ${route.path} is not in the table`);
  return route;
}

export function documentationOf(route: DialectRoute): RouteConfig {
  const { method, path, operationId, summary, access, query, body, answers } = route;
  const names = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = '']) => name);
  const params = z.object(Object.fromEntries(names.map((name) => [name, paramSchema(name)])));
  return createRoute({
    method,
    path,
    operationId,
    summary,
    ...(access === 'open' ? { security: [] } : {}),
    request: {
      params,
      ...(query && { query }),
      ...(body && {
        body: {
          required: body.optional !== true,
          content: contentOf(body.types, body.schema),
        },
      }),
    },
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, types = SIMPLE_TYPES, schema }]) => [
          status,
          { description, ...(schema && { content: contentOf(types, schema) }) },
        ]),
      ),
      ...errorsOf(route),
    },
  });
}

function contentOf(types: readonly string[], schema: z.ZodType): Record<string, { schema: z.ZodType }> {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

function paramSchema(name: string): z.ZodType {
  if (name === 'partitionid') return z.string().openapi({ type: 'integer', minimum: 0 });
  return z.string();
}

function errorsOf({ access, body, errors }: DialectRoute): RouteConfig['responses'] {
  const statuses = new Set([...(access === 'open' ? [] : KEY_ERRORS), ...(body ? BODY_ERRORS : []), ...errors]);
  return Object.fromEntries(
    [...statuses].map((status) => [
      status,
      { description: `Error ${status}`, content: contentOf(SIMPLE_TYPES, errorSchema) },
    ]),
  );
}
