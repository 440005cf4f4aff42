/**
 * Produce: whole record batches into a partition. They are checked as Kafka's brokers check them and stored as they
 * are.
 */
import { ledgerOf, type Topic } from '../../log/topic/topic.ts';
import { acceptInTurn } from '../append/accept-batches.ts';
import type { Appended } from '../append/unit.ts';
import type { Broker } from '../broker.ts';
import { unknownPartition } from '../topics/topic-cache.ts';
import {
  type Acks,
  appendToPartition,
  createdAnew,
  isGone,
  leaveInBackground,
  type PartitionBatches,
} from './append-to-partition.ts';
import { batchSequence } from './batch-sequence.ts';

export interface ProduceBatchesRequest {
  topic: string;
  partition: number;
  /**
   * Whole record batches (magic 2), one after the other. All or nothing. The bytes are taken over: the caller must
   * neither change them nor pass them again, since what is kept of them in memory gets its offsets in place.
   */
  batches: Uint8Array;
  acks: Acks;
  expectedOffset?: number;
  /** Whose producers the batches' producer ids are; empty, the default, where nobody is asked who they are. */
  principal?: string;
  /**
   * Called when the batches have their place in the order of what this process appends; not where they are refused
   * before.
   */
  placed?: () => void;
}

export interface ProduceBatchesResult {
  partition: number;
  /** Absent with acks=none. */
  baseOffset?: number;
  recordCount: number;
  /** They are the records of an idempotent producer that were there before. */
  duplicate: boolean;
  /**
   * The time that the records were given, where the topic gives one; absent for duplicates, whose first time is not
   * known here.
   */
  appendTimeMs?: number;
  /** As this process has seen it last; absent with acks=none. */
  logStartOffset?: number;
}

/** Writes whole batches to one partition, all or nothing. */
export async function produceBatches(broker: Broker, request: ProduceBatchesRequest): Promise<ProduceBatchesResult> {
  const { partition, acks, expectedOffset, principal = '' } = request;
  const topic = await broker.topics.getWith(request.topic, partition);
  if (partition >= topic.partitions) throw unknownPartition(topic, partition);
  const accepting = acceptInTurn(broker, topic, request.batches);
  const { batches, records, appendTimeMs } = accepting instanceof Promise ? await accepting : accepting;
  const sequence = batchSequence(principal, batches);
  const appended = append(broker, topic, { partition, batches, expectedOffset, sequence, acks });
  request.placed?.();
  if (acks === 'none') {
    leaveInBackground(broker, appended);
    return { partition, recordCount: records, duplicate: false };
  }
  const { baseOffset, duplicate } = await appended;
  return {
    partition,
    baseOffset,
    recordCount: records,
    duplicate,
    ...(appendTimeMs !== undefined && !duplicate && { appendTimeMs }),
    ...logStartOf(broker, topic, partition),
  };
}

function logStartOf(broker: Broker, topic: Topic, partition: number): { logStartOffset?: number } {
  const { ledger, slot } = ledgerOf(topic, partition);
  const logStartOffset = broker.heads.peek(ledger)?.start[slot];
  return logStartOffset === undefined ? {} : { logStartOffset };
}

/** Appends, and once more where the topic has been deleted and created anew since its config was read. */
async function append(broker: Broker, topic: Topic, batches: PartitionBatches): Promise<Appended> {
  try {
    return await appendToPartition(broker, topic, batches);
  } catch (error) {
    const fresh = isGone(error) ? await createdAnew(broker, topic) : undefined;
    if (fresh === undefined || batches.partition >= fresh.partitions) throw error;
    return appendToPartition(broker, fresh, batches);
  }
}
