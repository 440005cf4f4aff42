/**
 * The process of a service: flags in, one line on stdout when it serves, exit codes out. 0 after a drained stop, 1 when
 * it cannot start or go on, 2 when the flags or the environment cannot be meant, 128 + the signal's number after a
 * second signal.
 */
import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { MillraceError } from '../kernel/errors.ts';
import { type Random, systemRandom } from '../kernel/random.ts';
import { interruption } from '../process/interruption.ts';
import { collectLessOften } from './heap.ts';
import { ListenError } from './listen.ts';
import { createLogger, type Logger } from './logger.ts';
import { OptionsError, type Surroundings } from './settings.ts';

export interface Service<Options> {
  /** Throws `OptionsError`. */
  parse(surroundings: Surroundings): { command: 'help' } | { command: 'serve'; options: Options };
  help(): string;
  /**
   * Throws `ListenError`, `OptionsError` or `MillraceError`; each message is a sentence for whoever starts the service.
   */
  start(options: Options, context: ServiceContext): Promise<RunningService>;
}

export interface ServiceContext {
  clock: Clock;
  random: Random;
  log: Logger;
}

export interface RunningService {
  /** Where it listens, for the line on stdout: `http=http://127.0.0.1:8080`. */
  addresses: string;
  close(): Promise<void>;
}

export async function runService<Options>(service: Service<Options>, args: readonly string[]): Promise<void> {
  const log = createLogger(systemClock, (line) => process.stderr.write(line));
  endOnBugs(log);
  const command = parseOrExit(service, args);
  if (command.command === 'help') {
    process.stdout.write(service.help());
    return;
  }
  collectLessOften();
  const stop = Promise.withResolvers<NodeJS.Signals>();
  interruption(stop.resolve);
  const running = await startOrExit(() =>
    service.start(command.options, { clock: systemClock, random: systemRandom, log }),
  );
  process.stdout.write(`millrace listening ${running.addresses}\n`);
  const signal = await stop.promise;
  log.info('stopping', { signal });
  await close(running, log);
}

function parseOrExit<Options>(service: Service<Options>, args: readonly string[]): ReturnType<typeof service.parse> {
  try {
    return service.parse({ args, env: process.env, readFile: (path) => readFileSync(path, 'utf8') });
  } catch (error) {
    if (error instanceof OptionsError) return exit(2, error.message);
    throw error;
  }
}

async function startOrExit<Running>(start: () => Promise<Running>): Promise<Running> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof OptionsError) return exit(2, error.message);
    if (error instanceof ListenError || error instanceof MillraceError) return exit(1, error.message);
    throw error;
  }
}

function exit(code: number, sentence: string): never {
  process.stderr.write(`millrace: ${sentence}\n`);
  process.exit(code);
}

async function close(running: RunningService, log: Logger): Promise<void> {
  try {
    await running.close();
  } catch (error) {
    log.error('the server did not stop cleanly', { error });
    process.exit(1);
  }
  // Nothing is left to do; what a library keeps open must not keep the process.
  process.exit(0);
}

/**
 * A bug leaves the process in a state that nobody knows; all that was answered is stored, so it ends and starts anew.
 */
function endOnBugs(log: Logger): void {
  process.on('uncaughtException', (error) => {
    log.error('the server ends for a bug', { error });
    process.exit(1);
  });
}
