/**
 * Lambda's Runtime API (version 2018-06-01) as one execution environment sees it: the function's process asks for the
 * next invocation, answers it or reports an error, and reports a failed start.
 *
 * It keeps the platform's promises that a handler can lean on wrongly: an event or answer of more than 6 MiB is
 * refused, an invocation that passes its deadline has failed, and one invocation is under way at a time.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Lambda's limit of an event and of a buffered answer; its own message names this number. */
const PAYLOAD_BYTES_MAX = 6_291_556;

export interface InvocationError {
  errorType: string;
  errorMessage: string;
}

export interface StreamedChunk {
  bytes: Buffer;
  /** Milliseconds since the invocation began. */
  afterMs: number;
}

export type Outcome =
  | { kind: 'answer'; payload: unknown; payloadBytes: number }
  | { kind: 'stream'; contentType: string; chunks: StreamedChunk[]; error: InvocationError | undefined }
  | { kind: 'error'; error: InvocationError };

export interface InvokeOptions {
  timeoutMs?: number;
  traceId?: string;
}

export interface RuntimeApi {
  /** `host:port`, for AWS_LAMBDA_RUNTIME_API. */
  readonly address: string;
  /**
   * Resolves when the process first asks for work, which is when Lambda's init phase ends; rejects when init failed.
   */
  readonly ready: Promise<void>;
  /** Hands the event to the process. Rejects an event that is too large, as Lambda's Invoke does. */
  invoke(event: unknown, options?: InvokeOptions): Promise<Outcome>;
  /** Resolves when the process asks for work again, so that nothing of the last invocation goes on. */
  idle(): Promise<void>;
  /** What is under way fails, as with a process that ended. */
  close(): Promise<void>;
}

interface Invocation {
  id: string;
  body: string;
  deadlineMs: number;
  startedMs: number;
  traceId: string;
  settle: (outcome: Outcome) => void;
}

const PATH = '/2018-06-01/runtime';
const FUNCTION_ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:millrace-test';

export async function startRuntimeApi(): Promise<RuntimeApi> {
  const state = new State();
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
    route(state, request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    ready: state.ready.promise,
    invoke: (event, options) => state.invoke(event, options),
    idle: () => state.idle(),
    close: async () => {
      server.close();
      server.closeAllConnections();
      state.end();
      await once(server, 'close');
    },
  };
}

class State {
  readonly ready = Promise.withResolvers<void>();
  private readonly queue: Invocation[] = [];
  private readonly underWay = new Map<string, Invocation>();
  private waitingForWork: ServerResponse | undefined;
  private idleWaiters: (() => void)[] = [];
  private count = 0;

  constructor() {
    // A test that never looks at it must not fail by it.
    this.ready.promise.catch(() => {});
  }

  async invoke(event: unknown, { timeoutMs = 30_000, traceId = 'Root=1-00000000-0' }: InvokeOptions = {}) {
    const body = JSON.stringify(event);
    if (Buffer.byteLength(body) > PAYLOAD_BYTES_MAX) throw new Error('RequestTooLargeException');
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const id = `00000000-0000-4000-8000-${String(++this.count).padStart(12, '0')}`;
    const startedMs = Date.now();
    this.queue.push({ id, body, deadlineMs: startedMs + timeoutMs, startedMs, traceId, settle: resolve });
    this.handOut();
    const over = new AbortController();
    const late = sleep(timeoutMs, undefined, { signal: over.signal }).then(
      (): Outcome => ({
        kind: 'error',
        error: { errorType: 'Sandbox.Timedout', errorMessage: `after ${timeoutMs} ms` },
      }),
    );
    try {
      return await Promise.race([promise, late]);
    } finally {
      over.abort();
      late.catch(() => {});
    }
  }

  idle(): Promise<void> {
    if (this.waitingForWork !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  next(response: ServerResponse): void {
    this.ready.resolve();
    this.waitingForWork = response;
    for (const waiter of this.idleWaiters.splice(0)) waiter();
    this.handOut();
  }

  find(id: string): Invocation | undefined {
    return this.underWay.get(id);
  }

  settle(invocation: Invocation, outcome: Outcome): void {
    this.underWay.delete(invocation.id);
    invocation.settle(outcome);
  }

  /** The process has ended, and with it what it was at. */
  end(): void {
    const error = { errorType: 'Runtime.ExitError', errorMessage: 'Runtime exited with error: signal: killed' };
    for (const invocation of [...this.underWay.values(), ...this.queue.splice(0)]) {
      this.settle(invocation, { kind: 'error', error });
    }
  }

  private handOut(): void {
    const response = this.waitingForWork;
    const invocation = response === undefined ? undefined : this.queue.shift();
    if (response === undefined || invocation === undefined) return;
    this.waitingForWork = undefined;
    this.underWay.set(invocation.id, invocation);
    response
      .writeHead(200, {
        'Content-Type': 'application/json',
        'Lambda-Runtime-Aws-Request-Id': invocation.id,
        'Lambda-Runtime-Deadline-Ms': String(invocation.deadlineMs),
        'Lambda-Runtime-Invoked-Function-Arn': FUNCTION_ARN,
        'Lambda-Runtime-Trace-Id': invocation.traceId,
      })
      .end(invocation.body);
  }
}

async function route(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? '';
  if (request.method === 'GET' && path === `${PATH}/invocation/next`) return state.next(response);
  if (request.method === 'POST' && path === `${PATH}/init/error`) {
    const error = errorOf(await bodyOf(request));
    state.ready.reject(new Error(`${error.errorType}: ${error.errorMessage}`));
    return accept(response);
  }
  const [, id = '', what] = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/.exec(path) ?? [];
  const invocation = state.find(id);
  if (request.method !== 'POST' || invocation === undefined) {
    response.writeHead(invocation === undefined && what !== undefined ? 400 : 404).end();
    return;
  }
  if (what === 'error') {
    state.settle(invocation, { kind: 'error', error: errorOf(await bodyOf(request)) });
    return accept(response);
  }
  if (request.headers['lambda-runtime-function-response-mode'] === 'streaming') {
    state.settle(invocation, await streamed(request, invocation.startedMs));
    return accept(response);
  }
  const body = await bodyOf(request);
  if (body.length > PAYLOAD_BYTES_MAX) {
    const errorMessage = `Response payload size exceeded maximum allowed payload size (${PAYLOAD_BYTES_MAX} bytes).`;
    state.settle(invocation, { kind: 'error', error: { errorType: 'Function.ResponseSizeTooLarge', errorMessage } });
    response.writeHead(413).end();
    return;
  }
  state.settle(invocation, { kind: 'answer', payload: JSON.parse(body.toString()), payloadBytes: body.length });
  return accept(response);
}

async function streamed(request: IncomingMessage, startedMs: number): Promise<Outcome> {
  const chunks: StreamedChunk[] = [];
  for await (const bytes of request as AsyncIterable<Buffer>) chunks.push({ bytes, afterMs: Date.now() - startedMs });
  const trailer = request.trailers['lambda-runtime-function-error-body'];
  return {
    kind: 'stream',
    contentType: request.headers['content-type'] ?? '',
    chunks,
    error: trailer === undefined ? undefined : errorOf(Buffer.from(trailer, 'base64')),
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function errorOf(body: Buffer): InvocationError {
  const { errorType = '', errorMessage = '' } = JSON.parse(body.toString()) as Partial<InvocationError>;
  return { errorType, errorMessage };
}

function accept(response: ServerResponse): void {
  response.writeHead(202, { 'Content-Type': 'application/json' }).end('{"status":"OK"}');
}
