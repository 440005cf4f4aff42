/**
 * Node's HTTP server with the app behind it, and the app's manners where no request reaches the app: what is not HTTP,
 * headers without end, heads and bodies that do not come. Those too are answered with `application/problem+json`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { BrokerLog } from '../broker/broker-log.ts';
import type { Clock } from '../kernel/clock.ts';
import { MillraceError } from '../kernel/errors.ts';
import { requestLimits } from '../kernel/limits/requests.ts';
import type { Random } from '../kernel/random.ts';
import { COMMON_HEADERS } from './answer.ts';
import { ArrivalDeadlines } from './arrival-deadlines.ts';
import { Pipelining } from './pipelining.ts';
import { bugProblem, malformedRequest, PROBLEM_TYPE, problemAnswer, problemOf, problemResponse } from './problems.ts';

export interface HttpServerOptions {
  app: { fetch(request: Request, env: object): Response | Promise<Response> };
  clock: Clock;
  random: Random;
  log?: BrokerLog;
  /** How long what is left of a body may take to arrive once its request is answered. */
  bodyMsMax?: number;
  /** How long a request's head may take to arrive. */
  headersMsMax?: number;
}

/** Of some resource each. */
const METHODS = 'GET, HEAD, POST, PATCH, DELETE';

export interface HttpServer {
  /** For who made it to listen with. */
  server: Server;
  /** Takes no new requests, lets those in flight end, and resolves when the last connection is closed. */
  close(): Promise<void>;
}

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { app, clock, headersMsMax = requestLimits.requestHeadersMsMax, bodyMsMax } = options;
  const deadlines = new ArrivalDeadlines({ clock, arrivalMsMax: bodyMsMax });
  // It puts a lighter `Response` in the global's place, which halves the processor time of a small answer.
  const listener = getRequestListener((request, env) => app.fetch(request, env), {
    errorHandler: (error) => outsideFault(error, options),
  });
  const server = createServer({
    maxHeaderSize: requestLimits.requestHeaderBytesMax,
    headersTimeout: headersMsMax,
    // The app has answered a slow body itself by then (body.ts).
    requestTimeout: headersMsMax + 2 * requestLimits.requestBodyMsMax,
    connectionsCheckingInterval: requestLimits.requestHeadersCheckMs,
    keepAliveTimeout: requestLimits.keepAliveMs,
    // Node would answer a missing Host by itself, without a body; the listener below refuses it too.
    requireHostHeader: false,
  });
  /** The answer that each connection is at. */
  const answers = new Map<Socket, ServerResponse>();
  let closing = false;
  const pipelining = new Pipelining((incoming, outgoing) => {
    const { socket } = incoming;
    answers.set(socket, outgoing);
    outgoing.shouldKeepAlive &&= !closing;
    outgoing.once('close', () => {
      answers.delete(socket);
      if (!incoming.complete) boundRest(incoming, deadlines);
      // Its headers may have promised to keep the connection before the server was to close.
      if (closing) setImmediate(() => server.closeIdleConnections());
    });
    void listener(incoming, outgoing);
  });
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse) => pipelining.add(incoming, outgoing);
  server.on('request', onRequest);
  // An expectation that is not known is passed over, as RFC 9110 (10.1.1) allows; Node's own answer has no body.
  server.on('checkExpectation', onRequest);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    answerOnSocket(socket, answers.get(socket), protocolFault(error));
  });
  // Node would close the connection without a word.
  server.on('connect', (_incoming: IncomingMessage, socket: Socket) => {
    const detail = 'CONNECT is not allowed here: this server is no proxy.';
    answerOnSocket(socket, answers.get(socket), new MillraceError('METHOD_NOT_ALLOWED', detail), { Allow: METHODS });
  });
  const close = () =>
    new Promise<void>((resolve) => {
      closing = true;
      for (const outgoing of answers.values()) if (!outgoing.headersSent) outgoing.shouldKeepAlive = false;
      server.close(() => resolve());
    });
  return { server, close };
}

/** Of a body that nobody waits for: of a GET, or of a request that was refused before it came. */
function boundRest(incoming: IncomingMessage, deadlines: ArrivalDeadlines): void {
  const unwatch = deadlines.watch(() => incoming.socket.destroy());
  incoming.once('end', unwatch).once('close', unwatch);
}

function outsideFault(error: unknown, { random, log }: HttpServerOptions): Response {
  if (error instanceof RequestError)
    return problemAnswer(malformedRequest(`the request cannot be read: ${error.message}`));
  const problem = bugProblem(random);
  log?.error('a request failed outside of the app', { id: problem.id, error });
  return problemResponse(problem);
}

function protocolFault(error: NodeJS.ErrnoException): MillraceError {
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    const detail = `The headers are longer than ${requestLimits.requestHeaderBytesMax} bytes together.`;
    return new MillraceError('REQUEST_HEADERS_TOO_LARGE', detail);
  }
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new MillraceError('REQUEST_NOT_RECEIVED', 'The request did not arrive in time.');
  }
  return malformedRequest('the request is not HTTP/1.1');
}

/** Writes the answer by hand, unless one is under way already, and closes the connection. */
function answerOnSocket(
  socket: Socket,
  outgoing: ServerResponse | undefined,
  error: MillraceError,
  more: Record<string, string> = {},
): void {
  const underWay = outgoing !== undefined && outgoing.headersSent && !outgoing.writableFinished;
  if (!socket.writable || underWay) {
    socket.destroy();
    return;
  }
  const problem = problemOf(error);
  const body = JSON.stringify(problem);
  const headers = {
    'Content-Type': PROBLEM_TYPE,
    'Content-Length': String(Buffer.byteLength(body)),
    ...COMMON_HEADERS,
    ...more,
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n${body}`);
}
