import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type PartitionedRecord,
  type PartitionerConfig,
  partitionForKey,
  requestPartitioner,
} from '../../../lib/coordination/producers/partitioner.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';

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

describe('requestPartitioner', () => {
  const choices = (config: Partial<PartitionerConfig>, records: PartitionedRecord[], seed = 1) => {
    const all = { partitioner: 'key' as const, 'partitioner.tenant.header': '', 'partitioner.tenant.separator': ':' };
    return records.map(requestPartitioner({ ...all, ...config }, 16, seededRandom(seed)));
  };
  const keyed = (key: string | null) => ({ key: key === null ? null : utf8(key), headers: [] });
  const from = (tenant: string | null, key = 'k') => ({
    key: utf8(key),
    headers: [
      { key: 'tenant', value: utf8('an earlier one') },
      { key: 'tenant', value: tenant === null ? null : utf8(tenant) },
      { key: 'other', value: null },
    ],
  });

  it('goes by the key, and keeps records without one together', () => {
    const [a, keyless, b, again] = choices({}, [keyed('a'), keyed(null), keyed('b'), keyed(null)]);
    expect([a, b]).toEqual([partitionForKey(utf8('a'), 16), partitionForKey(utf8('b'), 16)]);
    expect(again).toBe(keyless);
    const elsewhere = Array.from({ length: 20 }, (_, seed) => choices({}, [keyed(null)], seed)[0]);
    expect(new Set(elsewhere).size).toBeGreaterThan(3);
  });

  it('keeps the keyless records of all parts of a request together, as long as the partition is there', () => {
    const config = {
      partitioner: 'key' as const,
      'partitioner.tenant.header': '',
      'partitioner.tenant.separator': ':',
    };
    const keyless = {};
    const place = (partitions: number) => requestPartitioner(config, partitions, seededRandom(5), keyless)(keyed(null));
    const first = place(1_000);
    expect(place(1_000)).toBe(first);
    expect(place(2)).toBeLessThan(2);
  });

  it('takes every partition in turn, whatever the keys', () => {
    const records = Array.from({ length: 32 }, () => keyed('same'));
    const taken = choices({ partitioner: 'round-robin' }, records) as number[];
    const first = taken[0] as number;
    expect(taken).toEqual(records.map((_, index) => (first + index) % 16));
  });

  it("goes by the last value of the tenant's header", () => {
    const config = { partitioner: 'tenant', 'partitioner.tenant.header': 'tenant' } as const;
    const wanted = partitionForKey(utf8('acme'), 16);
    expect(choices(config, [from('acme', 'x'), from('acme', 'y')])).toEqual([wanted, wanted]);
    expect(choices(config, [from(null), keyed('acme')])).toEqual([undefined, undefined]);
  });

  it('goes by the key up to the separator, or all of it', () => {
    const config = { partitioner: 'tenant', 'partitioner.tenant.separator': '::' } as const;
    const wanted = partitionForKey(utf8('acme:1'), 16);
    const keys = ['acme:1::order-7', 'acme:1::', 'acme:1'].map(keyed);
    expect(choices(config, keys)).toEqual([wanted, wanted, wanted]);
    expect(choices(config, [keyed(null)])).toEqual([undefined]);
  });
});
