import { describe, expect, it } from 'vitest';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { describePartition } from '../../../lib/broker/topics/describe-topic.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { gatewayWorld } from '../support/gateway-world.ts';

async function worldWithRecords(config = {}) {
  const world = await gatewayWorld();
  const { broker } = world;
  await createTopic(broker, { name: 't', partitions: 2, config });
  const records = Array.from({ length: 5 }, (_, n) => ({
    partition: 0,
    key: utf8(`k${n}`),
    value: utf8('v'),
    headers: [],
  }));
  await produceRecords(broker, { topic: 't', records, acks: 'all' });
  const client = await world.connect();
  const remove = async (...partitions: { partitionIndex: number; offset: bigint }[]) => {
    const { topics } = await client.request('DeleteRecords', 2, {
      topics: [{ name: 't', partitions }],
      timeoutMs: 1_000,
    });
    return topics[0]?.partitions.map(({ partitionIndex, lowWatermark, errorCode }) => [
      partitionIndex,
      lowWatermark,
      errorCode,
    ]);
  };
  return { ...world, client, remove };
}

describe('DeleteRecords', () => {
  it('raises the log start to an offset, and to the high watermark for -1', async () => {
    const { broker, remove } = await worldWithRecords();
    expect(await remove({ partitionIndex: 0, offset: 3n })).toEqual([[0, 3n, 0]]);
    expect(await remove({ partitionIndex: 0, offset: 1n })).toEqual([[0, 3n, 0]]);
    expect(await remove({ partitionIndex: 0, offset: -1n }, { partitionIndex: 1, offset: -1n })).toEqual([
      [0, 5n, 0],
      [1, 0n, 0],
    ]);
    expect(await describePartition(broker, 't', 0)).toMatchObject({ logStartOffset: 5 });
  });

  it('refuses offsets and partitions that are not there, one by one', async () => {
    const { remove } = await worldWithRecords();
    const outcomes = await remove(
      { partitionIndex: 0, offset: 6n },
      { partitionIndex: 1, offset: -2n },
      { partitionIndex: 2, offset: 0n },
      { partitionIndex: -1, offset: 0n },
    );
    expect(outcomes).toEqual([
      [0, -1n, 1],
      [1, -1n, 1],
      [2, -1n, 3],
      [-1, -1n, 3],
    ]);
  });

  it('refuses topics that are only compacted, and those that are not there', async () => {
    const { client, remove } = await worldWithRecords({ 'cleanup.policy': 'compact' });
    expect(await remove({ partitionIndex: 0, offset: -1n })).toEqual([[0, -1n, 44]]);
    const { topics } = await client.request('DeleteRecords', 0, {
      topics: [{ name: 'u', partitions: [{ partitionIndex: 0, offset: 0n }] }],
      timeoutMs: 1_000,
    });
    expect(topics[0]?.partitions).toMatchObject([{ errorCode: 3 }]);
  });
});
