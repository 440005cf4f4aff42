/** The bench's child processes: servers, and load generators. None outlives the bench. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { LoadJob, LoadResult } from '../load/job.ts';

const START_MS_MAX = 30_000;
const STOP_MS_MAX = 30_000;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface Server {
  pid: number;
  port: number;
  /** SIGTERM, and SIGKILL where that does not help in time. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  args?: readonly string[];
  nodeArgs?: readonly string[];
}

/** Starts a program that says `…127.0.0.1:<port>` on stdout when it serves. */
export async function startServer(file: URL, { args = [], nodeArgs = [] }: ServerOptions = {}): Promise<Server> {
  const child = spawn(process.execPath, [...nodeArgs, fileURLToPath(file), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  const exited = once(child, 'exit').then(() => running.delete(child));
  const port = await listeningPort(child, fileURLToPath(file));
  return {
    pid: child.pid as number,
    port,
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
      await exited;
      clearTimeout(timer);
    },
  };
}

async function listeningPort(child: ChildProcess, name: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timer = setTimeout(() => reject(new Error(`${name} did not start in ${START_MS_MAX} ms`)), START_MS_MAX);
  child.once('error', reject);
  child.once('exit', (code) => reject(new Error(`${name} exited with ${code} before it served`)));
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    if (output.length < 10_000) output += chunk;
    const port = /127\.0\.0\.1:(\d+)/.exec(output)?.[1];
    if (port !== undefined) resolve(Number(port));
  });
  try {
    return await promise;
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a program to its end, and returns what it prints. */
export async function runProgram(file: URL, stdin: string): Promise<string> {
  const child = spawn(process.execPath, [fileURLToPath(file)], { stdio: ['pipe', 'pipe', 'inherit'] });
  running.add(child);
  child.stdin.end(stdin);
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  running.delete(child);
  if (code !== 0) throw new Error(`${fileURLToPath(file)} failed with ${code}`);
  return output;
}

/** One round of load, from a process of its own. */
export async function generateLoad(job: LoadJob): Promise<LoadResult> {
  const output = await runProgram(new URL('../load/generator.ts', import.meta.url), JSON.stringify(job));
  const result = JSON.parse(output) as LoadResult;
  if (result.failures > 0) throw new Error(`${result.failures} of ${result.answers} answers were not 200`);
  if (result.answers === 0) throw new Error('no request was answered in the round');
  return result;
}
