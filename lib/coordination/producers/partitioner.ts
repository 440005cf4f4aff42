/**
 * Where records go that name no partition. By key it is as with Kafka's own clients: the positive part of murmur2 of
 * the key's bytes, modulo the number of partitions (org.apache.kafka.clients.producer.internals.BuiltInPartitioner).
 * Adding partitions therefore moves keys, and tenants.
 */
import { assert } from '../../kernel/assert.ts';
import { utf8 } from '../../kernel/bytes.ts';
import { murmur2 } from '../../kernel/murmur2.ts';
import { type Random, randomBelow } from '../../kernel/random.ts';

export function partitionForKey(key: Uint8Array, partitions: number): number {
  assert(partitions > 0, 'a topic has partitions');
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** What a partition is chosen by. */
export interface PartitionedRecord {
  key: Uint8Array | null;
  headers: readonly { key: string; value: Uint8Array | null }[];
}

/** The topic's configs of these names. */
export interface PartitionerConfig {
  partitioner: 'key' | 'tenant' | 'round-robin';
  'partitioner.tenant.header': string;
  'partitioner.tenant.separator': string;
}

/** Chooses a partition for each record of one request; `undefined` for one that names no tenant where it must. */
export type Partitioner = (record: PartitionedRecord) => number | undefined;

/** Where the keyless records of a request go, once that is chosen; parts of a request share it. */
export interface KeylessPlace {
  partition?: number;
}

export function requestPartitioner(
  config: PartitionerConfig,
  partitions: number,
  random: Random,
  keyless: KeylessPlace = {},
): Partitioner {
  switch (config.partitioner) {
    case 'key':
      return byKey(partitions, random, keyless);
    case 'round-robin':
      return inTurn(partitions, random);
    case 'tenant': {
      const tenantOf = tenantFrom(config);
      return (record) => {
        const tenant = tenantOf(record);
        return tenant && partitionForKey(tenant, partitions);
      };
    }
  }
}

/** Records without key stay together: a batch for each of many partitions would cost more to write and to read. */
function byKey(partitions: number, random: Random, keyless: KeylessPlace): Partitioner {
  return ({ key }) => {
    if (key !== null) return partitionForKey(key, partitions);
    // A topic created anew may have fewer partitions.
    if (keyless.partition === undefined || keyless.partition >= partitions) {
      keyless.partition = randomBelow(random, partitions);
    }
    return keyless.partition;
  };
}

/**
 * Over all partitions, whatever the keys (Kafka's RoundRobinPartitioner), from one of them on that is chosen by chance.
 */
function inTurn(partitions: number, random: Random): Partitioner {
  let next = randomBelow(random, partitions);
  return () => {
    const partition = next;
    next = (next + 1) % partitions;
    return partition;
  };
}

function tenantFrom(config: PartitionerConfig): (record: PartitionedRecord) => Uint8Array | undefined {
  const header = config['partitioner.tenant.header'];
  // The last one of a name counts, as for Kafka's Headers.lastHeader.
  if (header !== '') return ({ headers }) => headers.findLast(({ key }) => key === header)?.value ?? undefined;
  const separator = utf8(config['partitioner.tenant.separator']);
  return ({ key }) => (key === null ? undefined : key.subarray(0, positionOf(separator, key) ?? key.length));
}

function positionOf(wanted: Uint8Array, bytes: Uint8Array): number | undefined {
  for (let start = 0; start + wanted.length <= bytes.length; start++) {
    if (wanted.every((byte, index) => bytes[start + index] === byte)) return start;
  }
  return undefined;
}
