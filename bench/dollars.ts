/** From counted units to dollars. Pure arithmetic over the price table. */
import { prices } from './prices.ts';

export const HOURS_PER_MONTH = 730;
export const SECONDS_PER_MONTH = HOURS_PER_MONTH * 3_600;
/** What AWS means by a GB in these price tables. */
export const GB = 2 ** 30;

/** What an operation uses of storage. */
export interface Counts {
  writeUnits: number;
  readUnits: number;
  puts: number;
  gets: number;
  /** Round trips to the table and to the bucket, which is what an operation waits for. */
  tableCalls: number;
  bucketCalls: number;
}

export const NO_COUNTS: Counts = { writeUnits: 0, readUnits: 0, puts: 0, gets: 0, tableCalls: 0, bucketCalls: 0 };

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    writeUnits: a.writeUnits + b.writeUnits,
    readUnits: a.readUnits + b.readUnits,
    puts: a.puts + b.puts,
    gets: a.gets + b.gets,
    tableCalls: a.tableCalls + b.tableCalls,
    bucketCalls: a.bucketCalls + b.bucketCalls,
  };
}

export function scaleCounts(counts: Counts, factor: number): Counts {
  return {
    writeUnits: counts.writeUnits * factor,
    readUnits: counts.readUnits * factor,
    puts: counts.puts * factor,
    gets: counts.gets * factor,
    tableCalls: counts.tableCalls * factor,
    bucketCalls: counts.bucketCalls * factor,
  };
}

export function storageDollars({ writeUnits, readUnits, puts, gets }: Counts): number {
  return (
    writeUnits * prices.dynamodbWriteUnit.dollars +
    readUnits * prices.dynamodbReadUnit.dollars +
    puts * prices.s3Put.dollars +
    gets * prices.s3Get.dollars
  );
}

/**
 * How long an operation is taken to occupy a function: its own work, and its round trips one after the other. AWS says
 * "single-digit millisecond" of DynamoDB (its developer guide) and 100 to 200 ms of S3's first byte (its performance
 * guidelines); nothing of it could be measured here.
 */
export const ASSUMED_MS = { own: 5, tableCall: 10, bucketCall: 150 } as const;

export function assumedMilliseconds({ tableCalls, bucketCalls }: Counts): number {
  return ASSUMED_MS.own + tableCalls * ASSUMED_MS.tableCall + bucketCalls * ASSUMED_MS.bucketCall;
}

/** What the functions have unless a deployment says otherwise (lib/infra). */
export const FUNCTION_MEMORY_MIB = 1_024;

/** One request through the HTTP API and its function, without storage. */
export function ingressDollars(counts: Counts, bodyBytes: number): number {
  const duration = { milliseconds: assumedMilliseconds(counts), memoryMiB: FUNCTION_MEMORY_MIB };
  return httpApiDollars(bodyBytes) + lambdaDollars(duration);
}

/** Of the request or the answer, whichever is larger. */
const HTTP_API_METER_BYTES = 512 * 1024;

export function httpApiDollars(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / HTTP_API_METER_BYTES)) * prices.httpApiRequest.dollars;
}

export function lambdaDollars({ milliseconds, memoryMiB }: { milliseconds: number; memoryMiB: number }): number {
  const gigabyteSeconds = (milliseconds / 1_000) * (memoryMiB / 1_024);
  return prices.lambdaRequest.dollars + gigabyteSeconds * prices.lambdaDuration.dollars;
}

export interface FargateTask {
  cpus: number;
  memoryGB: number;
}

export function fargateDollarsPerMonth({ cpus, memoryGB }: FargateTask): number {
  return HOURS_PER_MONTH * (cpus * prices.fargateCpu.dollars + memoryGB * prices.fargateMemory.dollars);
}
