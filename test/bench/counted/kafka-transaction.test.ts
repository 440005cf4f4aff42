import { describe, expect, it } from 'vitest';
import { kafkaAppends } from '../../../bench/counted/kafka-transaction.ts';

describe("Kafka's appends for a transaction", () => {
  it('over 8 partitions and offsets are 22, and 66 by three replicas', () => {
    expect(kafkaAppends({ partitions: 8, offsets: true, replicationFactor: 3 })).toEqual({
      data: 8,
      offsets: 1,
      transactionLog: 4,
      markers: 9,
      total: 22,
      replicated: 66,
    });
  });

  it('without offsets lack their partition, its marker and the entry that adds it', () => {
    const [with_, without] = [true, false].map((offsets) =>
      kafkaAppends({ partitions: 1, offsets, replicationFactor: 1 }),
    );
    expect((with_?.total ?? 0) - (without?.total ?? 0)).toBe(3);
  });
});
