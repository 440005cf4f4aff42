/**
 * One Lambda execution environment: a built bundle under the official runtime interface client, in a process whose
 * environment variables are the platform's and the function's, and none of this machine's.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type InvokeOptions, type Outcome, type RuntimeApi, startRuntimeApi } from './runtime-api.ts';
import { S3_CREDENTIALS } from './s3-server.ts';

/** A role's credentials come with one. */
export const SESSION_TOKEN = 'session';

const CLIENT = join(import.meta.dirname, '../node_modules/aws-lambda-ric');

/** Why the runtime interface client can't run on this machine, or `undefined` where it can. */
export function runtimeInterfaceClientMissing(): string | undefined {
  if (!existsSync(join(CLIENT, 'index.mjs'))) return 'aws-lambda-ric is not installed: run `npm run peers`';
  if (existsSync(join(CLIENT, 'rapid-client.node'))) return undefined;
  return 'aws-lambda-ric is not compiled: install autoconf automake libtool cmake g++ make, then run `npm run peers`';
}

export interface EnvironmentOptions {
  /** The bundle, `…/index.mjs`. */
  file: string;
  /** Of the function, beside what the platform sets. */
  variables?: Record<string, string>;
  functionName?: string;
}

export interface ExecutionEnvironment {
  /** From the start of the process until it asked for work. */
  readonly initMs: number;
  readonly pid: number;
  invoke(event: unknown, options?: InvokeOptions): Promise<Outcome>;
  /** What it wrote to stdout and stderr so far. */
  logs(): string;
  /** Stops the process where it is, as Lambda does between invocations. */
  freeze(): void;
  thaw(): void;
  /** Ends it without a word, as Lambda may at any time after an answer. */
  kill(): Promise<void>;
}

/**
 * The variables that Lambda reserves and sets (AWS Lambda Developer Guide, "Defined runtime environment variables").
 */
export function platformVariables(file: string, functionName: string): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    LAMBDA_TASK_ROOT: dirname(file),
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    _HANDLER: 'index.handler',
    _X_AMZN_TRACE_ID: '',
    AWS_REGION: 'eu-central-1',
    AWS_DEFAULT_REGION: 'eu-central-1',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: functionName,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1024',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${functionName}`,
    AWS_LAMBDA_LOG_STREAM_NAME: '2026/01/01/[$LATEST]00000000000000000000000000000000',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_ACCESS_KEY_ID: S3_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: S3_CREDENTIALS.secretAccessKey,
    AWS_SESSION_TOKEN: SESSION_TOKEN,
    AWS_XRAY_CONTEXT_MISSING: 'LOG_ERROR',
    // Nothing listens there; segments go by UDP.
    AWS_XRAY_DAEMON_ADDRESS: '127.0.0.1:2000',
    _AWS_XRAY_DAEMON_ADDRESS: '127.0.0.1',
    _AWS_XRAY_DAEMON_PORT: '2000',
  };
}

/**
 * Starts the bundle and resolves when its init phase has ended; rejects with the reason and the logs when it failed.
 */
export async function startEnvironment(options: EnvironmentOptions): Promise<ExecutionEnvironment> {
  const { file, functionName = 'millrace-test' } = options;
  const api = await startRuntimeApi();
  const startedAt = performance.now();
  const child = spawn(process.execPath, [join(CLIENT, 'index.mjs'), 'index.handler'], {
    cwd: dirname(file),
    env: {
      ...platformVariables(file, functionName),
      AWS_LAMBDA_RUNTIME_API: api.address,
      ...options.variables,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  const end = async () => {
    process.removeListener('exit', killWithParent);
    await ended(child, api);
  };
  try {
    await Promise.race([api.ready, exited(child)]);
  } catch (error) {
    await end();
    throw new Error(`the function did not start: ${(error as Error).message}\n${output.join('')}`, { cause: error });
  }
  const initMs = performance.now() - startedAt;
  return {
    initMs,
    pid: child.pid as number,
    invoke: (event, invokeOptions) => api.invoke(event, invokeOptions),
    logs: () => output.join(''),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    kill: end,
  };
}

async function exited(child: ChildProcess): Promise<never> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  throw new Error(`the process ended with ${code ?? signal}`);
}

async function ended(child: ChildProcess, api: RuntimeApi): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }
  await api.close();
}
