/**
 * The HTTP door: everything that holds for all routes, and nothing of any one of them. Route groups (`native/*.ts`) are
 * mounted onto it, all of them by `createApp`, or a few by a Lambda function whose bundle then holds no more.
 *
 * Doors hold no rules. They parse, ask who is calling and whether they may, call a use case, and render.
 */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { cors } from 'hono/cors';
import type { Broker } from '../broker/broker.ts';
import type { BrokerLog } from '../broker/broker-log.ts';
import type { Authenticator } from '../broker/keys/authenticate.ts';
import type { TargetPolicy } from '../broker/triggers/target-policy.ts';
import type { Principal } from '../coordination/tenants/principal.ts';
import type { Clock } from '../kernel/clock.ts';
import { MillraceError } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { ArrivalDeadlines } from './arrival-deadlines.ts';
import { ClientGoneError } from './body.ts';
import { parseCredentials } from './credentials.ts';
import { methodsOf } from './native/paths.ts';
import { bugProblem, type Problem, problemAnswer, problemResponse } from './problems.ts';
import { requireSameSite } from './same-site.ts';
import { WaitingRequests } from './waiting.ts';

export interface DoorOptions {
  broker: Broker;
  clock: Clock;
  random: Random;
  /** Without one nobody is asked who they are, and only this machine's names are answered (see same-site.ts). */
  authenticator?: Authenticator;
  /** Something in front of this door lets in only who may do everything (IAM signatures): then nobody is asked here. */
  callersChecked?: boolean;
  /** Serves the URLs that this server itself has signed; object stores of the cloud serve theirs. */
  objectUrls?: ObjectUrls;
  /** Which functions triggers may have, and which destinations; none unless given. */
  targetPolicy?: TargetPolicy;
  /** Off unless given. */
  cors?: { origins: readonly string[] };
  /** Where clients reach this server, when that is not how it sees itself. */
  advertisedUrl?: string;
  /** Whether an answer can go out piece by piece. Where not, a live tail is answered like a long poll. */
  streaming: boolean;
  /** How long a live tail may last before it is closed cleanly; the client resumes. */
  liveTailMsMax?: number;
  /** How long a request's body may take to arrive. */
  bodyMsMax?: number;
  /** Shared with the process's other doors. */
  waiting?: WaitingRequests;
  /** Aborted when the process is about to end: who waits is answered now. */
  draining?: AbortSignal;
  log?: BrokerLog;
}

/** Checks URLs that were signed for a range of one object (lib/storage/objects/local-presign.ts). */
export interface ObjectUrls {
  /** `url`: its path and query at least. */
  verify(
    url: string,
  ):
    | { outcome: 'valid'; name: string; range: { start: number; end: number } }
    | { outcome: 'refused'; reason: 'malformed' | 'signature' | 'expired' };
}

export interface DoorEnv {
  /** What @hono/node-server passes on. */
  Bindings: { incoming?: unknown; outgoing?: unknown };
}

export interface Door {
  app: OpenAPIHono<DoorEnv>;
  options: DoorOptions;
  waiting: WaitingRequests;
  deadlines: ArrivalDeadlines;
}

/** Methods and headers that CORS lets pages of the configured origins use, and what they may see of answers. */
const CORS_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const CORS_HEADERS = [
  'Authorization',
  'Content-Type',
  'Content-Encoding',
  'Last-Event-ID',
  'Producer-Id',
  'Producer-Epoch',
  'Producer-Seq',
  'X-Rack',
  // Of signed URLs; pages may send it without leave only in newer browsers.
  'Range',
];
const CORS_EXPOSED = [
  'Millrace-Next-Offset',
  'Millrace-High-Watermark',
  'Producer-Duplicate',
  'Retry-After',
  'WWW-Authenticate',
];
const CORS_MAX_AGE_SECONDS = 600;

export function createDoor(options: DoorOptions): Door {
  const app = new OpenAPIHono<DoorEnv>();
  app.onError((error, context) => failed(error, context, options));
  app.notFound((context) => nothingThere(context, options));
  if (options.cors !== undefined) app.use('*', corsFor(options.cors.origins));
  const deadlines = new ArrivalDeadlines({ clock: options.clock, arrivalMsMax: options.bodyMsMax });
  return { app, options, waiting: options.waiting ?? new WaitingRequests(), deadlines };
}

function corsFor(origins: readonly string[]) {
  return cors({
    // Within a list Hono compares literally. Where no key is asked for, same-site.ts still refuses who is not named.
    origin: origins.includes('*') ? '*' : [...origins],
    allowMethods: CORS_METHODS,
    allowHeaders: CORS_HEADERS,
    exposeHeaders: CORS_EXPOSED,
    maxAge: CORS_MAX_AGE_SECONDS,
  });
}

/**
 * Who calls, by their key. Without an authenticator everybody may do everything, but nobody from another site's page:
 * then there is no principal.
 */
export async function principalOf(context: Context<DoorEnv>, options: DoorOptions): Promise<Principal | undefined> {
  const { authenticator, advertisedUrl } = options;
  if (options.callersChecked === true) return undefined;
  if (authenticator !== undefined)
    return authenticator.authenticate(parseCredentials(context.req.header('authorization')));
  const headers = { host: context.req.header('host'), origin: context.req.header('origin') };
  requireSameSite(headers, { advertisedUrl, origins: options.cors?.origins });
  return undefined;
}

/**
 * No mounted route: one of the API with another method, or nothing at all. Whoever has no key hears no more than that.
 */
async function nothingThere(context: Context<DoorEnv>, options: DoorOptions): Promise<Response> {
  await principalOf(context, options);
  const { method, path } = context.req;
  const methods = methodsOf(path);
  if (methods === undefined) {
    return problemAnswer(
      new MillraceError('NOT_FOUND', `There is nothing at ${path.slice(0, 300)}; see /v1/openapi.json.`),
    );
  }
  if (methods.includes(method)) {
    return problemAnswer(new MillraceError('NOT_FOUND', `${method} ${path.slice(0, 300)} is served elsewhere.`));
  }
  const allow = methods.join(', ');
  return problemAnswer(new MillraceError('METHOD_NOT_ALLOWED', `${method} is not allowed here; ${allow} are.`), {
    Allow: allow,
  });
}

function failed(error: Error, context: Context<DoorEnv>, options: DoorOptions): Response {
  if (error instanceof MillraceError) return problemAnswer(error);
  if (error instanceof ClientGoneError) {
    // Nobody reads this answer.
    return problemAnswer(new MillraceError('REQUEST_NOT_RECEIVED', error.message));
  }
  return problemResponse(reportBug(error, context, options));
}

/** Logs what should not have happened, and says what the client hears of it. */
export function reportBug(error: unknown, context: Context<DoorEnv>, options: DoorOptions): Problem {
  const problem = bugProblem(options.random);
  options.log?.error('a request failed for a reason that is not its own', {
    id: problem.id,
    method: context.req.method,
    path: context.req.path,
    error,
  });
  return problem;
}
