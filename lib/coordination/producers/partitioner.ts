/**
 * From a record's key to its partition, equal to Kafka's own clients: the positive part of murmur2 of the key's bytes,
 * modulo the number of partitions (org.apache.kafka.clients.producer.internals.BuiltInPartitioner). Adding partitions
 * therefore moves keys.
 */
import { assert } from '../../kernel/assert.ts';
import { murmur2 } from '../../kernel/murmur2.ts';

export function partitionForKey(key: Uint8Array, partitions: number): number {
  assert(partitions > 0, 'a topic has partitions');
  return (murmur2(key) & 0x7fffffff) % partitions;
}
