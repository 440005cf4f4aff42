/** From counted units to dollars. Pure arithmetic over the price table. */
import { prices } from './prices.ts';

export const HOURS_PER_MONTH = 730;
export const SECONDS_PER_MONTH = HOURS_PER_MONTH * 3_600;
/** What AWS means by a GB in these price tables. */
export const GB = 2 ** 30;

/** What one operation uses of storage, counted. */
export interface StorageUse {
  writeUnits: number;
  readUnits: number;
  puts: number;
  gets: number;
}

export const NO_USE: StorageUse = { writeUnits: 0, readUnits: 0, puts: 0, gets: 0 };

export function addUse(a: StorageUse, b: StorageUse): StorageUse {
  return {
    writeUnits: a.writeUnits + b.writeUnits,
    readUnits: a.readUnits + b.readUnits,
    puts: a.puts + b.puts,
    gets: a.gets + b.gets,
  };
}

export function scaleUse(use: StorageUse, factor: number): StorageUse {
  return {
    writeUnits: use.writeUnits * factor,
    readUnits: use.readUnits * factor,
    puts: use.puts * factor,
    gets: use.gets * factor,
  };
}

export function storageDollars({ writeUnits, readUnits, puts, gets }: StorageUse): number {
  return (
    writeUnits * prices.dynamodbWriteUnit.dollars +
    readUnits * prices.dynamodbReadUnit.dollars +
    puts * prices.s3Put.dollars +
    gets * prices.s3Get.dollars
  );
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
