/**
 * The thread that a handler runs in: loads its module, says which sources that took, and runs one invocation at a time.
 *
 * Output goes over the same port as answers, so that a line is known to be of the invocation that wrote it.
 */
import { Buffer } from 'node:buffer';
import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../kernel/assert.ts';
import { systemClock } from '../../kernel/clock.ts';
import { handlerContext, isPresent } from './handler-context.ts';
import { handlerError, loadError } from './handler-error.ts';
import type { HandlerSettings, InvokeMessage, WorkerMessage } from './handler-messages.ts';

type Handler = (event: unknown, context: object, callback: (error: unknown, result?: unknown) => void) => unknown;

const settings = workerData as HandlerSettings;
const port = parentPort;
assert(port !== null, 'a handler runs in a thread');

/** Of the invocation that runs. */
let current: string | undefined;

const say = (message: WorkerMessage) => port.postMessage(message);
const ofCurrent = () => (current === undefined ? {} : { requestId: current });

redirect('stdout');
redirect('stderr');
process.on('uncaughtException', (thrown, origin) => {
  const error = handlerError(thrown);
  const errorType = origin === 'unhandledRejection' ? 'Runtime.UnhandledPromiseRejection' : error.errorType;
  const errorMessage = errorType === error.errorType ? error.errorMessage : `${error.errorType}: ${error.errorMessage}`;
  say({ kind: 'crashed', ...ofCurrent(), error: { ...error, errorType, errorMessage } });
});
registerHooks({
  load: (url, context, nextLoad) => {
    if (url.startsWith('file:') && !url.includes('/node_modules/')) say({ kind: 'source', url });
    return nextLoad(url, context);
  },
});

const handler = await load();
if (handler !== undefined) {
  port.on('message', (message: InvokeMessage) => void run(handler, message));
  say({ kind: 'ready' });
}

async function load(): Promise<Handler | undefined> {
  const { url, exportName } = settings;
  try {
    const module = (await import(url)) as Record<string, unknown> & { default?: Record<string, unknown> };
    // Of a CommonJS module Node finds only those names that can be seen without running it.
    const found = module[exportName] ?? module.default?.[exportName];
    if (typeof found === 'function') return found as Handler;
    const names = Object.keys(module).join(', ') || 'nothing';
    const errorMessage = `the module exports no function "${exportName}", but ${names}`;
    say({ kind: 'unloadable', error: { errorType: 'Runtime.HandlerNotFound', errorMessage } });
  } catch (thrown) {
    say({ kind: 'unloadable', error: loadError(thrown) });
  }
  return undefined;
}

async function run(handle: Handler, message: InvokeMessage): Promise<void> {
  const { requestId } = message;
  current = requestId;
  const outcome = await settle(handle, message);
  // A callback that is called again, later, is of no invocation.
  current = undefined;
  say(outcome);
}

async function settle(handle: Handler, message: InvokeMessage): Promise<WorkerMessage> {
  const { requestId } = message;
  let result: unknown;
  try {
    result = await resultOf(handle, message);
  } catch (thrown) {
    return { kind: 'failed', requestId, error: handlerError(thrown) };
  }
  try {
    const json = JSON.stringify(result) as string | undefined;
    return { kind: 'returned', requestId, ...(json !== undefined && { json }) };
  } catch (thrown) {
    const errorMessage = `the handler's answer is not JSON: ${handlerError(thrown).errorMessage}`;
    return { kind: 'failed', requestId, error: { errorType: 'Runtime.MarshalError', errorMessage } };
  }
}

/** Of a promise, of a callback, or at once. */
function resultOf(handle: Handler, message: InvokeMessage): Promise<unknown> {
  const event: unknown = JSON.parse(Buffer.from(message.payload).toString());
  return new Promise((succeed, fail) => {
    const completion = {
      succeed: (result?: unknown) => succeed(result),
      fail: (error: unknown) => fail(asThrown(error)),
    };
    const context = handlerContext(settings.functionName, message, completion, systemClock);
    const returned = handle(event, context, context.done);
    // Who takes a callback and returns nothing has not answered yet.
    if (returned === undefined && handle.length > 2) return;
    succeed(returned);
  });
}

function asThrown(error: unknown): unknown {
  return isPresent(error) ? error : new Error('the handler failed and did not say why');
}

/** Whatever writes to the stream, the console among it, writes to the server's log. */
function redirect(stream: 'stdout' | 'stderr'): void {
  const write = (chunk: string | Uint8Array, encoding?: unknown, callback?: unknown): boolean => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    say({ kind: 'output', stream, text, ...ofCurrent() });
    const done = typeof encoding === 'function' ? encoding : callback;
    if (typeof done === 'function') queueMicrotask(() => done());
    return true;
  };
  process[stream].write = write;
}
