/** The wish to end a command, as an interrupted process hears it. */
import { constants } from 'node:os';

/**
 * Aborts at the first SIGINT or SIGTERM, so that the command ends after what is under way; the second ends the process
 * at once.
 */
export function interruption(): AbortSignal {
  const first = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (first.signal.aborted) process.exit(128 + constants.signals[signal]);
    first.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return first.signal;
}
