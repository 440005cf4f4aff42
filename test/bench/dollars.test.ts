import { describe, expect, it } from 'vitest';
import {
  addCounts,
  assumedMilliseconds,
  fargateDollarsPerMonth,
  httpApiDollars,
  lambdaDollars,
  NO_COUNTS,
  scaleCounts,
  storageDollars,
} from '../../bench/dollars.ts';
import { prices } from '../../bench/prices.ts';

const counts = { writeUnits: 3, readUnits: 2, puts: 1, gets: 4, tableCalls: 5, bucketCalls: 6 };

describe('counts', () => {
  it('add up and scale', () => {
    expect(addCounts(counts, scaleCounts(counts, 2))).toEqual(scaleCounts(counts, 3));
    expect(addCounts(counts, scaleCounts(counts, -1))).toEqual(NO_COUNTS);
  });
});

describe('storageDollars', () => {
  it('is what each million costs on its own', () => {
    const million = (name: keyof typeof counts) => storageDollars({ ...NO_COUNTS, [name]: 1e6 });
    expect(million('writeUnits')).toBeCloseTo(0.625, 9);
    expect(million('readUnits')).toBeCloseTo(0.125, 9);
    expect(million('puts')).toBeCloseTo(5, 9);
    expect(million('gets')).toBeCloseTo(0.4, 9);
    expect(million('tableCalls') + million('bucketCalls')).toBe(0);
  });

  it('is their sum', () => {
    expect(storageDollars(counts) * 1e6).toBeCloseTo(3 * 0.625 + 2 * 0.125 + 5 + 4 * 0.4, 9);
  });
});

describe('httpApiDollars', () => {
  it('meters in 512 KB, and at least once', () => {
    const once = prices.httpApiRequest.dollars;
    expect(httpApiDollars(0)).toBe(once);
    expect(httpApiDollars(512 * 1024)).toBe(once);
    expect(httpApiDollars(512 * 1024 + 1)).toBe(2 * once);
    expect(httpApiDollars(4 * 1024 * 1024)).toBe(8 * once);
  });
});

describe('lambdaDollars', () => {
  it('is a request and its gigabyte-seconds', () => {
    expect(lambdaDollars({ milliseconds: 0, memoryMiB: 1024 })).toBe(prices.lambdaRequest.dollars);
    const second = lambdaDollars({ milliseconds: 1_000, memoryMiB: 1024 }) - prices.lambdaRequest.dollars;
    expect(second).toBeCloseTo(prices.lambdaDuration.dollars, 12);
    const half = lambdaDollars({ milliseconds: 1_000, memoryMiB: 512 }) - prices.lambdaRequest.dollars;
    expect(half).toBeCloseTo(second / 2, 12);
  });
});

describe('fargateDollarsPerMonth', () => {
  it('is 730 hours of its processors and memory', () => {
    expect(fargateDollarsPerMonth({ cpus: 1, memoryGB: 0 })).toBeCloseTo(730 * prices.fargateCpu.dollars, 9);
    expect(fargateDollarsPerMonth({ cpus: 0, memoryGB: 2 })).toBeCloseTo(1460 * prices.fargateMemory.dollars, 9);
  });
});

describe('assumedMilliseconds', () => {
  it('grows with every round trip, with those of the bucket most', () => {
    const of = (more: object) => assumedMilliseconds({ ...NO_COUNTS, ...more });
    expect(of({ tableCalls: 1 })).toBeGreaterThan(of({}));
    expect(of({ bucketCalls: 1 })).toBeGreaterThan(of({ tableCalls: 1 }));
    expect(of({ writeUnits: 100, puts: 100 })).toBe(of({}));
  });
});

describe('the price table', () => {
  it.each(Object.entries(prices))('says of %s where and when it was found', (_, price) => {
    expect(price.dollars).toBeGreaterThan(0);
    expect(price.page).toMatch(/^https:\/\/aws\.amazon\.com\/.+\/pricing\//);
    expect(price.asOf).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    expect(price.copy.length).toBeGreaterThan(10);
    expect(price.per.length).toBeGreaterThan(3);
  });
});
