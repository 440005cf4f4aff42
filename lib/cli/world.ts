/** Everything outside of the command line that it touches, so that tests can run it inside of their process. */
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../kernel/clock.ts';

export interface World {
  /** Without the program's own name. */
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
  clock: Clock;
  /**
   * Aborts at the first SIGINT or SIGTERM, and the second ends the process. Commands that do not ask are ended by the
   * first, as any program: they have nothing to finish.
   */
  interruption(): AbortSignal;
}
