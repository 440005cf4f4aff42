/** What operations cost on DynamoDB and S3: counted units, and the dollars they come to. */
import { awsWorldMissing, openAwsWorld } from '../counted/aws-world.ts';
import { comparisonTable } from '../counted/comparison.ts';
import { idempotence } from '../counted/idempotence.ts';
import type { Operation } from '../counted/operation.ts';
import { CACHED, HISTORY, NOTHING_NEW, reading } from '../counted/reading.ts';
import {
  type CountedTransaction,
  type TransactionShape,
  transacting,
  transactionTable,
} from '../counted/transacting.ts';
import { type ProduceShape, production, topicCreation } from '../counted/writing.ts';
import { ASSUMED_MS, GB, ingressDollars, storageDollars } from '../dollars.ts';
import { type Figure, type Report, show, type Table } from '../figure.ts';
import type { Part, PartContext } from '../part.ts';

const KIB = 1_024;

const ONE_RECORD: ProduceShape = {
  name: 'produce 1 record of 1 KiB, topic of 1 partition',
  records: 1,
  valueBytes: KIB,
  partitions: 1,
  requests: 1_000,
};
const ONE_OF_SIXTEEN = { ...ONE_RECORD, name: 'produce 1 record of 1 KiB, topic of 16 partitions', partitions: 16 };
const HUNDRED = { ...ONE_RECORD, name: 'produce 100 records of 1 KiB', records: 100, partitions: 16, requests: 200 };
const MEBIBYTE = { ...HUNDRED, name: 'produce 1 MiB over 16 partitions', records: 1_024, requests: 1_000 };
const RECORD_BY_THREE = { ...ONE_RECORD, name: `${ONE_RECORD.name}, 3 replicas`, replicas: 3 };
const MEBIBYTE_BY_THREE = { ...MEBIBYTE, name: `${MEBIBYTE.name}, 3 replicas`, requests: 300, replicas: 3 };

const TRANSACTION: TransactionShape = {
  name: 'transaction over 8 partitions of a topic and 2 offsets',
  topics: 1,
  partitionsPerTopic: 8,
  valueBytes: 256,
  offsetTopics: 1,
  offsetsPerTopic: 2,
  transactions: 200,
};
const SCATTERED: TransactionShape = {
  ...TRANSACTION,
  name: 'transaction over 8 topics of a partition and offsets of 2',
  topics: 8,
  partitionsPerTopic: 1,
  offsetTopics: 2,
  offsetsPerTopic: 1,
};

const WRITE_UNITS_MAX = 4;
const READ_UNITS_MAX = 1;

export const costs: Part = {
  name: 'costs',
  summary: 'write units, read units, PUTs and GETs per operation (counted), and the dollars they come to',
  run,
};

async function run(context: PartContext): Promise<Report> {
  const missing = awsWorldMissing();
  if (missing !== undefined) {
    context.progress(`SKIPPED: ${missing}`);
    return { figures: [{ name: 'Counted costs', skipped: missing }] };
  }
  const world = await openAwsWorld();
  try {
    const created = [];
    for (const partitions of [1, 16, 256]) created.push(await topicCreation(world, partitions));
    const produced: Operation[] = [];
    for (const shape of [ONE_RECORD, ONE_OF_SIXTEEN, HUNDRED, MEBIBYTE, RECORD_BY_THREE, MEBIBYTE_BY_THREE]) {
      context.progress(`${shape.name}, ${shape.requests} times`);
      produced.push(await production(world, shape));
    }
    const transactions: CountedTransaction[] = [];
    for (const shape of [TRANSACTION, SCATTERED]) {
      context.progress(`${shape.name}, ${shape.transactions} times`);
      transactions.push(await transacting(world, shape));
    }
    const sequences = await idempotence(world, (text) => context.progress(text));
    context.progress('reading');
    const read = await reading(world);
    const operations = [...created, ...produced, ...transactions, ...read];
    const [one, mebibyte, fetch] = [
      named(operations, ONE_RECORD.name),
      named(operations, MEBIBYTE.name),
      named(operations, HISTORY),
    ];
    return {
      figures: [...figuresOf(operations), ...sequences.figures, ...transactionFigures(transactions)],
      tables: [
        countTable(operations),
        sequences.table,
        transactionTable(transactions),
        dollarTable(operations),
        comparisonTable({ one, mebibyte, fetch }),
      ],
    };
  } finally {
    await world.close();
  }
}

