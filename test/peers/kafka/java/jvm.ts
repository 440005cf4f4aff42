/** Runs programs of Kafka's jars; all of them are gone when this process is. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { JARS } from './jars.ts';

/** For programs that live for seconds: the first compiler starts fastest, and takes the least of two cores. */
const SHORT_LIVED = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto', '-Xmx256m'];
const LOGGING = `-Dlog4j2.configurationFile=${join(import.meta.dirname, 'log4j2.xml')}`;
/** Lines that are kept of what a program logs. */
const LOG_LINES_MAX = 400;
/** Far more than it takes: on a busy machine a program takes a minute to start. */
const UNTIL_MS_MAX = 180_000;
/** A program that was asked to end has to be gone by then. */
const STOP_MS_MAX = 60_000;

export interface JavaProgram {
  /** Its class. */
  main: string;
  args?: readonly string[];
  /** Of the virtual machine. */
  options?: readonly string[];
  cwd?: string;
  /** What it reads; absent: nothing. */
  input?: string;
  msMax?: number;
}

export interface JavaOutcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

const running = new Set<JavaProcess>();
// Before whoever removes their files.
process.prependListener('exit', () => {
  for (const each of running) void each.kill();
});

/** Ends all that are left of a run that failed, and tells what each has said. */
export async function killLeftProcesses(): Promise<string[]> {
  const left = [...running];
  await Promise.all(left.map((each) => each.kill()));
  return left.map((each) => each.said);
}

export class JavaProcess {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #log: string[] = [];
  readonly #closed: Promise<void>;
  readonly #waiting = new Set<() => void>();
  #looking = false;

  constructor({ main, args = [], options = SHORT_LIVED, cwd, input, msMax }: JavaProgram) {
    this.#name = main.slice(main.lastIndexOf('.') + 1);
    const command = [...options, LOGGING, '-cp', `${JARS}/*`, main, ...args];
    this.#child = spawn('java', command, {
      cwd,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(msMax !== undefined && { timeout: msMax, killSignal: 'SIGKILL' }),
    });
    this.#child.stdin?.on('error', () => undefined).end(input);
    for (const [stream, to] of [
      [this.#child.stdout, this.#lines],
      [this.#child.stderr, this.#log],
    ] as const) {
      if (stream === null) continue;
      createInterface(stream).on('line', (line) => {
        to.push(line);
        if (to === this.#log && to.length > LOG_LINES_MAX) to.shift();
        this.#lookSoon();
      });
    }
    running.add(this);
    this.#closed = once(this.#child, 'close').then(() => {
      running.delete(this);
      for (const look of this.#waiting) look();
    });
  }

  /** Once for all lines that have come together. */
  #lookSoon(): void {
    if (this.#looking) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      for (const look of this.#waiting) look();
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What it has written so far. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  get log(): readonly string[] {
    return this.#log;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * Resolves when what is asked about it is true; fails when it is not in time, or cannot be any more. It is asked
   * whenever this process has said something: what others do as well is to be waited for by time.
   */
  async until(what: string, holds: () => boolean, msMax = UNTIL_MS_MAX): Promise<void> {
    if (holds()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = (why: string) => reject(new Error(`${this.#name} ${why} before ${what}:\n${this.said}`));
    const look = () => {
      try {
        if (holds()) resolve();
        else if (!this.running) fail('ended');
      } catch (error) {
        reject(error);
      }
    };
    const late = setTimeout(() => fail(`took more than ${msMax} ms`), msMax);
    this.#waiting.add(look);
    await promise.finally(() => {
      clearTimeout(late);
      this.#waiting.delete(look);
    });
  }

  /** The end of all it has said. */
  get said(): string {
    return [`${this.#name}:`, ...this.#lines.slice(-20), ...this.#log.slice(-40)].join('\n');
  }

  async ended(): Promise<JavaOutcome> {
    await this.#closed;
    return { code: this.#child.exitCode, stdout: this.#lines.join('\n'), stderr: this.#log.join('\n') };
  }

  /** Asks it to end, as an operator would. Fails where that takes too long. */
  async stop(): Promise<JavaOutcome> {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS_MAX);
    const outcome = await this.ended();
    clearTimeout(late);
    if (this.#child.signalCode === 'SIGKILL') throw new Error(`${this.#name} did not end when asked to:\n${this.said}`);
    return outcome;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

/** Runs a program to its end and fails unless that is 0. */
export async function runJava(program: JavaProgram): Promise<JavaOutcome> {
  const child = new JavaProcess({ msMax: 240_000, ...program });
  const outcome = await child.ended();
  if (outcome.code !== 0) throw new Error(`${program.main} ${program.args?.join(' ')}: ${outcome.code}\n${child.said}`);
  return outcome;
}
