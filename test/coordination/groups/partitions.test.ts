import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  countPartitions,
  eachPartition,
  equalPartitions,
  hasPartition,
  intersection,
  minus,
  type Partitions,
  packPartitions,
  partitionsOf,
  union,
  unpackPartitions,
} from '../../../lib/coordination/groups/partitions.ts';
import { anyPartitions, topicIdOf } from '../../support/group-arbitraries.ts';

const names = (partitions: Partitions) =>
  new Set([...eachPartition(partitions)].map(({ topicId, partition }) => `${topicId} ${partition}`));

describe('sets of partitions', () => {
  test('come back as they were packed', () => {
    fc.assert(
      fc.property(anyPartitions, (partitions) => {
        expect(unpackPartitions(packPartitions(partitions))).toEqual(partitions);
      }),
    );
  });

  test('are united, intersected and subtracted as sets', () => {
    fc.assert(
      fc.property(anyPartitions, anyPartitions, (a, b) => {
        const [inA, inB] = [names(a), names(b)];
        expect(names(union(a, b))).toEqual(new Set([...inA, ...inB]));
        expect(names(intersection(a, b))).toEqual(new Set([...inA].filter((name) => inB.has(name))));
        expect(names(minus(a, b))).toEqual(new Set([...inA].filter((name) => !inB.has(name))));
        expect(countPartitions(a)).toBe(names(a).size);
        expect(equalPartitions(a, b)).toBe([...inA].toSorted().join() === [...inB].toSorted().join());
        for (const partition of eachPartition(a)) expect(hasPartition(a, partition)).toBe(true);
        expect(union(minus(a, b), intersection(a, b))).toEqual(a);
      }),
    );
  });

  test('take a byte or two for each partition of a topic', () => {
    const one = partitionsOf(
      Array.from({ length: 100 }, (_, index) => ({ topicId: topicIdOf(1), partition: 3 * index })),
    );
    expect(packPartitions(one).length).toBe(1 + 16 + 1 + 100);
  });
});
