/** What transactions cost: one after the other from one process, each in one request. */
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import type { TransactionRecord } from '../../lib/broker/transactions/prepare.ts';
import { transact } from '../../lib/broker/transactions/transact.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import type { Table } from '../figure.ts';
import { text } from '../payloads.ts';
import type { AwsWorld } from './aws-world.ts';
import { kafkaAppends } from './kafka-transaction.ts';
import { average, type Operation } from './operation.ts';

export interface TransactionShape {
  name: string;
  topics: number;
  partitionsPerTopic: number;
  valueBytes: number;
  /** Topics of which one partition's offset is committed. */
  offsetTopics: number;
  /** Partitions of each of those. */
  offsetsPerTopic: number;
  transactions: number;
}

export interface CountedTransaction extends Operation {
  shape: TransactionShape;
  /** Of one atomic write. */
  items: number;
  atomicWrites: number;
}

export async function transacting(world: AwsWorld, shape: TransactionShape): Promise<CountedTransaction> {
  const process = world.startProcess();
  const prefix = `transacted-${shape.topics}-${shape.partitionsPerTopic}`;
  const inputs = Array.from({ length: shape.offsetTopics }, (_, index) => `${prefix}-in-${index}`);
  const outputs = Array.from({ length: shape.topics }, (_, index) => `${prefix}-out-${index}`);
  for (const name of inputs) await createTopic(process, { name, partitions: shape.offsetsPerTopic });
  for (const name of outputs) await createTopic(process, { name, partitions: shape.partitionsPerTopic });
  const run = (number: number) =>
    transact(process, {
      transactionalId: prefix,
      caller: { epoch: 0, number },
      records: recordsOf(shape, outputs, number),
      offsets: { group: prefix, offsets: offsetsOf(shape, inputs, number) },
    });
  await run(0);
  const before = world.atomicWrites();
  const counts = await average(world, process, shape.transactions, (index) => run(index + 1));
  const { writes, items } = world.atomicWrites();
  const made = writes - before.writes;
  return {
    name: shape.name,
    payloadBytes: shape.topics * shape.partitionsPerTopic * shape.valueBytes,
    counts,
    shape,
    items: (items - before.items) / made,
    atomicWrites: made / shape.transactions,
  };
}

function recordsOf(shape: TransactionShape, topics: readonly string[], number: number): TransactionRecord[] {
  const random = seededRandom(number);
  return topics.flatMap((topic) =>
    Array.from({ length: shape.partitionsPerTopic }, (_, partition) => ({
      topic,
      partition,
      key: null,
      value: new TextEncoder().encode(text(random, shape.valueBytes)),
      headers: [],
    })),
  );
}

function offsetsOf(shape: TransactionShape, topics: readonly string[], offset: number) {
  return topics.flatMap((topic) =>
    Array.from({ length: shape.offsetsPerTopic }, (_, partition) => ({ topic, partition, offset })),
  );
}

const REPLICATION_FACTOR = 3;

export function transactionTable(counted: readonly CountedTransaction[]): Table {
  return {
    title: 'A transaction beside Kafka’s own writes for it (average, seals included)',
    columns: [
      'transaction',
      'atomic writes',
      'items',
      'write units',
      'read units',
      'objects',
      'Kafka: log appends',
      `Kafka: with ${REPLICATION_FACTOR} replicas`,
    ],
    rows: counted.map(({ name, shape, items, atomicWrites, counts }) => {
      const partitions = shape.topics * shape.partitionsPerTopic;
      const kafka = kafkaAppends({ partitions, offsets: true, replicationFactor: REPLICATION_FACTOR });
      return [
        name,
        atomicWrites.toFixed(2),
        items.toFixed(0),
        counts.writeUnits.toFixed(2),
        counts.readUnits.toFixed(2),
        counts.puts > 0 ? `${counts.puts.toFixed(2)} PUT` : 'inline',
        `${kafka.total} (${kafka.data} data, ${kafka.offsets} offsets, ${kafka.transactionLog} transaction log, ${kafka.markers} markers)`,
        String(kafka.replicated),
      ];
    }),
    notes: [
      'DynamoDB bills an item of a transaction twice: two units for each KiB of its larger size, before or after.',
      'An atomic write is the transaction; sealing a ledger every eighth time is a page and a trim, in write units too.',
      'bench/counted/kafka-transaction.ts has what Kafka writes, and where that is from.',
    ],
  };
}