function named(operations: readonly Operation[], name: string): Operation {
  const operation = operations.find((one) => one.name === name);
  if (operation === undefined) throw new Error(`the operation ${name} was not counted`);
  return operation;
}

function figuresOf(operations: readonly Operation[]): Figure[] {
  const of = (name: string) => named(operations, name).counts;
  const writing = [ONE_RECORD, ONE_OF_SIXTEEN, MEBIBYTE].map(
    ({ name }): Figure => ({
      name: `${name}: write units`,
      value: of(name).writeUnits,
      show: show.units,
      bound: { kind: 'at-most', value: WRITE_UNITS_MAX },
    }),
  );
  const requests = [
    { name: ONE_RECORD.name, most: 0 },
    { name: ONE_OF_SIXTEEN.name, most: 0 },
    { name: MEBIBYTE.name, most: 1 },
  ].map(
    ({ name, most }): Figure => ({
      name: `${name}: S3 requests`,
      value: of(name).puts + of(name).gets,
      show: show.count,
      bound: { kind: 'at-most', value: most },
    }),
  );
  const tailing = [NOTHING_NEW, CACHED].map(
    (name): Figure => ({
      name: `${name}: read units`,
      value: of(name).readUnits,
      show: show.units,
      bound: { kind: 'at-most', value: READ_UNITS_MAX },
    }),
  );
  return [...writing, ...requests, ...tailing];
}

function transactionFigures(transactions: readonly CountedTransaction[]): Figure[] {
  return transactions.map(
    ({ name, atomicWrites }): Figure => ({
      name: `${name}: atomic writes`,
      value: atomicWrites,
      show: show.count,
      bound: { kind: 'at-most', value: 1 },
    }),
  );
}

function countTable(operations: readonly Operation[]): Table {
  return {
    title: 'What an operation uses (average, seals included)',
    columns: ['operation', 'write units', 'read units', 'PUT', 'GET', 'table calls'],
    rows: operations.map(({ name, counts }) => [
      name,
      counts.writeUnits.toFixed(2),
      counts.readUnits.toFixed(2),
      counts.puts.toFixed(2),
      counts.gets.toFixed(2),
      counts.tableCalls.toFixed(2),
    ]),
    notes: [
      'DynamoDB does not say what a refused write consumed; one after the other, as here, none is refused.',
      'A process asks for a topic once in 5 s: one read unit more where that falls into an operation.',
    ],
  };
}

function dollarTable(operations: readonly Operation[]): Table {
  return {
    title: 'What that comes to, in dollars at list prices in us-east-1 (bench/prices.ts)',
    columns: [
      'operation',
      'storage, per million',
      'with HTTP API + Lambda',
      'storage, per GiB',
      'with HTTP API + Lambda',
    ],
    rows: operations.map(({ name, counts, payloadBytes }) => {
      const storage = storageDollars(counts);
      const all = storage + ingressDollars(counts, payloadBytes);
      const perGB = GB / payloadBytes;
      const dollars = [storage * 1e6, all * 1e6].concat(payloadBytes === 0 ? [] : [storage * perGB, all * perGB]);
      return [name].concat(dollars.map(show.dollars));
    }),
    notes: [
      `A function is taken to be busy ${ASSUMED_MS.own} ms, and ${ASSUMED_MS.tableCall} ms per call of the table and ${ASSUMED_MS.bucketCall} ms per call of the bucket; bench/dollars.ts says why.`,
    ],
  };
}
