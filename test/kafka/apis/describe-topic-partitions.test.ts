import { describe, expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { gatewayWorld } from '../support/gateway-world.ts';

type Cursor = { topicName: string; partitionIndex: number } | null;

async function describer() {
  const world = await gatewayWorld();
  for (const [name, partitions] of [
    ['a', 3],
    ['b', 1],
    ['c', 2],
  ] as const)
    await createTopic(world.broker, { name, partitions });
  const client = await world.connect();
  const ask = async (names: string[], { limit = 2_000, cursor = null as Cursor } = {}) => {
    const topics = names.map((name) => ({ name }));
    const answer = await client.request('DescribeTopicPartitions', 0, {
      topics,
      responsePartitionLimit: limit,
      cursor,
    });
    const found = answer.topics.map(({ name, errorCode, partitions }) =>
      errorCode === 0
        ? `${name} ${partitions.map(({ partitionIndex }) => partitionIndex).join()}`
        : `${name} error ${errorCode}`,
    );
    return { found, next: answer.nextCursor, topics: answer.topics };
  };
  return { ask };
}

describe('DescribeTopicPartitions', () => {
  it('answers topics in the order of their names, each once', async () => {
    const { ask } = await describer();
    expect(await ask(['c', 'a', 'c'])).toMatchObject({ found: ['a 0,1,2', 'c 0,1'], next: null });
    const { topics } = await ask(['b']);
    expect(topics[0]).toMatchObject({
      topicAuthorizedOperations: 3_576,
      isInternal: false,
      partitions: [{ leaderId: 1, leaderEpoch: 0, replicaNodes: [1], isrNodes: [1], offlineReplicas: [] }],
    });
  });

  it('answers all topics where none is named', async () => {
    const { ask } = await describer();
    expect((await ask([])).found).toEqual(['a 0,1,2', 'b 0', 'c 0,1']);
  });

  it.each([1, 2, 3, 4, 5, 6, 7])('comes to all partitions by cursors, %i at a time', async (limit) => {
    const { ask } = await describer();
    const found: string[] = [];
    let cursor: Cursor = null;
    do {
      const { topics, next } = await ask([], { limit, cursor });
      const partitions = topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex }) => `${name}-${partitionIndex}`),
      );
      expect(partitions.length).toBeLessThanOrEqual(limit);
      found.push(...partitions);
      cursor = next;
    } while (cursor !== null);
    expect(found).toEqual(['a-0', 'a-1', 'a-2', 'b-0', 'c-0', 'c-1']);
  });

  it('says which named topics are not there', async () => {
    const { ask } = await describer();
    expect((await ask(['b', 'never', 'no spaces'])).found).toEqual(['b 0', 'never error 3', 'no spaces error 17']);
  });

  it('refuses cursors that are none', async () => {
    const { ask } = await describer();
    expect((await ask(['a'], { cursor: { topicName: 'b', partitionIndex: 0 } })).found).toEqual(['a error 42']);
    expect((await ask(['a'], { cursor: { topicName: 'a', partitionIndex: -1 } })).found).toEqual(['a error 42']);
  });
});
