/**
 * Lambda's `Invoke` over HTTP, of functions that are bundles under the official runtime interface client.
 *
 * What a caller may lean on wrongly is as Lambda has it: an environment has one invocation at a time, and another one
 * starts when all are busy; beyond the function's concurrency a synchronous call is refused with 429, and an event
 * waits. An event that has waited for too long is dropped, and one whose function fails is not tried again
 * (`retryAttempts: 0`, as the stack says it). A process that ends fails what it was at.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EnvironmentPool } from './environment-pool.ts';
import type { ExecutionEnvironment } from './execution-environment.ts';
import type { Outcome } from './runtime-api.ts';

export interface ServedFunction {
  start: () => Promise<ExecutionEnvironment>;
  timeoutMs: number;
  concurrency: number;
}

export interface Invocation {
  id: string;
  /** The function's name. */
  target: string;
  /** Whose credentials signed the call. */
  caller: string;
  event: unknown;
  /** When an environment got it, and when its answer was there; by the monotonic clock. */
  startedMs: number;
  endedMs: number;
  outcome: Outcome;
}

export interface LambdaServiceOptions {
  functions: Readonly<Record<string, ServedFunction>>;
  /** Hears of each invocation that has ended. */
  onEnded: (invocation: Invocation) => void;
  /** Hears of each event that is accepted. */
  onEvent: (event: { caller: string; target: string; event: unknown }) => void;
}

export interface LambdaService {
  readonly endpoint: string;
  pool(name: string): EnvironmentPool;
  /** By a service of AWS, which waits until an environment is free. */
  invoke(name: string, event: unknown): Promise<Outcome>;
  close(): Promise<void>;
}

/** `MaximumEventAgeInSeconds` of the dispatcher. */
const EVENT_AGE_MS_MAX = 60_000;
const PATH = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/;

export async function startLambdaService(options: LambdaServiceOptions): Promise<LambdaService> {
  const service = new Service(options);
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    service.serve(request, response).catch((error: unknown) => {
      console.error(error);
      refuse(response, 500, 'ServiceException', String(error));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pool: (name) => service.pool(name),
    invoke: async (name, event) => service.run({ target: name, caller: 'aws', event }, await service.pool(name).wait()),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
      await service.close();
    },
  };
}

type Call = Pick<Invocation, 'target' | 'caller' | 'event'>;

class Service {
  private readonly options: LambdaServiceOptions;
  private readonly pools: ReadonlyMap<string, EnvironmentPool>;

  constructor(options: LambdaServiceOptions) {
    this.options = options;
    this.pools = new Map(Object.entries(options.functions).map(([name, one]) => [name, new EnvironmentPool(one)]));
  }

  pool(name: string): EnvironmentPool {
    const pool = this.pools.get(name);
    if (pool === undefined) throw new Error(`there is no function ${name}`);
    return pool;
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, named = ''] = PATH.exec(request.url ?? '') ?? [];
    const target = decodeURIComponent(named).split(':').at(-1) as string;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const pool = this.pools.get(target);
    if (pool === undefined) return refuse(response, 404, 'ResourceNotFoundException', `there is no function ${named}`);
    const [, caller = ''] = /Credential=(\w+)\//.exec(request.headers.authorization ?? '') ?? [];
    const call = { target, caller, event: JSON.parse(Buffer.concat(chunks).toString()) as unknown };
    if (request.headers['x-amz-invocation-type'] === 'Event') {
      this.options.onEvent(call);
      void this.later(pool, call);
      response.writeHead(202, { 'x-amzn-RequestId': randomUUID() }).end();
      return;
    }
    const environment = pool.take();
    if (environment === undefined) return refuse(response, 429, 'TooManyRequestsException', 'Rate Exceeded.');
    const id = randomUUID();
    answer(response, id, await this.run(call, await environment, id));
  }

  async run(call: Call, environment: ExecutionEnvironment, id = randomUUID() as string): Promise<Outcome> {
    const { timeoutMs } = this.options.functions[call.target] as ServedFunction;
    const startedMs = performance.now();
    const outcome = await environment.invoke(call.event, { timeoutMs });
    this.options.onEnded({ ...call, id, startedMs, endedMs: performance.now(), outcome });
    const isTimedOut = outcome.kind === 'error' && outcome.error.errorType === 'Sandbox.Timedout';
    if (isTimedOut) await this.pool(call.target).kill(environment);
    else this.pool(call.target).giveBack(environment);
    return outcome;
  }

  async close(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.close()));
  }

  private async later(pool: EnvironmentPool, call: Call): Promise<void> {
    const acceptedMs = performance.now();
    const environment = await pool.wait();
    if (performance.now() - acceptedMs <= EVENT_AGE_MS_MAX) await this.run(call, environment);
    else pool.giveBack(environment);
  }
}

function answer(response: ServerResponse, id: string, outcome: Outcome): void {
  const headers = { 'x-amzn-RequestId': id, 'X-Amz-Executed-Version': '$LATEST', 'content-type': 'application/json' };
  if (outcome.kind === 'answer') response.writeHead(200, headers).end(JSON.stringify(outcome.payload));
  else response.writeHead(200, { ...headers, 'X-Amz-Function-Error': 'Unhandled' }).end(JSON.stringify(outcome.error));
}

function refuse(response: ServerResponse, status: number, type: string, message: string): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(status, { 'x-amzn-ErrorType': type }).end(JSON.stringify({ Type: 'User', message }));
}
