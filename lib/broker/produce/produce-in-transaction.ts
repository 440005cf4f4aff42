/**
 * Record batches for the transaction that a producer has open. They are checked and stored, and in no partition before
 * the commit (transactions/transaction-writer.ts): no offset is known of them.
 */
import { MillraceError } from '../../kernel/errors.ts';
import { acceptInTurn } from '../append/accept-batches.ts';
import type { Broker } from '../broker.ts';
import { unknownPartition } from '../topics/topic-cache.ts';
import { transactionalSequence } from './batch-sequence.ts';

export interface ProduceInTransactionRequest {
  transactionalId: string;
  topic: string;
  partition: number;
  /** As those of `produceBatches`: the bytes are taken over. They say which producer's they are. */
  batches: Uint8Array;
  /** Whether they put the partition into the transaction by themselves, and begin one where none is open (KIP-890). */
  enlists: boolean;
  /** Called when they have their place behind what came before; not where they are refused before. */
  placed?: () => void;
}

/**
 * Resolves as well where the records are in the transaction already. Throws `INVALID_PRODUCER_ID_MAPPING`,
 * `PRODUCER_FENCED`, `INVALID_TXN_STATE` where no transaction is open, or none with this partition, and
 * `OUT_OF_ORDER_SEQUENCE_NUMBER`.
 */
export async function produceInTransaction(broker: Broker, request: ProduceInTransactionRequest): Promise<void> {
  const { transactionalId, partition, enlists } = request;
  const topic = await broker.topics.getWith(request.topic, partition);
  if (partition >= topic.partitions) throw unknownPartition(topic, partition);
  const accepting = acceptInTurn(broker, topic, request.batches);
  const { batches, records } = accepting instanceof Promise ? await accepting : accepting;
  const { producer, firstSequence } = transactionalSequence(batches);
  const bytes = batches.reduce((sum, { length }) => sum + length, 0);
  const given = { topic, partition, batches, bytes, records, firstSequence };
  const written = broker.transactionWriter.write(broker, { transactionalId, producer, enlists }, given);
  request.placed?.();
  const verdict = await written;
  switch (verdict.verdict) {
    case 'accepted':
    case 'duplicate':
      return;
    case 'out-of-order': {
      const detail = `The sequence ${firstSequence} is not the producer's next one in the partition, ${verdict.expected}.`;
      const facts = { expectedSequence: verdict.expected };
      throw new MillraceError('OUT_OF_ORDER_SEQUENCE_NUMBER', detail, { facts });
    }
    case 'not-enlisted': {
      const detail = `${topic.name} ${partition} was not added to a transaction that is open.`;
      throw new MillraceError('INVALID_TXN_STATE', detail);
    }
  }
}
