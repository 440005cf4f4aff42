/** The gateway of this checkout, as a process of its own on embedded stores in a temporary directory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { assert } from '../../../../lib/kernel/assert.ts';

const MAIN = join(import.meta.dirname, '../../../../lib/local/main.ts');

export interface GatewayProcess {
  bootstrap: string;
  stop(): Promise<void>;
}

/** `log` is the file descriptor that it logs to. */
export async function startGateway(
  data: string,
  args: readonly string[] = [],
  log: number | 'inherit' = 'inherit',
): Promise<GatewayProcess> {
  const command = [MAIN, '--port', '0', '--kafka-port', '0', '--data', data, ...args];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', log] });
  assert(child.stdout !== null, 'it is a pipe');
  const killWithParent = () => child.kill('SIGKILL');
  // Before whoever removes its files.
  process.prependOnceListener('exit', killWithParent);
  const exited = once(child, 'exit');
  const line = once(createInterface(child.stdout), 'line') as Promise<[string]>;
  const first = await Promise.race([line, exited.then(() => undefined)]);
  const bootstrap = /kafka=(\S+)/.exec(first?.[0] ?? '')?.[1];
  if (bootstrap === undefined) throw new Error(`the server did not say where it listens: ${first?.[0]}`);
  return {
    bootstrap,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      process.removeListener('exit', killWithParent);
    },
  };
}
