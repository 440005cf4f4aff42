/** One thread with a handler, seen from the server: started, invoked one at a time, ended. */
import { url as inspectorUrl } from 'node:inspector';
import { dirname, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { assert } from '../../kernel/assert.ts';
import type { Clock } from '../../kernel/clock.ts';
import { serverLimits } from '../../kernel/limits/server.ts';
import { logGroupOf, MEMORY_LIMIT_MB } from './handler-context.ts';
import { handlerError } from './handler-error.ts';
import type { HandlerError, HandlerSettings, InvokeMessage, WorkerMessage } from './handler-messages.ts';

export type HandlerOutcome =
  | { outcome: 'returned'; json?: string }
  | { outcome: 'failed'; error: HandlerError }
  /** The server ended it. */
  | { outcome: 'ended' };

export type Loaded = { loaded: true } | { loaded: false; error: HandlerError };

export interface HandlerThreadOptions {
  settings: HandlerSettings;
  environment: Readonly<Record<string, string>>;
  clock: Clock;
  /** A source file that the module is made of. */
  onSource: (url: string) => void;
  onOutput: (output: { stream: 'stdout' | 'stderr'; text: string; requestId?: string }) => void;
  /** It has ended; `error` where it did by itself while nothing ran. */
  onEnd: (error?: HandlerError) => void;
}

/** Beside this file, under the same extension in the sources and in what is built of them. */
const WORKER = new URL(`./handler-worker${extname(import.meta.url)}`, import.meta.url);

export class HandlerThread {
  /** Whether the module loads. Never rejects. */
  readonly loaded: Promise<Loaded>;
  private readonly options: HandlerThreadOptions;
  private readonly worker: Worker;
  private readonly loading = Promise.withResolvers<Loaded>();
  private running: { requestId: string; settle: (outcome: HandlerOutcome) => void } | undefined;
  private ending: Promise<unknown> | undefined;
  private hasLoaded = false;
  private hasEnded = false;
  /** Why it ends, where it is not the server that ends it. */
  private failure: HandlerError | undefined;

  constructor(options: HandlerThreadOptions) {
    this.options = options;
    this.loaded = this.loading.promise;
    const { settings, environment } = options;
    this.worker = new Worker(WORKER, {
      workerData: settings,
      env: { ...process.env, ...lambdaVariables(settings), ...environment },
      name: settings.functionName,
    });
    this.worker.on('message', (message: WorkerMessage) => this.heard(message));
    this.worker.on('error', (error) => (this.failure ??= handlerError(error)));
    this.worker.on('exit', (code) => this.ended(code));
    void this.watchLoading();
  }

  get isAlive(): boolean {
    return !this.hasEnded && this.ending === undefined;
  }

  /** Ends the thread where the handler takes longer than it may. Never rejects. */
  async invoke(message: InvokeMessage): Promise<HandlerOutcome> {
    assert(this.running === undefined, 'a thread has one invocation at a time');
    if (!this.isAlive) return { outcome: 'ended' };
    const { clock } = this.options;
    const settled = new AbortController();
    const { promise, resolve } = Promise.withResolvers<HandlerOutcome>();
    this.running = { requestId: message.requestId, settle: resolve };
    this.worker.postMessage(message);
    void clock.sleep(message.timeoutMs, settled.signal).then(() => {
      if (!settled.signal.aborted && !isDebugging()) this.timedOut(message);
    });
    try {
      return await promise;
    } finally {
      settled.abort();
      this.running = undefined;
    }
  }

  /** Whatever runs in it. */
  async end(): Promise<void> {
    this.ending ??= this.worker.terminate();
    await this.ending;
  }

  private heard(message: WorkerMessage): void {
    switch (message.kind) {
      case 'source':
        return this.options.onSource(message.url);
      case 'ready':
        this.hasLoaded = true;
        return this.loading.resolve({ loaded: true });
      case 'unloadable':
        this.loading.resolve({ loaded: false, error: message.error });
        void this.end();
        return;
      case 'output':
        return this.options.onOutput(message);
      case 'returned': {
        const { requestId, json } = message;
        return this.settle(requestId, { outcome: 'returned', ...(json !== undefined && { json }) });
      }
      case 'failed':
        return this.settle(message.requestId, { outcome: 'failed', error: message.error });
      case 'crashed':
        return this.fail(message.error);
    }
  }

  private settle(requestId: string, outcome: HandlerOutcome): void {
    if (this.running?.requestId === requestId) this.running.settle(outcome);
  }

  /** Only when it does not run any more is it settled: then the partition may go on. */
  private fail(error: HandlerError): void {
    this.failure ??= error;
    void this.end();
  }

  /** As Lambda says it. */
  private timedOut({ requestId, timeoutMs }: InvokeMessage): void {
    const seconds = (timeoutMs / 1_000).toFixed(2);
    const errorMessage = `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`;
    this.fail({ errorType: 'Sandbox.Timedout', errorMessage });
  }

  private ended(code: number): void {
    this.hasEnded = true;
    const error = this.failure ?? (this.ending === undefined ? exitError(code) : undefined);
    this.loading.resolve({ loaded: false, error: error ?? exitError(code) });
    const { running } = this;
    running?.settle(error === undefined ? { outcome: 'ended' } : { outcome: 'failed', error });
    this.options.onEnd(running === undefined && this.hasLoaded ? error : undefined);
  }

  private async watchLoading(): Promise<void> {
    const { clock } = this.options;
    const isLoaded = new AbortController();
    void this.loaded.then(() => isLoaded.abort());
    await clock.sleep(serverLimits.handlerLoadMsMax, isLoaded.signal);
    if (isLoaded.signal.aborted || isDebugging()) return;
    const errorMessage = `the module was not loaded within ${serverLimits.handlerLoadMsMax / 1_000} seconds`;
    this.fail({ errorType: 'Sandbox.Timedout', errorMessage });
  }
}

/** Someone may be looking at a breakpoint: then nothing takes too long. */
function isDebugging(): boolean {
  return inspectorUrl() !== undefined;
}

/**
 * By which libraries know that they are in a function. AWS_EXECUTION_ENV is not among them: it means Lambda's own host.
 */
function lambdaVariables({ url, exportName, functionName }: HandlerSettings): Record<string, string> {
  const path = fileURLToPath(url);
  return {
    _HANDLER: `${path}.${exportName}`,
    LAMBDA_TASK_ROOT: dirname(path),
    AWS_LAMBDA_FUNCTION_NAME: functionName,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: MEMORY_LIMIT_MB,
    AWS_LAMBDA_LOG_GROUP_NAME: logGroupOf(functionName),
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
  };
}

function exitError(code: number): HandlerError {
  const reason =
    code === 0 ? 'Runtime exited without providing a reason' : `Runtime exited with error: exit status ${code}`;
  return { errorType: 'Runtime.ExitError', errorMessage: reason };
}
