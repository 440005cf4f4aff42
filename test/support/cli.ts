/** The command line inside of the test's process, and a server for it. */
import { Readable, Writable } from 'node:stream';
import { afterAll } from 'vitest';
import { arnPatternPolicy } from '../../lib/broker/triggers/target-policy.ts';
import { main } from '../../lib/cli/main.ts';
import type { World } from '../../lib/cli/world.ts';
import { type Clock, systemClock } from '../../lib/kernel/clock.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import { createLogger } from '../../lib/local/logger.ts';
import { parseCommand } from '../../lib/local/options.ts';
import { type RunningServer, startServer } from '../../lib/local/server.ts';

const servers: RunningServer[] = [];

/** On a free port, with nothing kept; ended after the tests of the file. */
export async function startTestServer(...args: string[]): Promise<RunningServer> {
  const port = args.includes('--port') ? [] : ['--port', '0'];
  const data = args.includes('--data') ? [] : ['--data', ':memory:'];
  const command = parseCommand({ args: [...port, ...data, ...args], env: {}, readFile: String });
  if (command.command !== 'serve') throw new Error('asks for help');
  const log = createLogger(systemClock, () => {});
  const server = await startServer(command.options, {
    clock: systemClock,
    random: systemRandom,
    log,
    // Nobody delivers here.
    targetPolicy: arnPatternPolicy(['arn:aws:lambda:*']),
  });
  servers.push(server);
  return server;
}

afterAll(async () => {
  for (const server of servers.splice(0)) await server.close(); // once more does nothing
});

export interface CliOptions {
  url?: string;
  env?: Record<string, string>;
  stdin?: string | Uint8Array | Readable;
  stdout?: Writable;
  interruption?: AbortSignal;
  clock?: Clock;
}

export interface CliResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunningCli {
  /** What was written until now. */
  readonly stdout: string;
  readonly stderr: string;
  readonly result: Promise<CliResult>;
  /** Resolves when what was written to stdout contains the text. */
  prints(text: string): Promise<void>;
  /** The same of stderr. */
  says(text: string): Promise<void>;
}

export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const { url, env = {}, stdin = '', interruption = new AbortController().signal, clock = systemClock } = options;
  const out = new Collector();
  const err = new Collector();
  const world: World = {
    args,
    env: { ...(url !== undefined && { MILLRACE_URL: url }), ...env },
    stdin: stdin instanceof Readable ? stdin : Readable.from([Buffer.from(stdin)]),
    stdout: options.stdout ?? out,
    stderr: err,
    clock,
    interruption: () => interruption,
  };
  const result = main(world).then((code) => ({ code, stdout: out.text, stderr: err.text }));
  return {
    get stdout() {
      return out.text;
    },
    get stderr() {
      return err.text;
    },
    result,
    prints: (text) => out.contains(text),
    says: (text) => err.contains(text),
  };
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).result;
}

class Collector extends Writable {
  private readonly chunks: Buffer[] = [];
  private readonly waiting = new Set<() => void>();

  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.chunks.push(chunk);
    for (const wake of this.waiting) wake();
    callback();
  }

  async contains(text: string): Promise<void> {
    while (!this.text.includes(text)) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.waiting.delete(wake);
          resolve();
        };
        this.waiting.add(wake);
      });
    }
  }
}
