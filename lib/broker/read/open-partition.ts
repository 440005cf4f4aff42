/** From a topic's name and a partition to a view of it. */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { LedgerHead } from '../../log/ledger/head.ts';
import { ledgerOf } from '../../log/topic/topic.ts';
import type { Broker } from '../broker.ts';
import { unknownPartition } from '../topics/topic-cache.ts';
import { PartitionView } from './partition-view.ts';

export interface OpenPartition {
  topic: string;
  partition: number;
  ledger: LedgerId;
  slot: number;
}

export async function openPartition(broker: Broker, topic: string, partition: number): Promise<OpenPartition> {
  const found = await broker.topics.getWith(topic, partition);
  if (partition >= found.partitions) throw unknownPartition(found, partition);
  return { topic, partition, ...ledgerOf(found, partition) };
}

/** The partition as this head shows it; without one the topic is gone. */
export function viewOf(
  broker: Broker,
  { topic, partition, ledger, slot }: OpenPartition,
  head: LedgerHead | undefined,
): PartitionView {
  if (head === undefined) {
    broker.topics.forget(topic);
    throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', `Topic ${topic} was deleted.`);
  }
  return new PartitionView({ ledger, slot, partition, head, pages: broker.pages, segments: broker.segments });
}

/**
 * What is read with the view; where something is missing that it refers to, with a newer one: pages may have been
 * merged and retired since the view's head was read, and segments replaced.
 */
export async function withNewerView<T>(
  broker: Broker,
  partition: OpenPartition,
  view: PartitionView,
  read: (view: PartitionView) => Promise<T>,
): Promise<T> {
  try {
    return await read(view);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'KAFKA_STORAGE_ERROR') throw error;
    broker.segments.forget({ topicId: partition.ledger.topicId, partition: partition.partition });
    return read(await freshView(broker, partition));
  }
}

/** A view that is right about the end of the partition: from a strongly read head. */
export async function freshView(broker: Broker, partition: OpenPartition): Promise<PartitionView> {
  return viewOf(broker, partition, await broker.heads.strong(partition.ledger));
}
