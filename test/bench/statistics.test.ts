import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mean, median, pairedRatio, quantile } from '../../bench/statistics.ts';

const values = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 });

describe('quantile', () => {
  it('is the least at 0, the most at 1, and between its neighbours elsewhere', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (numbers, q) => {
        expect(quantile(numbers, 0)).toBe(Math.min(...numbers));
        expect(quantile(numbers, 1)).toBe(Math.max(...numbers));
        const value = quantile(numbers, q);
        const position = q * (numbers.length - 1);
        expect(numbers.filter((number) => number < value).length).toBeLessThanOrEqual(Math.ceil(position));
        expect(numbers.filter((number) => number > value).length).toBeLessThan(numbers.length - Math.floor(position));
      }),
    );
  });

  it('interpolates', () => {
    expect(quantile([10, 20, 30, 40], 0.5)).toBe(25);
    expect(quantile([10, 20], 0.25)).toBe(12.5);
  });

  it('does not change the order of what it is given', () => {
    const numbers = [3, 1, 2];
    quantile(numbers, 0.5);
    expect(numbers).toEqual([3, 1, 2]);
  });

  it('has nothing to say of nothing', () => {
    expect(() => quantile([], 0.5)).toThrow('a quantile needs a value');
  });
});

describe('median', () => {
  it('is the middle one, whatever the others are', () => {
    expect(median([1, 1_000_000, 2])).toBe(2);
    expect(median([7])).toBe(7);
  });
});

describe('pairedRatio', () => {
  it('is the ratio inside the pairs however fast the machine is in each', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0.01, max: 100, noNaN: true }), (baseline, ratio) => {
        const measured = baseline.map((value) => value * ratio);
        expect(pairedRatio(measured, baseline)).toBeCloseTo(ratio, 6);
      }),
    );
  });

  it('is not moved by one bad round', () => {
    expect(pairedRatio([5, 5, 0.1], [10, 10, 10])).toBe(0.5);
  });

  it('refuses rounds that are no pairs', () => {
    expect(() => pairedRatio([1], [1, 2])).toThrow('rounds come in pairs');
  });
});

describe('mean', () => {
  it('is the sum over the count', () => {
    expect(mean([1, 2, 6])).toBe(3);
  });
});
