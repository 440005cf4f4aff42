/** The process of the command line, once it is known that Node is new enough. */
import { systemClock } from '../kernel/clock.ts';
import { interruption } from '../process/interruption.ts';
import { main } from './main.ts';

export async function run(): Promise<void> {
  const code = await main({
    args: process.argv.slice(2),
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    clock: systemClock,
    interruption,
  });
  // All that was to be written is written; an input that never ends, or a connection kept alive, must not keep the
  // process.
  process.exit(code);
}
