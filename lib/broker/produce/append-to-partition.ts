/** Appending one request's batches to one partition, as every way of producing does. */
import { MillraceError } from '../../kernel/errors.ts';
import { produceLimits } from '../../kernel/limits/produce.ts';
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import { runOf } from '../append/accept-batches.ts';
import type { Appended, ProducerSequence } from '../append/unit.ts';
import type { Broker } from '../broker.ts';
import { rulesOf } from '../replication/rules.ts';

export interface PartitionBatches {
  partition: number;
  /** Written together, or not at all. */
  batches: readonly Uint8Array[];
  expectedOffset?: number;
  /** Of an idempotent producer: which of its records they are. */
  sequence?: ProducerSequence;
  acks: Acks;
}

/**
 * `none`: answered before the records are stored; `leader`: once the leader has them; `all`: once all in sync have
 * them.
 */
export type Acks = 'all' | 'leader' | 'none';

export async function appendToPartition(broker: Broker, topic: Topic, given: PartitionBatches): Promise<Appended> {
  const { partition, batches, expectedOffset, sequence, acks } = given;
  const run = runOf(batches);
  const deadlineMs = broker.clock.monotonic() + produceLimits.produceDeadlineMs;
  const appended = await broker.appender.appendOnce({
    ...ledgerOf(topic, partition),
    run,
    expectedOffset,
    sequence,
    acks: acks === 'all' ? 'all' : 'leader',
    rules: rulesOf(topic.config),
    deadlineMs,
  });
  if (!appended.duplicate) broker.meter.produced(run.records, run.bytes);
  return appended;
}

/** Nothing was written, because there is no such topic any more. */
export function isGone(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION' && error.effect === 'none';
}

/** The topic that now has the name; `undefined` where it is still the same one, or there is none. */
export async function createdAnew(broker: Broker, topic: Topic): Promise<Topic | undefined> {
  try {
    const fresh = await broker.topics.getFresh(topic.name);
    return fresh.topicId === topic.topicId ? undefined : fresh;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** With acks=none nobody waits for the outcome; a failure is only logged. */
export function leaveInBackground(broker: Broker, appended: Promise<unknown>): void {
  const logged = (error: unknown) => broker.log.warn('Records sent with acks=none were lost', { error });
  broker.background.add(appended.then(() => {}, logged));
}
