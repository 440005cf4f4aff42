import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartitionChooser, partitionForKey } from '../../../lib/client/producer/partitioners.ts';
import { partitionForKey as brokersPartitionForKey } from '../../../lib/coordination/producers/partitioner.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { producerWorld } from './producer-world.ts';

const record = (key: string | null = null) => ({ topic: 't', key: key === null ? null : utf8(key), given: {} });

describe('byKey', () => {
  it('chooses what the server chooses', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 10_000 }), (key, partitions) => {
        expect(partitionForKey(key, partitions)).toBe(brokersPartitionForKey(key, partitions));
        const chooser = new PartitionChooser('byKey', seededRandom(1));
        expect(chooser.choose({ topic: 't', key, given: {} }, partitions)).toBe(partitionForKey(key, partitions));
      }),
    );
  });
});

describe('sticky', () => {
  it('keeps records without key in one partition until its batch is closed, then goes to another', () => {
    const chooser = new PartitionChooser('byKey', seededRandom(1));
    const seen = new Set<number>();
    let before: number | undefined;
    for (let batch = 0; batch < 50; batch++) {
      const partition = chooser.choose(record(), 5);
      for (let more = 0; more < 3; more++) expect(chooser.choose(record(), 5)).toBe(partition);
      expect(partition).not.toBe(before);
      seen.add(partition);
      chooser.batchClosed('t', (partition + 1) % 5, 5);
      expect(chooser.choose(record(), 5)).toBe(partition);
      chooser.batchClosed('t', partition, 5);
      before = partition;
    }
    expect(seen.size).toBe(5);
  });

  it('as an option leaves keys out of it', () => {
    const chooser = new PartitionChooser('sticky', seededRandom(1));
    const partitions = ['a', 'b', 'c', 'd', 'e'].map((key) => chooser.choose(record(key), 100));
    expect(new Set(partitions).size).toBe(1);
  });

  it('fills whole batches, one partition after the other', async () => {
    const { producer, fake, settled } = producerWorld({ batchRecordsMax: 10 });
    const records = Array.from({ length: 200 }, (_, index) => ({ value: `${index}` }));
    await settled(producer.send({ topic: 'wide', records }));
    expect(fake.writes.map(({ values }) => values.length)).toEqual(Array(20).fill(10));
    expect(new Set(fake.writes.map(({ partition }) => partition))).toEqual(new Set([0, 1, 2, 3]));
  });
});

describe('roundRobin', () => {
  it('goes from partition to partition', () => {
    const chooser = new PartitionChooser('roundRobin', seededRandom(1));
    const partitions = Array.from({ length: 6 }, () => chooser.choose(record('k'), 3));
    expect(partitions.slice(3)).toEqual(partitions.slice(0, 3));
    expect(new Set(partitions)).toEqual(new Set([0, 1, 2]));
  });
});

describe('a function', () => {
  it('chooses by the record, its key’s bytes and the number of partitions', async () => {
    const seen: unknown[] = [];
    const { producer, settled } = producerWorld({
      partitioner: ({ topic, value, keyBytes }, partitions) => {
        seen.push([topic, value, keyBytes, partitions]);
        return partitions - 1;
      },
    });
    const sent = producer.send({ topic: 'wide', records: [{ key: 'k', value: 'v' }] });
    expect(await settled(sent)).toMatchObject([{ partition: 3 }]);
    expect(seen).toEqual([['wide', 'v', utf8('k'), 4]]);
  });

  it.each([4, -1, 0.5, Number.NaN])('that returns no partition fails the record alone (%s)', async (bad) => {
    const { producer, settled } = producerWorld({ partitioner: ({ value }) => (value === 'bad' ? bad : 0) });
    const sends = ['a', 'bad', 'b'].map((value) => producer.send({ topic: 'wide', records: [{ value }] }));
    const outcomes = await settled(Promise.allSettled(sends));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'PARTITIONER_FAILED', effect: 'none' } });
  });

  it('that throws fails the record alone, with the cause', async () => {
    const cause = new Error('no tenant');
    const { producer, failure } = producerWorld({
      partitioner: () => {
        throw cause;
      },
    });
    const error = await failure(producer.send({ topic: 'wide', records: [{ value: 'a' }] }));
    expect(error).toMatchObject({ code: 'PARTITIONER_FAILED', cause });
  });

  it('that throws for all that waits for room fails them one after the other', async () => {
    const { producer, settled } = producerWorld({
      bufferBytesMax: 100,
      partitioner: () => {
        throw new Error('no tenant');
      },
    });
    const first = producer.send({ topic: 'wide', records: [{ value: 'x'.repeat(60), partition: 0 }] });
    const sends = Array.from({ length: 20_000 }, () => producer.send({ topic: 'wide', records: [{ value: 'a' }] }));
    const outcomes = await settled(Promise.allSettled([first, ...sends]));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('is not asked about a record that names its partition', async () => {
    const { producer, settled } = producerWorld({ partitioner: () => Number.NaN });
    const sent = producer.send({ topic: 'wide', records: [{ value: 'a', partition: 2 }] });
    expect(await settled(sent)).toMatchObject([{ partition: 2 }]);
  });
});
