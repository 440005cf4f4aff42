/** The same load on Millrace, Kinesis Data Streams and MSK Serverless, in dollars a month at list prices. */
import {
  fargateDollarsPerMonth,
  GB,
  HOURS_PER_MONTH,
  ingressDollars,
  SECONDS_PER_MONTH,
  storageDollars,
} from '../dollars.ts';
import { show, type Table } from '../figure.ts';
import { prices } from '../prices.ts';
import type { Operation } from './operation.ts';

export interface MonthlyLoad {
  name: string;
  recordsPerSecond: number;
  /** Of one record, a whole number of KiB: what Kinesis rounds up to. */
  recordBytes: number;
  /** How many records a produce request brings. */
  recordsPerRequest: number;
  partitions: number;
}

const HOURS_KEPT = 24;
/** What one Kinesis shard takes a second, and a PUT payload unit holds. */
const SHARD_BYTES = 1024 * 1024;
const SHARD_RECORDS = 1_000;
const PAYLOAD_UNIT_BYTES = 25 * 1024;

/** Bytes that pass in a month, in AWS's GB. */
export function monthlyGB({ recordsPerSecond, recordBytes }: MonthlyLoad): number {
  return (recordsPerSecond * recordBytes * SECONDS_PER_MONTH) / GB;
}

function keptGB(load: MonthlyLoad): number {
  return (monthlyGB(load) * HOURS_KEPT) / HOURS_PER_MONTH;
}

/** One produce request, and one fetch of a MiB, as they were counted. */
export interface Measured {
  produce: Operation;
  fetch: Operation;
}

export interface MillraceBill {
  storage: number;
  ingress: number;
}

/** Everything written once and read once, in requests through the HTTP API. */
export function millraceDollars(load: MonthlyLoad, { produce, fetch }: Measured): MillraceBill {
  const requests = (load.recordsPerSecond * SECONDS_PER_MONTH) / load.recordsPerRequest;
  const fetches = (monthlyGB(load) * GB) / fetch.payloadBytes;
  const kept = keptGB(load) * prices.s3Storage.dollars;
  return {
    storage: requests * storageDollars(produce.counts) + fetches * storageDollars(fetch.counts) + kept,
    ingress:
      requests * ingressDollars(produce.counts, produce.payloadBytes) +
      fetches * ingressDollars(fetch.counts, fetch.payloadBytes),
  };
}

export function kinesisOnDemandDollars(load: MonthlyLoad): number {
  const stream = HOURS_PER_MONTH * prices.kinesisStreamHour.dollars;
  return stream + monthlyGB(load) * (prices.kinesisIn.dollars + prices.kinesisOut.dollars);
}

export function kinesisProvisionedDollars(load: MonthlyLoad): number {
  const { recordsPerSecond, recordBytes } = load;
  const shards = Math.max(
    1,
    Math.ceil(recordsPerSecond / SHARD_RECORDS),
    Math.ceil((recordsPerSecond * recordBytes) / SHARD_BYTES),
  );
  const units = recordsPerSecond * SECONDS_PER_MONTH * Math.ceil(recordBytes / PAYLOAD_UNIT_BYTES);
  return shards * HOURS_PER_MONTH * prices.kinesisShardHour.dollars + units * prices.kinesisPutUnit.dollars;
}

export function mskServerlessDollars(load: MonthlyLoad): number {
  const hours = prices.mskClusterHour.dollars + load.partitions * prices.mskPartitionHour.dollars;
  const data = monthlyGB(load) * (prices.mskIn.dollars + prices.mskOut.dollars);
  return HOURS_PER_MONTH * hours + data + keptGB(load) * prices.mskStorage.dollars;
}

const KIB = 1_024;

export function comparisonTable(measured: { one: Operation; mebibyte: Operation; fetch: Operation }): Table {
  const { one, mebibyte, fetch } = measured;
  const single = { recordBytes: KIB, recordsPerRequest: 1, partitions: 1 };
  const batched = { recordBytes: KIB, recordsPerRequest: 1_024, partitions: 16 };
  const lines: { load: MonthlyLoad; produce: Operation }[] = [
    { load: { name: 'nothing: the topic is there', ...single, recordsPerSecond: 0 }, produce: one },
    { load: { name: '1 record of 1 KiB a minute, one a request', ...single, recordsPerSecond: 1 / 60 }, produce: one },
    { load: { name: '1 record of 1 KiB a second, one a request', ...single, recordsPerSecond: 1 }, produce: one },
    { load: { name: '100 records of 1 KiB a second, one a request', ...single, recordsPerSecond: 100 }, produce: one },
    { load: { name: '100 KiB/s in requests of 1 MiB', ...batched, recordsPerSecond: 100 }, produce: mebibyte },
    { load: { name: '1 MiB/s in requests of 1 MiB', ...batched, recordsPerSecond: 1_024 }, produce: mebibyte },
    { load: { name: '10 MiB/s in requests of 1 MiB', ...batched, recordsPerSecond: 10_240 }, produce: mebibyte },
  ];
  return {
    title: 'Dollars a month, everything read once, kept for 24 hours',
    columns: [
      'load',
      'GB a month',
      'Millrace, storage',
      '+ HTTP API, Lambda',
      'Kinesis on demand',
      'Kinesis shards',
      'MSK Serverless',
    ],
    rows: lines.map(({ load, produce }) => {
      const { storage, ingress } = millraceDollars(load, { produce, fetch });
      const others = [kinesisOnDemandDollars(load), kinesisProvisionedDollars(load), mskServerlessDollars(load)];
      const dollars = [storage, storage + ingress].concat(others).map(show.dollars);
      return [load.name, monthlyGB(load).toFixed(0)].concat(dollars);
    }),
    notes: [
      'Millrace: each request alone, as on Lambda; group commit in a shared process only makes it less. Read in fetches of 1 MiB.',
      `A consumer that waits all month instead costs what the table of long polls says; a Fargate task of 0.25 vCPU and 0.5 GB is ${show.dollars(fargateDollarsPerMonth({ cpus: 0.25, memoryGB: 0.5 }))} a month.`,
      'Not in it: data transfer, KMS, logs, the clients themselves. Kinesis and MSK Serverless have one consumer application.',
    ],
  };
}
