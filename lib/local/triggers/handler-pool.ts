/**
 * The threads of one trigger's handler. Each has one invocation at a time, as Lambda's environments have; there are as
 * many as invocations were wanted at once, up to a bound. When a source changes, new invocations get new threads, and
 * those that run end in peace. A module that does not load refuses invocations until a source changes.
 */
import { toHex } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { serverLimits } from '../../kernel/limits/server.ts';
import type { Random } from '../../kernel/random.ts';
import type { Invocation, InvocationResult } from '../../triggers/ports.ts';
import type { Logger } from '../logger.ts';
import { describeError } from './handler-error.ts';
import type { HandlerError } from './handler-messages.ts';
import type { HandlerModule } from './handler-module.ts';
import { type HandlerOutcome, HandlerThread } from './handler-thread.ts';

export interface HandlerPoolOptions {
  trigger: string;
  module: HandlerModule;
  environment: Readonly<Record<string, string>>;
  clock: Clock;
  random: Random;
  log: Logger;
  /** A source file that the module is made of. */
  onSource: (url: string) => void;
}

export class HandlerPool {
  private readonly options: HandlerPoolOptions;
  private readonly threads = new Set<HandlerThread>();
  private idle: HandlerThread[] = [];
  /** Of older sources: they end with what they run. */
  private readonly outdated = new WeakSet<HandlerThread>();
  private readonly waiting: ((thread: HandlerThread | undefined) => void)[] = [];
  private readonly busy = new Set<Promise<unknown>>();
  private broken: HandlerError | undefined;
  private isClosed = false;

  constructor(options: HandlerPoolOptions) {
    this.options = options;
  }

  /** Starts a thread, so that the first invocation finds one and a module that does not load is known at once. */
  async warm(): Promise<void> {
    const thread = this.start();
    const loaded = await thread.loaded;
    if (loaded.loaded) this.free(thread);
    else this.unloadable(thread, loaded.error);
  }

  /** Never rejects. */
  async invoke(invocation: Invocation): Promise<InvocationResult> {
    const under = this.invoked(invocation);
    this.busy.add(under);
    try {
      return await under;
    } finally {
      this.busy.delete(under);
    }
  }

  /** A source has changed. */
  reload(): void {
    if (this.isClosed) return;
    this.broken = undefined;
    for (const thread of this.threads) this.outdated.add(thread);
    for (const thread of this.idle.splice(0)) void thread.end();
    void this.warm();
  }

  /** Lets what runs end for `graceMs`, and ends it then. */
  async close(graceMs: number): Promise<void> {
    this.isClosed = true;
    const done = new AbortController();
    const ended = Promise.allSettled(this.busy).then(() => done.abort());
    await this.options.clock.sleep(graceMs, done.signal);
    for (const waiter of this.waiting.splice(0)) waiter(undefined);
    await Promise.all([...this.threads].map((thread) => thread.end()));
    await ended;
  }

  private async invoked(invocation: Invocation): Promise<InvocationResult> {
    const thread = await this.take();
    if (thread === undefined) {
      const error = this.broken ?? BUSY;
      const refusal = { error: { kind: error.errorType, message: error.errorMessage } };
      return { outcome: this.broken === undefined ? 'not-run' : 'refused', ...refusal };
    }
    const requestId = this.newRequestId();
    const { payload, timeoutMs, tenantId } = invocation;
    const message = { requestId, payload, timeoutMs, ...(tenantId !== undefined && { tenantId }) };
    const outcome = await thread.invoke(message);
    this.free(thread);
    return this.resultOf(outcome, requestId);
  }

  private resultOf(outcome: HandlerOutcome, requestId: string): InvocationResult {
    switch (outcome.outcome) {
      case 'returned': {
        const response: unknown = outcome.json === undefined ? undefined : JSON.parse(outcome.json);
        return { outcome: 'returned', requestId, response };
      }
      case 'failed': {
        const { error } = outcome;
        const { trigger, log } = this.options;
        log.error('The handler failed', { trigger, requestId, error });
        return { outcome: 'failed', requestId, error: { kind: 'Unhandled', message: describeError(error) } };
      }
      case 'ended':
        return {
          outcome: 'unknown',
          error: { kind: 'Ended', message: 'The server was stopped while the handler ran.' },
        };
    }
  }

  /** One that is free; `undefined` where the module does not load, or none becomes free in time. */
  private async take(): Promise<HandlerThread | undefined> {
    if (this.broken !== undefined || this.isClosed) return undefined;
    const idle = this.idle.pop();
    if (idle !== undefined) return idle;
    if (this.threads.size < serverLimits.handlerThreadsMax) void this.warm();
    const taken = Promise.withResolvers<HandlerThread | undefined>();
    const { waiting } = this;
    waiting.push(taken.resolve);
    const isTaken = new AbortController();
    // A module that loads slowly is waited for; the lease allows for as much.
    void this.options.clock.sleep(serverLimits.handlerLoadMsMax, isTaken.signal).then(() => {
      const index = waiting.indexOf(taken.resolve);
      if (index !== -1) waiting.splice(index, 1);
      taken.resolve(undefined);
    });
    const thread = await taken.promise;
    isTaken.abort();
    return thread;
  }

  private free(thread: HandlerThread): void {
    if (!thread.isAlive) {
      // Someone may be waiting for the one that it was.
      if (this.waiting.length > 0 && !this.isClosed && this.broken === undefined) void this.warm();
      return;
    }
    if (this.outdated.has(thread) || this.isClosed) return void thread.end();
    const next = this.waiting.shift();
    if (next === undefined) this.idle.push(thread);
    else next(thread);
  }

  private unloadable(thread: HandlerThread, error: HandlerError): void {
    // Of sources that have changed since, or ended by the server: it says nothing.
    if (this.outdated.has(thread) || this.isClosed) return;
    const { trigger, module, log } = this.options;
    if (this.broken === undefined) log.error('The handler does not load', { trigger, file: module.path, error });
    this.broken = error;
    for (const waiter of this.waiting.splice(0)) waiter(undefined);
  }

  private start(): HandlerThread {
    const { trigger, module, environment, clock, log, onSource } = this.options;
    const thread = new HandlerThread({
      settings: { url: module.url, exportName: module.exportName, functionName: trigger },
      environment,
      clock,
      onSource,
      onOutput: ({ stream, text, requestId }) => {
        const facts = { trigger, ...(requestId !== undefined && { requestId }), stream };
        for (const line of text.replace(/\n$/, '').split('\n')) log.info(line, facts);
      },
      onEnd: (error) => {
        this.threads.delete(thread);
        this.idle = this.idle.filter((one) => one !== thread);
        if (error !== undefined) log.error('The handler ended while nothing ran', { trigger, error });
      },
    });
    this.threads.add(thread);
    return thread;
  }

  /** A UUID, as Lambda's request ids are. */
  private newRequestId(): string {
    return toHex(this.options.random.bytes(16)).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }
}

const BUSY: HandlerError = {
  errorType: 'TooManyRequestsException',
  errorMessage: `All ${serverLimits.handlerThreadsMax} threads of the handler are busy.`,
};
