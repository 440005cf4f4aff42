/** The wish to end, as an interrupted process hears it. */
import { constants } from 'node:os';

/**
 * Aborts at the first SIGINT or SIGTERM, which `heard` is told, so that the process ends after what is under way; the
 * second ends it at once.
 */
export function interruption(heard?: (signal: NodeJS.Signals) => void): AbortSignal {
  const first = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (first.signal.aborted) process.exit(128 + constants.signals[signal]);
    first.abort();
    heard?.(signal);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return first.signal;
}
