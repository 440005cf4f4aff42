/**
 * One environment of a Lambda Web Function: the bundle as a process that must listen on the address it is given within
 * ten seconds, and is ended by SIGTERM and, a second later, by SIGKILL.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { platformVariables } from './execution-environment.ts';
import { freePort } from './peer.ts';

export interface WebFunction {
  readonly url: string;
  /** From the start of the process until it took a connection. */
  readonly readyMs: number;
  logs(): string;
  /** SIGTERM, and SIGKILL after what the platform leaves. Resolves with how it ended and how long that took. */
  stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null; ms: number }>;
}

const READY_MS_MAX = 10_000;
const TERM_MS_MAX = 1_000;

export async function startWebFunction(file: string, variables: Record<string, string>): Promise<WebFunction> {
  const endpoint = `127.0.0.1:${await freePort()}`;
  const startedAt = performance.now();
  const child = spawn(process.execPath, [file], {
    cwd: dirname(file),
    env: { ...platformVariables(file, 'millrace-web'), AWS_LAMBDA_HTTP_ENDPOINT: endpoint, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(String(chunk)));
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const url = `http://${endpoint}`;
  while (!(await listens(new URL(url)))) {
    if (child.exitCode !== null || performance.now() - startedAt > READY_MS_MAX) {
      child.kill('SIGKILL');
      await exited;
      throw new Error(`the web function did not start:\n${output.join('')}`);
    }
    await sleep(5);
  }
  return {
    url,
    readyMs: performance.now() - startedAt,
    logs: () => output.join(''),
    stop: async () => {
      const stoppedAt = performance.now();
      child.kill('SIGTERM');
      const over = new AbortController();
      const hard = sleep(TERM_MS_MAX, undefined, { signal: over.signal }).then(
        () => child.kill('SIGKILL'),
        () => {},
      );
      const [code, signal] = await exited;
      over.abort();
      await hard;
      process.removeListener('exit', killWithParent);
      return { code, signal, ms: performance.now() - stoppedAt };
    },
  };
}

function listens({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
