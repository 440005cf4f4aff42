import { describe, expect, it } from 'vitest';
import {
  comparisonTable,
  kinesisOnDemandDollars,
  kinesisProvisionedDollars,
  millraceDollars,
  monthlyGB,
  mskServerlessDollars,
} from '../../../bench/counted/comparison.ts';
import { HOURS_PER_MONTH, NO_COUNTS, SECONDS_PER_MONTH } from '../../../bench/dollars.ts';
import { prices } from '../../../bench/prices.ts';

const load = { name: '', recordsPerSecond: 1_000, recordBytes: 1_024, recordsPerRequest: 100, partitions: 4 };
const quiet = { ...load, recordsPerSecond: 0 };
const produce = { name: '', payloadBytes: 102_400, counts: { ...NO_COUNTS, writeUnits: 2, puts: 1 } };
const fetch = { name: '', payloadBytes: 2 ** 20, counts: { ...NO_COUNTS, readUnits: 1, gets: 1 } };

describe('a load', () => {
  it('is so many GB a month', () => {
    expect(monthlyGB(load)).toBeCloseTo((1_000 * 1_024 * SECONDS_PER_MONTH) / 2 ** 30, 6);
  });
});

describe('Millrace', () => {
  it('costs nothing while nobody calls', () => {
    expect(millraceDollars(quiet, { produce, fetch })).toEqual({ storage: 0, ingress: 0 });
  });

  it('costs in proportion to the requests', () => {
    const once = millraceDollars(load, { produce, fetch });
    const twice = millraceDollars({ ...load, recordsPerSecond: 2_000 }, { produce, fetch });
    expect(twice.storage).toBeCloseTo(2 * once.storage, 6);
    expect(twice.ingress).toBeCloseTo(2 * once.ingress, 6);
    const batched = millraceDollars({ ...load, recordsPerRequest: 1_000 }, { produce, fetch });
    expect(batched.storage).toBeLessThan(once.storage);
  });
});

describe('Kinesis', () => {
  it('costs the hours of a stream on demand, and of a shard, even when nothing passes', () => {
    expect(kinesisOnDemandDollars(quiet)).toBeCloseTo(HOURS_PER_MONTH * prices.kinesisStreamHour.dollars, 9);
    expect(kinesisProvisionedDollars(quiet)).toBeCloseTo(HOURS_PER_MONTH * prices.kinesisShardHour.dollars, 9);
  });

  it('needs a shard for every MiB/s and every thousand records a second', () => {
    const shards = (more: object) => {
      const priced = { ...quiet, ...more };
      const units = priced.recordsPerSecond * SECONDS_PER_MONTH * prices.kinesisPutUnit.dollars;
      const payloadUnits = Math.ceil(priced.recordBytes / 25_600);
      const hours = kinesisProvisionedDollars(priced) - units * payloadUnits;
      return Math.round(hours / (HOURS_PER_MONTH * prices.kinesisShardHour.dollars));
    };
    expect(shards({ recordsPerSecond: 1_000 })).toBe(1);
    expect(shards({ recordsPerSecond: 1_001 })).toBe(2);
    expect(shards({ recordsPerSecond: 1_024 })).toBe(2);
    expect(shards({ recordsPerSecond: 100, recordBytes: 102_400 })).toBe(10);
  });
});

describe('MSK Serverless', () => {
  it('costs the hours of the cluster and of each partition even when nothing passes', () => {
    const hours = prices.mskClusterHour.dollars + 4 * prices.mskPartitionHour.dollars;
    expect(mskServerlessDollars(quiet)).toBeCloseTo(HOURS_PER_MONTH * hours, 9);
    expect(mskServerlessDollars(load)).toBeGreaterThan(mskServerlessDollars(quiet));
  });
});

describe('the table', () => {
  it('has a dollar figure of each service in every row', () => {
    const { rows, columns } = comparisonTable({ one: produce, mebibyte: produce, fetch });
    for (const row of rows) {
      expect(row).toHaveLength(columns.length);
      for (const cell of row.slice(2)) expect(cell).toMatch(/^\$\d/);
    }
  });
});
