/**
 * Repeating conditional writes of configuration (topics, keys): decide, write, and where the store says that someone
 * else was first, or does not say anything, look again and decide again. Bounded both ways.
 */
import { MillraceError, withEffect } from '../kernel/errors.ts';
import type { Write } from '../kernel/items.ts';
import { topicLimits } from '../kernel/limits/topics.ts';
import type { MetadataStore, WriteResult } from '../storage/metadata/port.ts';

export type Decision<T> = { done: T } | 'again';

/**
 * Runs `attempt` until it is done. An attempt must find out by itself how things are, because one before it may have
 * taken effect unseen. After such an attempt nothing that is thrown is told as `effect: none`, a refusal neither: what
 * it is refused for may have come to be since.
 */
export async function decideAgain<T>(what: string, attempt: () => Promise<Decision<T>>): Promise<T> {
  let unknown: MillraceError | undefined;
  let unknownOutcomes = 0;
  for (let attempts = 0; attempts < topicLimits.configAttemptsMax; attempts++) {
    try {
      const decision = await attempt();
      if (decision !== 'again') return decision.done;
    } catch (error) {
      if (!isStorageFault(error)) throw unknown === undefined ? error : withEffect(error, 'unknown');
      if (error.effect === 'none') throw unknown ?? error;
      unknown = error;
      if (++unknownOutcomes >= topicLimits.configUnknownOutcomesMax) throw error;
    }
  }
  throw unknown ?? new MillraceError('REQUEST_TIMED_OUT', `The ${what} met too many others; try again.`);
}

/** For writes that are safe to repeat as they are. Answers what the last attempt met. */
export function writeRepeatedly(metadata: MetadataStore, writes: readonly Write[]): Promise<WriteResult> {
  return decideAgain('write', async () => ({ done: await metadata.write(writes) }));
}

function isStorageFault(error: unknown): error is MillraceError {
  return (
    error instanceof MillraceError &&
    (error.code === 'KAFKA_STORAGE_ERROR' ||
      error.code === 'THROTTLING_QUOTA_EXCEEDED' ||
      error.code === 'REQUEST_TIMED_OUT')
  );
}
