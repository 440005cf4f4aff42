/**
 * Which partition a record goes to that names none.
 *
 * - `byKey`: Kafka's default. The key's hash, equal to Java's; records without a key as with `sticky`.
 * - `sticky`: whatever the key, one partition until its batch is closed, then another at random (KIP-480): batches are
 *   as full as they can be, and partitions get the same in the long run.
 * - `roundRobin`: each record to the next partition.
 * - a function of the record and the number of partitions.
 *
 * Adding partitions moves keys, as in Kafka.
 */
import { assert } from '../../kernel/assert.ts';
import { murmur2 } from '../../kernel/murmur2.ts';
import { type Random, randomBelow } from '../../kernel/random.ts';
import type { ProducerRecord } from './record.ts';

export const PARTITIONER_NAMES = ['byKey', 'sticky', 'roundRobin'] as const;
export type PartitionerName = (typeof PARTITIONER_NAMES)[number];

/** What a function gets to choose by: the record as it was given, and its key's bytes. */
export interface RecordToPartition<Key, Value> extends ProducerRecord<Key, Value> {
  topic: string;
  keyBytes: Uint8Array | null;
}

/** Returns a partition from 0 to `partitions` − 1. */
export type Partitioner<Key, Value> = (record: RecordToPartition<Key, Value>, partitions: number) => number;

/** The partition that Kafka's clients choose for this key: the positive part of murmur2, modulo the partitions. */
export function partitionForKey(keyBytes: Uint8Array, partitions: number): number {
  assert(partitions > 0, 'a topic has partitions');
  return (murmur2(keyBytes) & 0x7fffffff) % partitions;
}

interface RecordView {
  topic: string;
  key: Uint8Array | null;
  given: ProducerRecord<unknown, unknown>;
}

export class PartitionChooser {
  private readonly partitioner: PartitionerName | Partitioner<unknown, unknown>;
  private readonly random: Random;
  /** By topic: the partition that keyless records go to, or where the round stands. */
  private readonly current = new Map<string, number>();

  constructor(partitioner: PartitionerName | Partitioner<unknown, unknown>, random: Random) {
    this.partitioner = partitioner;
    this.random = random;
  }

  /** Throws what a function throws, and `RangeError` where it returns no partition. */
  choose({ topic, key, given }: RecordView, partitions: number): number {
    if (typeof this.partitioner === 'function') {
      return checked(this.partitioner({ ...given, topic, keyBytes: key }, partitions), partitions);
    }
    switch (this.partitioner) {
      case 'byKey':
        return key === null ? this.sticky(topic, partitions) : partitionForKey(key, partitions);
      case 'sticky':
        return this.sticky(topic, partitions);
      case 'roundRobin': {
        const next = ((this.current.get(topic) ?? randomBelow(this.random, partitions)) + 1) % partitions;
        this.current.set(topic, next);
        return next;
      }
    }
  }

  /** No further record joins the batch that was open for this partition. */
  batchClosed(topic: string, partition: number, partitions: number): void {
    if (this.partitioner === 'roundRobin' || this.current.get(topic) !== partition || partitions < 2) return;
    // One of the others, each as likely.
    const other = randomBelow(this.random, partitions - 1);
    this.current.set(topic, other < partition ? other : other + 1);
  }

  private sticky(topic: string, partitions: number): number {
    let partition = this.current.get(topic);
    if (partition === undefined || partition >= partitions) {
      partition = randomBelow(this.random, partitions);
      this.current.set(topic, partition);
    }
    return partition;
  }
}

function checked(partition: unknown, partitions: number): number {
  if (Number.isInteger(partition) && (partition as number) >= 0 && (partition as number) < partitions) {
    return partition as number;
  }
  throw new RangeError(`the partitioner returned ${String(partition)}, it must be from 0 to ${partitions - 1}`);
}
