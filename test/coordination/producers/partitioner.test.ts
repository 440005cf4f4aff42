import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partitionForKey } from '../../../lib/coordination/producers/partitioner.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';

describe('partitionForKey', () => {
  it('is the positive hash modulo the partitions, also for negative hashes', () => {
    // `Utils.toPositive` clears the sign bit; it does not negate.
    expect(partitionForKey(utf8('foobar'), 10)).toBe((-790332482 & 0x7fffffff) % 10);
    expect(partitionForKey(utf8('kafka'), 12)).toBe(1348980580 % 12);
  });

  it('is always a partition of the topic', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 10_000 }), (key, partitions) => {
        const partition = partitionForKey(key, partitions);
        expect(Number.isInteger(partition) && partition >= 0 && partition < partitions).toBe(true);
      }),
    );
  });

  it('spreads keys: of 10,000 every one of 16 partitions gets its share within a tenth', () => {
    const counts = Array<number>(16).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const partition = partitionForKey(utf8(`key-${i}`), 16);
      counts[partition] = (counts[partition] as number) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 625)).toBeLessThan(100); // 4 standard deviations
  });
});
