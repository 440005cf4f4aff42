import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY = join(ROOT, 'lib/local/start.js');

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface SpawnOptions {
  env?: Record<string, string>;
  /** Another entry than that of `npm start`, or another Node. */
  command?: string[];
  /** As this user. */
  uid?: number;
}

/** The local server as a process of its own, started as `npm start` does. */
export class LocalProcess {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly exit: Promise<Exit>;

  constructor(args: readonly string[], { env = {}, command = [process.execPath, ENTRY], uid }: SpawnOptions = {}) {
    const [program = '', ...before] = command;
    this.child = spawn(program, [...before, ...args], { cwd: ROOT, env: { ...cleanEnvironment(), ...env }, uid });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exit = once(this.child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
  }

  /** The URL of the start line. Rejects with what was said instead where the process ends before. */
  async url(): Promise<string> {
    for (;;) {
      const found = /^millrace listening http=(\S+)(?: kafka=\S+)?$/m.exec(this.stdout)?.[1];
      if (found !== undefined) return found;
      const more = this.child.stdout === null ? this.exit : once(this.child.stdout, 'data');
      const ended = await Promise.race([this.exit.then(() => true), more.then(() => false)]);
      if (ended) throw new Error(`the server ended before it served: ${this.stderr}`);
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.child.kill(signal);
    return this.exit;
  }
}

/** Nothing of the developer's own settings reaches the process. */
function cleanEnvironment(): Record<string, string | undefined> {
  const own = /^(MILLRACE_|AWS_|KAFKA_PORT$|PORT$|NODE_)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}

const running = new Set<LocalProcess>();
const directories = new Set<string>();

/** Like `new LocalProcess` with a free port; ended by `cleanUp`. */
export function startLocal(args: readonly string[] = ['--data', ':memory:'], options: SpawnOptions = {}): LocalProcess {
  const started = new LocalProcess(['--port', '0', ...args], options);
  running.add(started);
  return started;
}

export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-test-'));
  directories.add(path);
  return path;
}

/** For `afterEach`: ends what the test started and removes what it wrote. */
export async function cleanUp(): Promise<void> {
  for (const local of running) {
    local.child.kill('SIGKILL');
    await local.exit;
  }
  running.clear();
  for (const path of directories) await rm(path, { recursive: true, force: true });
  directories.clear();
}
