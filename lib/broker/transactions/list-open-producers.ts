/**
 * The producers that have records for partitions in open transactions: those that a partition waits for.
 *
 * Their transactional ids say so, all of which are read. Producers that wrote before, or without transactions, are in
 * the ledgers as well, but by a hash of their names, from which nobody is told again.
 */
import { lastSequenceOf } from '../../coordination/transactions/enlisted.ts';
import { producerOf } from '../../coordination/transactions/producer.ts';
import type { ProducerIdentity } from '../../coordination/transactions/transactional-item.ts';
import type { TopicId } from '../../kernel/ids.ts';
import type { Broker } from '../broker.ts';
import { listTransactions } from './list-transactions.ts';

export interface OpenProducer {
  producer: ProducerIdentity;
  topicId: TopicId;
  partition: number;
  /** Of its records in the partition. */
  lastSequence: number;
  /** When its transaction began. */
  begunMs: number;
}

/** Of partitions of these topics. */
export async function listOpenProducers(broker: Broker, topics: ReadonlySet<TopicId>): Promise<OpenProducer[]> {
  const found: OpenProducer[] = [];
  for await (const { state } of listTransactions(broker, () => true)) {
    const producer = producerOf(state);
    if (state.status !== 'ongoing' || producer === undefined) continue;
    for (const enlisted of state.enlisted ?? []) {
      const { topicId, partition, isCurrent, batches } = enlisted;
      if (!isCurrent || batches.length === 0 || !topics.has(topicId)) continue;
      const lastSequence = lastSequenceOf(enlisted);
      found.push({ producer, topicId, partition, lastSequence, begunMs: state.begunMs });
    }
  }
  return found;
}
