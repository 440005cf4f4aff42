/** Puts a route of the dialect onto the door: who calls, whether they may, and errors in the dialect's own form. */

import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Principal } from '../../coordination/tenants/principal.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { COMMON_HEADERS } from '../answer.ts';
import { ClientGoneError, readBody } from '../body.ts';
import { type Door, type DoorEnv, principalOf, reportBug } from '../door.ts';
import { parseJson } from '../json/parse.ts';
import { contentType } from '../media-type.ts';
import { authorize, bodySource } from '../native/mount.ts';
import { validate } from '../validate.ts';
import { DialectError, errorAnswer } from './errors.ts';
import { answerType, BODY_TYPES } from './media-types.ts';
import { allowedMethods, DIALECT_PATHS, type DialectPath } from './paths.ts';
import type { DialectRoute } from './route.ts';

export interface DialectCall {
  context: Context<DoorEnv>;
  /** Absent where nobody is asked for a key. */
  principal: Principal | undefined;
  /** Of the path; empty where the path has none of that name. */
  param(name: 'topicname' | 'partitionid' | 'groupid' | 'name'): string;
  /** Of the query string, the first of that name. Others are passed over, as in all of the dialect's servers. */
  query(name: string): string | undefined;
  /** An answer without records, as JSON text. */
  answer(text: string, status?: number): Response;
}

export function mountDialectRoute(
  door: Door,
  { method, path, access }: DialectRoute,
  handler: (call: DialectCall) => Promise<Response>,
): void {
  door.app.on(method.toUpperCase(), honoPath(path), async (context) =>
    answered(door, context, async (type) => {
      const principal = access === 'open' ? undefined : await principalOf(context, door.options);
      if (!allowedMethods(path).includes(context.req.method)) return notAllowed(context, path, type);
      const params: Record<string, string> = context.req.param();
      authorize(principal, access, params['topicname']);
      return handler({
        context,
        principal,
        param: (name) => params[name] ?? '',
        query: (name) => new URL(context.req.url).searchParams.get(name) ?? undefined,
        answer: (text, status = 200) =>
          new Response(text, { status, headers: { 'Content-Type': type, ...COMMON_HEADERS } }),
      });
    }),
  );
}

/** Answers the other methods of the dialect's paths. Whoever has no key hears no more than that. */
export function mountDialectMethods(door: Door): void {
  for (const path of Object.keys(DIALECT_PATHS) as DialectPath[]) {
    door.app.all(honoPath(path), async (context) =>
      answered(door, context, async (type) => {
        await principalOf(context, door.options);
        return notAllowed(context, path, type);
      }),
    );
  }
}

function notAllowed({ req }: Context<DoorEnv>, path: DialectPath, type: string): Response {
  const methods = allowedMethods(path);
  const allow = methods.join(', ');
  const detail = `${req.method} is not allowed here; ${allow} ${methods.length === 1 ? 'is' : 'are'}.`;
  return errorAnswer(new MillraceError('METHOD_NOT_ALLOWED', detail), type, { Allow: allow });
}

function honoPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

async function answered(
  door: Door,
  context: Context<DoorEnv>,
  handler: (type: string) => Promise<Response>,
): Promise<Response> {
  const type = answerType(context.req.header('accept'));
  try {
    return await handler(type);
  } catch (error) {
    if (error instanceof MillraceError || error instanceof DialectError) return errorAnswer(error, type);
    if (error instanceof ClientGoneError) throw error;
    return errorAnswer(new MillraceError('UNKNOWN_SERVER_ERROR', reportBug(error, context, door.options).detail), type);
  }
}

/** The request's JSON body, checked by the schema. Without a type it is taken for what it has to be. */
export async function dialectBody<Schema extends z.ZodType>(
  door: Door,
  { context }: DialectCall,
  schema: Schema,
): Promise<z.output<Schema>> {
  const type = context.req.header('content-type');
  if (type !== undefined) contentType(type, BODY_TYPES);
  const body = await readBody(bodySource(door, context));
  // Nothing at all is what the schema says of an absent body.
  return validate(schema, body.length === 0 ? undefined : parseJson(body));
}
