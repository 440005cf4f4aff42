/** The process of `millrace fsck`, once it is known that Node is new enough. */
import { constants } from 'node:os';
import { systemClock } from '../../kernel/clock.ts';
import { systemRandom } from '../../kernel/random.ts';
import { fsck } from './fsck.ts';

export async function run(args: readonly string[]): Promise<void> {
  process.exitCode = await fsck({
    args,
    env: process.env,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    clock: systemClock,
    random: systemRandom,
    interruption: interruption(),
  });
}

/** The first signal ends it after the step under way, the second at once. */
function interruption(): AbortSignal {
  const first = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (first.signal.aborted) process.exit(128 + constants.signals[signal]);
    first.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return first.signal;
}
