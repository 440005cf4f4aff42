/**
 * Says which partitions a producer's open transaction is to have records for, as Kafka's protocol wants it said before
 * them, and begins a transaction where none is open. One that is to have offsets alone is begun with no partitions.
 */
import { decideEnlist } from '../../coordination/transactions/decide-producer.ts';
import type { PartitionName } from '../../coordination/transactions/enlisted.ts';
import { checkTransactionalId } from '../../coordination/transactions/ids.ts';
import { type ProducerIdentity, planTransactional } from '../../coordination/transactions/transactional-item.ts';
import { storageLimits } from '../../kernel/limits/storage.ts';
import { transactionLimits } from '../../kernel/limits/transactions.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Broker } from '../broker.ts';
import { unknownPartition } from '../topics/topic-cache.ts';
import { changeState, type StateStep, throwRefusal } from './transactional-states.ts';

export interface EnlistRequest {
  transactionalId: string;
  producer: ProducerIdentity;
  partitions: readonly { topic: string; partition: number }[];
}

/** Throws `INVALID_PRODUCER_ID_MAPPING`, `PRODUCER_FENCED`, `UNKNOWN_TOPIC_OR_PARTITION`, `POLICY_VIOLATION`. */
export async function enlistPartitions(broker: Broker, request: EnlistRequest): Promise<void> {
  const { transactionalId: id, producer } = request;
  checkTransactionalId(id);
  const partitions = await partitionsIn(broker, request);
  await broker.committer.inLine(id, () =>
    changeState(broker, id, async (state): Promise<StateStep<void>> => {
      const limits = { partitionsMax: transactionLimits.transactionPartitionsMax, nowMs: broker.clock.now() };
      const decision = decideEnlist(state, producer, { partitions, ...limits });
      switch (decision.decision) {
        case 'enlist':
          return { writes: [planTransactional(id, decision.next)], done: undefined };
        case 'repeat':
          return { done: undefined };
        case 'refuse':
          return throwRefusal(broker, id, decision, state?.parts);
      }
    }),
  );
}

/** Each once, however often it is named. */
async function partitionsIn(broker: Broker, request: EnlistRequest): Promise<PartitionName[]> {
  const named = new Map<string, Set<number>>();
  for (const { topic, partition } of request.partitions) {
    const own = named.get(topic) ?? new Set();
    named.set(topic, own.add(partition));
  }
  const topics = await mapBounded([...named], storageLimits.storageFanOutMax, async ([name, own]) => {
    const last = [...own].reduce((most, partition) => Math.max(most, partition), 0);
    return { topic: await broker.topics.getWith(name, last), own };
  });
  return topics.flatMap(({ topic, own }) =>
    [...own].map((partition) => {
      if (partition < 0 || partition >= topic.partitions) throw unknownPartition(topic, partition);
      return { topicId: topic.topicId, partition };
    }),
  );
}
