/**
 * Requests that are made until they are answered: a consumer outlives the failures of its server. What will not get
 * better is thrown at once.
 */
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import { MillraceClientError } from '../errors.ts';
import { pauseMs, type Transport } from '../transport.ts';

/** After as many the pause does not grow any more. */
const GROWING_PAUSES = 16;

export interface PersistentOptions {
  /** Makes one attempt. */
  attempt: Transport;
  clock: Clock;
  random: Random;
  onRetry?: (error: MillraceClientError, pauseMs: number) => void;
  /** From then on there is one attempt, and its failure is the answer. */
  stopping: AbortSignal;
}

export function persistentTransport({ attempt, clock, random, onRetry, stopping }: PersistentOptions): Transport {
  return async (request) => {
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt(request);
      } catch (error) {
        // A topic that is not there is "retriable" to Kafka's clients; here it is an answer.
        if (!(error instanceof MillraceClientError) || !error.retriable || error.status === 404) throw error;
        if (stopping.aborted) throw error;
        const ms = pauseMs(random, Math.min(attempts, GROWING_PAUSES), error);
        onRetry?.(error, ms);
        const ended = request.signal === undefined ? stopping : AbortSignal.any([request.signal, stopping]);
        await clock.sleep(ms, ended);
        request.signal?.throwIfAborted();
        if (stopping.aborted) throw error;
      }
    }
  };
}
