/**
 * An API Gateway HTTP API (payload format 2.0) in front of function bundles, as far as a handler can tell: events of
 * the documented shape, routes from the table that is deployed, base64 where the gateway uses it, answers decoded the
 * same way, buffering, and its limits.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { type Route, routes } from '../../../lib/infra/routes.ts';
import type { ExecutionEnvironment } from './execution-environment.ts';
import type { Outcome } from './runtime-api.ts';

const TEMPLATE = JSON.parse(
  readFileSync(join(import.meta.dirname, '../lambdas/events/http-api-v2.json'), 'utf8'),
) as APIGatewayProxyEventV2;

export interface EventRequest {
  method: string;
  /** With the query string. */
  path: string;
  /** Lower-case names. */
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

/** The event that the gateway makes of a request. */
export function httpApiEvent({ method, path, headers = {}, body }: EventRequest): APIGatewayProxyEventV2 {
  const event = structuredClone(TEMPLATE);
  const [rawPath = '', rawQueryString = ''] = path.split('?', 2);
  const route = routeOf(method, rawPath);
  const bytes = body === undefined ? undefined : Buffer.from(body);
  event.routeKey = route?.key ?? '$default';
  event.rawPath = decodeURIComponent(rawPath);
  event.rawQueryString = rawQueryString;
  event.headers = {
    ...TEMPLATE.headers,
    'content-length': String(bytes?.length ?? 0),
    ...(bytes === undefined ? { 'content-type': undefined } : {}),
    ...headers,
  };
  if (rawQueryString !== '') event.queryStringParameters = Object.fromEntries(new URLSearchParams(rawQueryString));
  event.pathParameters = route?.parameters;
  event.requestContext.routeKey = event.routeKey;
  event.requestContext.http = { ...event.requestContext.http, method, path: event.rawPath };
  const binary = bytes !== undefined && isBinary(event.headers);
  event.body = bytes?.toString(binary ? 'base64' : 'utf8');
  event.isBase64Encoded = binary;
  return event;
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
  /** Whether the function sent its body as base64. */
  base64: boolean;
}

/** What the gateway's client gets of what the function answered. */
export function httpAnswerOf(outcome: Outcome): HttpAnswer {
  // "Internal Server Error" is what an HTTP API says of any failure of its function.
  if (outcome.kind !== 'answer') {
    return { status: 500, headers: {}, body: Buffer.from('{"message":"Internal Server Error"}'), base64: false };
  }
  const result = outcome.payload as APIGatewayProxyStructuredResultV2;
  const headers = Object.entries(result.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]);
  const base64 = result.isBase64Encoded === true;
  return {
    status: result.statusCode ?? 200,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: Buffer.from(result.body ?? '', base64 ? 'base64' : 'utf8'),
    base64,
  };
}

/** Content types that an HTTP API passes on as text; all others, and whatever is compressed, as base64. */
function isBinary(headers: Record<string, string | undefined>): boolean {
  const type = headers['content-type'];
  if (headers['content-encoding'] !== undefined) return true;
  return type !== undefined && !/^(text\/|application\/(json|javascript|xml)|[^;]+\+(json|xml))/i.test(type);
}

export type HttpApiFunctions = Record<Route['lambda'], () => Promise<ExecutionEnvironment>>;

export interface HttpApi {
  readonly url: string;
  close(): Promise<void>;
}

/** Concurrent executions of one function. */
const ENVIRONMENTS_MAX = 3;

/** Serves the functions on loopback; environments start when there is no free one, as Lambda's do. */
export async function startHttpApi(functions: HttpApiFunctions): Promise<HttpApi> {
  const pools = {
    produce: new Pool(functions.produce),
    fetch: new Pool(functions.fetch),
    groups: new Pool(functions.groups),
    topics: new Pool(functions.topics),
  };
  const server = createServer((request, response) => {
    serve(pools, request, response).catch((error: unknown) => {
      console.error(error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      for (const pool of Object.values(pools)) await pool.close();
    },
  };
}

async function serve(pools: Record<Route['lambda'], Pool>, request: IncomingMessage, response: ServerResponse) {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const { method = 'GET', url = '/' } = request;
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
  const event = httpApiEvent({
    method,
    path: url,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: chunks.length === 0 ? undefined : Buffer.concat(chunks),
  });
  const lambda = routeOf(method, url.split('?', 1)[0] ?? '')?.lambda ?? 'topics';
  const answer = httpAnswerOf(await pools[lambda].invoke(event));
  // The gateway frames the answer itself.
  delete answer.headers['content-length'];
  delete answer.headers['transfer-encoding'];
  response.writeHead(answer.status, answer.headers).end(method === 'HEAD' ? undefined : answer.body);
}

interface MatchedRoute {
  key: string;
  lambda: Route['lambda'];
  parameters: Record<string, string>;
}

function routeOf(method: string, path: string): MatchedRoute | undefined {
  for (const route of routes) {
    const allowed: string = route.method;
    if (allowed !== method && allowed !== 'ANY') continue;
    const pattern = route.path.replaceAll('.', '\\.').replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)');
    const match = new RegExp(`^${pattern}$`).exec(path);
    if (match === null) continue;
    return { key: `${route.method} ${route.path}`, lambda: route.lambda, parameters: { ...match.groups } };
  }
  return undefined;
}

/** The environments of one function, each with one invocation at a time. */
class Pool {
  private readonly start: () => Promise<ExecutionEnvironment>;
  private readonly free: ExecutionEnvironment[] = [];
  private readonly all: Promise<ExecutionEnvironment>[] = [];
  private readonly waiting: ((environment: ExecutionEnvironment) => void)[] = [];

  constructor(start: () => Promise<ExecutionEnvironment>) {
    this.start = start;
  }

  async invoke(event: unknown): Promise<Outcome> {
    const environment = await this.take();
    try {
      return await environment.invoke(event);
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free.push(environment);
      else next(environment);
    }
  }

  async close(): Promise<void> {
    for (const environment of await Promise.all(this.all)) await environment.kill();
  }

  private take(): Promise<ExecutionEnvironment> {
    const free = this.free.pop();
    if (free !== undefined) return Promise.resolve(free);
    if (this.all.length >= ENVIRONMENTS_MAX) return new Promise((resolve) => this.waiting.push(resolve));
    const started = this.start();
    this.all.push(started);
    return started;
  }
}
