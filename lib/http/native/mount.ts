/** Puts a route's checks in front of its handler: who calls, whether they may, the path, the query string. */
import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { mayDo, type Principal, SCOPES } from '../../coordination/tenants/principal.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { type BodySource, readBody } from '../body.ts';
import { type Door, type DoorEnv, principalOf } from '../door.ts';
import { parseJson } from '../json/parse.ts';
import { contentType, JSON_TYPE } from '../media-type.ts';
import { parseQuery } from '../query.ts';
import { validate } from '../validate.ts';
import type { Access, Route } from './route.ts';

/** A request whose path and query are checked and whose caller may make it. */
export interface Call<Params extends z.ZodObject, Query extends z.ZodObject> {
  context: Context<DoorEnv>;
  /** Absent where nobody is asked for a key. */
  principal: Principal | undefined;
  params: z.output<Params>;
  query: z.output<Query>;
}

export function mount<Params extends z.ZodObject, Query extends z.ZodObject>(
  door: Door,
  route: Route<Params, Query>,
  handler: (call: Call<Params, Query>) => Promise<Response>,
): void {
  const { method, path, params, query, access } = route.definition;
  door.app.openAPIRegistry.registerPath(route.documentation);
  door.app.on(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'), async (context) => {
    const given: Record<string, string> = context.req.param();
    const principal = access === 'open' ? undefined : await principalOf(context, door.options);
    authorize(principal, access, given['topic']);
    return handler({
      context,
      principal,
      params: validate(params, given),
      query: parseQuery(context.req.url, query),
    });
  });
}

/** Throws `FORBIDDEN`. There is no principal where nobody is asked for a key. */
export function authorize(principal: Principal | undefined, access: Access, topic: string | undefined): void {
  if (principal === undefined || access === 'open' || access === 'any-key') return;
  if (access === 'any-scope' ? hasAnyScope(principal, topic) : mayDo(principal, access, topic)) return;
  const scope = access === 'any-scope' ? 'any scope' : `the scope ${access}`;
  const where = topic === undefined ? '' : ` on the topic "${topic.slice(0, 300)}"`;
  throw new MillraceError('FORBIDDEN', `The key "${principal.id}" lacks ${scope}${where}.`);
}

/** Whether the principal may know of the topic. */
function hasAnyScope(principal: Principal, topic: string | undefined): boolean {
  return SCOPES.some((scope) => mayDo(principal, scope, topic));
}

/** What the names of the topics begin with that the principal may know of; `undefined` where it is all topics. */
export function visiblePrefixes(principal: Principal | undefined): string[] | undefined {
  if (principal === undefined) return undefined;
  const prefixes: string[] = [];
  for (const { topicPrefix } of principal.grants) {
    if (topicPrefix === undefined) return undefined;
    prefixes.push(topicPrefix);
  }
  return prefixes;
}

export function bodySource(door: Door, context: Context<DoorEnv>): BodySource {
  // Outside of Node's server `env` is absent, or another platform's.
  const incoming: unknown = (context.env as DoorEnv['Bindings'] | undefined)?.incoming;
  return { incoming, request: context.req.raw, deadlines: door.deadlines };
}

/** The request's JSON body, checked by the schema. */
export async function jsonBody<Schema extends z.ZodType>(
  door: Door,
  context: Context<DoorEnv>,
  schema: Schema,
): Promise<z.output<Schema>> {
  contentType(context.req.header('content-type'), [JSON_TYPE]);
  return validate(schema, parseJson(await readBody(bodySource(door, context))));
}
